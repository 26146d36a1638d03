// What tensor/cpu, cuda and autograd fill for the elementwise family. Inputs arrive with the same dtype
// (where: a and b) and broadcast to y's shape by strides; y is contiguous.
#ifndef ROUX_TENSOR_OPS_ELEMENTWISE_TABLES_H_
#define ROUX_TENSOR_OPS_ELEMENTWISE_TABLES_H_

#include "tensor/ops/elementwise.h"
#include "tensor/tables.h"

namespace roux {

using UnaryKernel = void(const Tensor& x, Tensor& y);
using BinaryKernel = void(const Tensor& a, const Tensor& b, Tensor& y);
using WhereKernel = void(const Tensor& condition, const Tensor& a, const Tensor& b, Tensor& y);
using ClampKernel = void(const Tensor& x, const Scalar& low, const Scalar& high, Tensor& y);
using FillKernel = void(Tensor& x, const Scalar& value);
using AddInPlaceKernel = void(Tensor& x, const Tensor& other, const Scalar& scale);

extern constinit KernelTable<BinaryKernel> add_kernels, sub_kernels, mul_kernels, div_kernels, pow_kernels,
    remainder_kernels, maximum_kernels, minimum_kernels, eq_kernels, ne_kernels, lt_kernels, le_kernels;
extern constinit KernelTable<UnaryKernel> neg_kernels, abs_kernels, sign_kernels, round_kernels,
    floor_kernels, ceil_kernels, exp_kernels, expm1_kernels, log_kernels, log1p_kernels, sin_kernels,
    cos_kernels, sqrt_kernels, rsqrt_kernels, tanh_kernels, sigmoid_kernels, erf_kernels, softplus_kernels,
    log_sigmoid_kernels, relu_kernels, silu_kernels, gelu_erf_kernels, gelu_tanh_kernels;
// grad_output times the derivative at x: the first-order backward of the activations in one pass.
extern constinit KernelTable<BinaryKernel> silu_backward_kernels, gelu_erf_backward_kernels,
    gelu_tanh_backward_kernels;
extern constinit KernelTable<UnaryKernel> cast_kernels;  // keyed by x; y has the target dtype; also copy_
extern constinit KernelTable<WhereKernel> where_kernels;
extern constinit KernelTable<ClampKernel> clamp_kernels;
extern constinit KernelTable<FillKernel> fill_kernels;
extern constinit KernelTable<AddInPlaceKernel> add_in_place_kernels;

struct NothingSaved {};
struct InputSaved {
  SavedTensor x;
};
struct OutputSaved {
  SavedTensor y;
};
struct PairSaved {
  SavedTensor a, b;
};
struct GeluSaved {
  SavedTensor x;
  GeluKind kind;
};
struct PowSaved {  // y: the output
  SavedTensor a, b, y;
};
struct WhereSaved {
  SavedTensor condition;
};
struct ClampSaved {
  SavedTensor x;
  Scalar low, high;
};
struct CastSaved {
  DType from;
};
extern constinit GradSlot<NothingSaved> add_grad, sub_grad, neg_grad, sign_grad, round_grad, floor_grad,
    ceil_grad;
extern constinit GradSlot<PairSaved> mul_grad, div_grad, maximum_grad, minimum_grad;
extern constinit GradSlot<PowSaved> pow_grad, remainder_grad;
extern constinit GradSlot<InputSaved> abs_grad, expm1_grad, log_grad, log1p_grad, sin_grad, cos_grad,
    erf_grad, softplus_grad, log_sigmoid_grad, silu_grad;
extern constinit GradSlot<OutputSaved> exp_grad, sqrt_grad, rsqrt_grad, tanh_grad, sigmoid_grad, relu_grad;
extern constinit GradSlot<GeluSaved> gelu_grad;
extern constinit GradSlot<WhereSaved> where_grad;
extern constinit GradSlot<ClampSaved> clamp_grad;
extern constinit GradSlot<CastSaved> cast_grad;

// What an in-place op reads: `source`, or a copy of it where it shares memory with x in another order than
// x's own, so that the writes to x come after all reads. source broadcasts to x's shape.
Tensor unaliased(const Tensor& x, const Tensor& source);

// Gradients of the inputs, for the rules; not recorded.
Tensor silu_backward(const Tensor& x, const Tensor& grad_output);
Tensor gelu_backward(const Tensor& x, const Tensor& grad_output, GeluKind kind);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_ELEMENTWISE_TABLES_H_
