// RMSprop, with the state and step rules of optimizer.h.                 [Tieleman & Hinton 2012; Graves
// 2013]
#ifndef ROUX_OPTIM_RMSPROP_H_
#define ROUX_OPTIM_RMSPROP_H_

#include <vector>

#include "optim/optimizer.h"

namespace roux {

struct RmspropOptions {
  double alpha = 0.99, eps = 1e-8, weight_decay = 0, momentum = 0;
  bool centered = false;
};

// g += wd p;  v = alpha v + (1 - alpha) g^2;  d = g / (sqrt(v) + eps);  b = momentum b + d;  p -= lr b, or
// p -= lr d without momentum. centered: a = alpha a + (1 - alpha) g, and v - a^2 (at least 0) is under the
// root. All states begin as 0. Defaults are PyTorch's. Composed of public ops. The constructor throws Error
// for options that are negative, NaN or infinite, and for alpha outside [0, 1).
class Rmsprop final : public Optimizer {
 public:
  explicit Rmsprop(std::vector<ParamGroup> groups, const RmspropOptions& options = {});

 private:
  void update(const Group& group, const std::vector<std::vector<Tensor>>& lists,
              const Tensor& scalars) override;
  RmspropOptions options_;
};

}  // namespace roux

#endif  // ROUX_OPTIM_RMSPROP_H_
