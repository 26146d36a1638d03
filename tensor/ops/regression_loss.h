// Losses of predicted numbers, as torch.nn.functional has them. input and target: one floating dtype and one
// shape; both are differentiable, to any order. Computed in f32 for f32, bf16 and f16 and in f64 for f64; the
// loss has that dtype. A scalar, or for kNone the shape of input; kMean divides by the number of elements
// (NaN over none): for means over some positions take kNone and masked_mean. All throw Error on mismatched
// shapes or dtypes.
#ifndef ROUX_TENSOR_OPS_REGRESSION_LOSS_H_
#define ROUX_TENSOR_OPS_REGRESSION_LOSS_H_

#include "tensor/ops/loss.h"

namespace roux {

Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::kMean);  // d^2
Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::kMean);   // |d|

// With d = input - target: d^2 / 2 where |d| <= delta, delta (|d| - delta / 2) elsewhere  [Huber 1964].
// Throws Error unless delta > 0.
Tensor huber_loss(const Tensor& input, const Tensor& target, double delta = 1,
                  Reduction reduction = Reduction::kMean);
// huber_loss with delta = beta, divided by beta; l1_loss for beta = 0. Throws Error for beta < 0.
Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, double beta = 1,
                      Reduction reduction = Reduction::kMean);

struct GaussianNllOptions {
  bool full = false;  // adds log(2 pi) / 2
  double eps = 1e-6;  // the least variance that is computed with
  Reduction reduction = Reduction::kMean;
};
// (log v + (input - target)^2 / v) / 2 with v = max(var, eps): the negative log-density of target under a
// Gaussian of mean input  [Nix & Weigend 1994]. var: of input's dtype, broadcasts to its shape. The gradient
// of var is that to v, also below eps (so that it can leave that region). Throws Error unless eps > 0.
Tensor gaussian_nll_loss(const Tensor& input, const Tensor& target, const Tensor& var,
                         const GaussianNllOptions& options = {});

// -(pos_weight y log s + (1 - y) log(1 - s)), s = sigmoid(input), y = target in [0, 1], computed from the
// logits without overflow. pos_weight: weight of the positive part, of the loss's dtype, broadcasts to
// input's shape; 1 where undefined; no gradient.
Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target,
                                        const Tensor& pos_weight = Tensor(),
                                        Reduction reduction = Reduction::kMean);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_REGRESSION_LOSS_H_
