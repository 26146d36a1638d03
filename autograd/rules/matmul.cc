// Gradients of the matmul family. Transposed views are not copied; where the right operand has no batch axes,
// its gradient is one product over all rows instead of a batch of products that would be summed.
#include "autograd/rule.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/matmul_tables.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

// [..., M, K] as [rows, K].
Tensor flat_rows(const Tensor& x) {
  int64_t rows = 1;
  for (int axis = 0; axis < x.dim() - 1; ++axis) rows *= x.shape()[axis];
  return x.dim() == 2 ? x : reshape(x, {rows, x.size(-1)});
}

// grad_a = g b^T, grad_b = a^T g
void matmul_backward(const MatmulSaved& s, const Tensor& grad_output, GradInputs& grad) {
  if (grad.needs(0)) grad.set(0, matmul(grad_output, s.b.get().transpose(-1, -2)));
  if (grad.needs(1)) {
    const Tensor a = s.a.get();
    grad.set(1, s.b_rank == 2 && a.dim() > 2 ? matmul(flat_rows(a).transpose(0, 1), flat_rows(grad_output))
                                             : matmul(a.transpose(-1, -2), grad_output));
  }
}

// grad_W = g^T x in the dtype of W.
Tensor weight_gradient(const Tensor& grad_output, const Tensor& x, DType dtype) {
  const Tensor a = flat_rows(grad_output).transpose(0, 1), b = flat_rows(x);
  if (dtype == a.dtype()) return matmul(a, b);
  if (grad_mode_enabled() || dtype != kF32 || a.dtype() == kF64) {
    const DType wider = promote(dtype, a.dtype());
    return cast(matmul(cast(a, wider), cast(b, wider)), dtype);
  }
  Tensor sum = empty({kF32, {a.size(0), b.size(1)}}, a.device());
  matmul_into(a, b, false, sum);
  return sum;
}

// grad_x = g W, grad_W = g^T x, grad_bias = g (summed over the rows)
void linear_backward(const LinearSaved& s, const Tensor& grad_output, GradInputs& grad) {
  if (grad.needs(0)) {
    const Tensor weight = s.weight.get();
    Tensor sum = grad.take_sum(0);  // of projections that read the same x
    if (sum.defined() && sum.numel() > 0 && grad_output.numel() > 0) {
      Tensor flat = view(sum, {sum.numel() / weight.size(1), weight.size(1)});
      matmul_into(flat_rows(grad_output), weight, true, flat);
    }
    grad.set(0, sum.defined() ? sum : matmul(grad_output, weight));
  }
  if (grad.needs(1)) grad.set(1, weight_gradient(grad_output, s.x.get(), s.weight_dtype));
  if (grad.size() > 2 && grad.needs(2)) {
    grad.set(2, s.bias_dtype == grad_output.dtype()
                    ? grad_output
                    : cast(sum_to(grad_output, {grad_output.size(-1)}), s.bias_dtype));
  }
}

const RegisterGrad kMatmul(matmul_grad, matmul_backward);
const RegisterGrad kLinear(linear_grad, linear_backward);

}  // namespace
}  // namespace roux
