// Normalised exponentials along one axis. bf16 and f16 are computed in f32 and rounded once; f64 in f64. The
// last axis runs in one fused pass; another axis costs two copies. Sums run in fixed lanes: the bits do not
// depend on the number of threads.
#ifndef ROUX_TENSOR_OPS_SOFTMAX_H_
#define ROUX_TENSOR_OPS_SOFTMAX_H_

#include "tensor/tensor.h"

namespace roux {

// y_i = exp(x_i - m) / sum_j exp(x_j - m), m = max x, along `axis`. x: floating, at least one axis. A row
// that holds NaN or +inf, or nothing but -inf, becomes NaN. Throws Error for an axis out of range.
Tensor softmax(const Tensor& x, int64_t axis = -1);
Tensor softmax_composed(const Tensor& x, int64_t axis = -1);  // the same in primitives

// y_i = x_i - m - log(sum_j exp(x_j - m)). As softmax.
Tensor log_softmax(const Tensor& x, int64_t axis = -1);
Tensor log_softmax_composed(const Tensor& x, int64_t axis = -1);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_SOFTMAX_H_
