// Gradients of the block_linear family: each of the two products is the other's.
#include "autograd/rule.h"
#include "tensor/ops/block_linear_tables.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"

namespace roux {
namespace {

void block_linear_backward(const BlockLinearSaved& s, const Tensor& grad_output, GradInputs& grad) {
  if (grad.needs(0)) grad.set(0, block_linear_transposed(grad_output, s.weight.get()));
  if (grad.size() > 1 && grad.needs(1)) {
    grad.set(1, s.bias_dtype == grad_output.dtype()
                    ? grad_output
                    : cast(sum_to(grad_output, {grad_output.size(-1)}), s.bias_dtype));
  }
}
void block_linear_transposed_backward(const BlockLinearSaved& s, const Tensor& grad_output,
                                      GradInputs& grad) {
  grad.set(0, block_linear(grad_output, s.weight.get()));
}

const RegisterGrad kBlockLinear(block_linear_grad, block_linear_backward);
const RegisterGrad kBlockLinearTransposed(block_linear_transposed_grad, block_linear_transposed_backward);

}  // namespace
}  // namespace roux
