// Normalisations, where not said otherwise over the last axis. Statistics and sums are computed in f32 (f64
// for f64) whatever the dtype; the result is rounded once. Fused forward and backward; differentiable to any
// order through the composed twins.
#ifndef ROUX_TENSOR_OPS_NORMALIZATION_H_
#define ROUX_TENSOR_OPS_NORMALIZATION_H_

#include "tensor/tensor.h"

namespace roux {

// y = x / sqrt(mean(x^2) + eps) * weight                                        [Zhang & Sennrich 2019]
// x: [..., D] floating; weight: [D], dtype of x. Returns y like x. Throws Error on a shape or dtype mismatch
// and, as the next two do, for an eps that is negative, NaN or infinite.
Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps = 1e-6);

// y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias, var over D (not D - 1)       [Ba et al. 2016]
// x: [..., D] floating; weight and bias: [D], dtype of x; bias may be undefined. Returns y like x. Throws
// Error on a shape or dtype mismatch.
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias = Tensor(), double eps = 1e-5);

// layer_norm without its weight over the channels of each group and all axes behind them, then times weight
// and plus bias of the channel [Wu & He 2018]. x: [N, C, ...] floating; weight and bias: [C], dtype of x, or
// undefined. Computed in f32 (f64 for f64) and rounded once. Returns y like x. Throws Error on a shape or
// dtype mismatch and for groups that do not divide C.
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight = Tensor(),
                  const Tensor& bias = Tensor(), double eps = 1e-5);

// x / max(|x|, eps) along an axis, |x| the root of the sum of squares. x: floating. Computed in f32 (f64 for
// f64) and rounded once. Where |x| < eps it counts as a constant in the gradient too.
Tensor l2_normalize(const Tensor& x, int64_t axis = -1, double eps = 1e-12);

// sum of (a / max(|a|, eps)) (b / max(|b|, eps)) along an axis, which the result lacks. a and b broadcast and
// promote. Computed and differentiated as l2_normalize is.
Tensor cosine_similarity(const Tensor& a, const Tensor& b, int64_t axis = -1, double eps = 1e-8);

// The same in primitives.
Tensor rms_norm_composed(const Tensor& x, const Tensor& weight, double eps = 1e-6);
Tensor layer_norm_composed(const Tensor& x, const Tensor& weight, const Tensor& bias = Tensor(),
                           double eps = 1e-5);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_NORMALIZATION_H_
