// Matrix products. Operands are read through their strides: a transposed or sliced view is not copied as long
// as one of its last two axes has stride 1. Products of bf16 and f16 accumulate in f32 and are rounded once;
// f64 accumulates in f64. Differentiable to any order.
#ifndef ROUX_TENSOR_OPS_MATMUL_H_
#define ROUX_TENSOR_OPS_MATMUL_H_

#include "tensor/tensor.h"

namespace roux {

// y[..., m, n] = sum_k a[..., m, k] b[..., k, n]. a: [..., M, K], b: [..., K, N], the same floating dtype;
// batch axes broadcast. A vector counts as [1, K] on the left and [K, 1] on the right and its axis is dropped
// from the result. With K = 0 the result is zero. Throws Error when dtypes differ or are not floating, on a
// scalar, when the inner sizes differ or the batch axes do not broadcast.
//
// On the CPU the sums over k are cut by the shapes alone: the bits of y do not depend on the number of
// threads, but a row alone may differ in its last bits from the same row inside a larger product; not so
// under BatchInvariantGuard.
Tensor matmul(const Tensor& a, const Tensor& b);

enum class WeightDType {
  kOfX,  // weight and bias have x's dtype
  kAny,  // they have any floating dtype and count as cast to x's: the master weights of mixed precision
};

// y = x weight^T + bias. x: [..., in], weight: [out, in], bias: [out] or undefined; the same floating dtype
// but for kAny. Returns [..., out] of x's dtype. Throws Error as matmul does.
//
// kAny gives the values of linear(x, cast(weight, x.dtype()), cast(bias, x.dtype())). When nothing is
// recorded, up to 8 rows of 16 bits read weights of f32 without a copy of them on the CPU. The gradient of
// f32 weights beside 16-bit x is summed in f32 and not rounded to 16 bits on the way.
//
// A weight of a block format goes to block_linear(), with either and as this thread's ActivationsGuard says.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = Tensor(),
              WeightDType weight_dtype = WeightDType::kOfX);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_MATMUL_H_
