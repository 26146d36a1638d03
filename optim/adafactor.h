// Adafactor: the second moment of a matrix kept as its row and column means, with the state and step rules of
// optimizer.h.                                                                          [Shazeer & Stern
// 2018]
#ifndef ROUX_OPTIM_ADAFACTOR_H_
#define ROUX_OPTIM_ADAFACTOR_H_

#include <vector>

#include "optim/optimizer.h"

namespace roux {

struct AdafactorOptions {
  double eps1 = 1e-30;          // added to the squared gradient
  double eps2 = 1e-3;           // least scale of a parameter
  double clip_threshold = 1;    // root mean square that an update is cut to
  double decay_rate = -0.8;     // beta2 of a parameter's t-th step is 1 - t^decay_rate
  double beta1 = 0;             // of the first moment; 0: none is kept
  double weight_decay = 0;      // decoupled, times the step's rate
  bool scale_parameter = true;  // the rate is relative to max(eps2, rms(p))
  bool relative_step = true;    // lr is multiplied by min(1e-2, 1 / sqrt(t)): give 1 for the paper's rate
  bool warmup_init = false;     // that 1e-2 is 1e-6 t

  // Throws Error, starting with "optimizer: ", unless eps1, clip_threshold > 0, decay_rate <= 0,
  // 0 <= beta1 < 1 and the others are finite and at least 0, and warmup_init has a relative_step.
  void check() const;
};

// With t the parameter's own steps and b2 = 1 - t^decay_rate, for p of rank 2 and above (its last two axes):
//   s = g^2 + eps1;  R = b2 R + (1 - b2) mean(s, -1);  C = b2 C + (1 - b2) mean(s, -2)
//   u = g / sqrt(R C / mean(R))        and of rank 0 and 1:  V = b2 V + (1 - b2) s;  u = g / sqrt(V)
//   u *= rate / max(1, rms(u) / clip_threshold);  m = beta1 m + (1 - beta1) u, u = m (if beta1 > 0)
//   p -= weight_decay rate p + u
// as in transformers, whose defaults these are. Composed of public ops; states are exp_avg_sq_row and
// exp_avg_sq_col, or exp_avg_sq, and exp_avg.
class Adafactor final : public Optimizer {
 public:
  explicit Adafactor(std::vector<ParamGroup> groups, const AdafactorOptions& options = {});

 private:
  void update(const Group& group, const std::vector<std::vector<Tensor>>& lists,
              const Tensor& scalars) override;
  // The rate of a parameter at its t-th step, f64 of rank 0.
  Tensor rate(const Tensor& param, const Tensor& t, double lr_scale, const Tensor& scalars) const;
  AdafactorOptions options_;
};

}  // namespace roux

#endif  // ROUX_OPTIM_ADAFACTOR_H_
