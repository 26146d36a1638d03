// Muon: the momentum of a matrix, made nearly orthogonal, is its update. For the matrices of hidden layers;
// embeddings, heads, norms and biases are given to an AdamW. The state and step rules of optimizer.h.
//                                                                    [Jordan et al. 2024; Liu et al. 2025]
#ifndef ROUX_OPTIM_MUON_H_
#define ROUX_OPTIM_MUON_H_

#include <vector>

#include "optim/optimizer.h"

namespace roux {

// A [rows, columns] update is multiplied by
enum class MuonScale {
  kOriginal,       // sqrt(max(1, rows / columns))
  kMatchRmsAdamW,  // 0.2 sqrt(max(rows, columns)): AdamW's rates and decays serve
};

struct MuonOptions {
  double momentum = 0.95, weight_decay = 0.1;
  bool nesterov = true;
  int newton_schulz_steps = 5;
  MuonScale scale = MuonScale::kOriginal;
};

// b = momentum b + (1 - momentum) g;  u = momentum b + (1 - momentum) g with nesterov, else b
// p -= lr wd p + lr scale O,  O = newton_schulz(u, steps)
// Defaults are PyTorch's. Composed of public ops, in the parameter's dtype (the published code iterates in
// bf16). The constructor throws Error for parameters that are not of rank 2, for a momentum outside [0, 1), a
// weight_decay that is negative, NaN or infinite, and for less than one step.
class Muon final : public Optimizer {
 public:
  explicit Muon(std::vector<ParamGroup> groups, const MuonOptions& options = {});

 private:
  void update(const Group& group, const std::vector<std::vector<Tensor>>& lists,
              const Tensor& scalars) override;
  MuonOptions options_;
};

// x [rows, columns], floating, with its singular values brought near 1 (to about [0.7, 1.2] in five steps):
// x / max(|x|, 1e-7), then `steps` times x = a x + (b A + c A^2) x, A = x x^T, (a, b, c) = (3.4445, -4.775,
// 2.0315); on the transpose where rows > columns. Throws Error for another rank.
Tensor newton_schulz(const Tensor& x, int steps);

}  // namespace roux

#endif  // ROUX_OPTIM_MUON_H_
