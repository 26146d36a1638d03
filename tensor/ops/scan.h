// Running sums and products along an axis, which may be negative; the result has x's shape. Floating x: its
// dtype, with f64 accumulators on the CPU, rounded once; integers and bool: i64, which wraps. `reverse` runs
// from the last element to the first. Throw Error for an axis out of range. Differentiable to any order.
#ifndef ROUX_TENSOR_OPS_SCAN_H_
#define ROUX_TENSOR_OPS_SCAN_H_

#include "tensor/tensor.h"

namespace roux {

// y_i = x_0 + ... + x_i; reverse: x_i + ... + x_{n-1}.
Tensor cumsum(const Tensor& x, int64_t axis, bool reverse = false);

// y_i = x_0 ... x_i; reverse: x_i ... x_{n-1}. The gradient divides by nothing, so zeros in x do it no harm:
// dx_i = (x_0 ... x_{i-1}) s_i with s_i = g_i + x_{i+1} s_{i+1}.
Tensor cumprod(const Tensor& x, int64_t axis, bool reverse = false);
// The same in log2(n) steps, each of which multiplies by what stands 1, 2, 4 ... places before
// [Hillis & Steele 1986].
Tensor cumprod_composed(const Tensor& x, int64_t axis, bool reverse = false);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_SCAN_H_
