// Normalisations over the last axis. Statistics and sums are computed in f32 (f64 for f64) whatever the
// dtype; the result is rounded once. Fused forward and backward; differentiable to any order through the
// composed twins.
#ifndef ROUX_TENSOR_OPS_NORMALIZATION_H_
#define ROUX_TENSOR_OPS_NORMALIZATION_H_

#include "tensor/tensor.h"

namespace roux {

// y = x / sqrt(mean(x^2) + eps) * weight                                        [Zhang & Sennrich 2019]
// x: [..., D] floating; weight: [D], dtype of x. Returns y like x. Throws Error on a shape or dtype mismatch.
Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps = 1e-6);

// y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias, var over D (not D - 1)       [Ba et al. 2016]
// x: [..., D] floating; weight and bias: [D], dtype of x; bias may be undefined. Returns y like x. Throws
// Error on a shape or dtype mismatch.
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias = Tensor(), double eps = 1e-5);

// The same in primitives.
Tensor rms_norm_composed(const Tensor& x, const Tensor& weight, double eps = 1e-6);
Tensor layer_norm_composed(const Tensor& x, const Tensor& weight, const Tensor& bias = Tensor(),
                           double eps = 1e-5);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_NORMALIZATION_H_
