// Gradient rules of the reduce family.
#include "autograd/rule.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce_tables.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

void sum_backward(const SumSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor kept = reshape(grad_output, s.kept);
  grad.set(0, expand(s.scale == 1.0 ? kept : kept * s.scale, s.shape));
}

// The elements that equal the largest share its gradient.
void amax_backward(const ExtremumSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor x = s.x.get();
  const Tensor is_largest = cast(eq(x, reshape(s.y.get(), s.kept)), x.dtype());
  grad.set(0, is_largest * (reshape(grad_output, s.kept) / sum_to(is_largest, s.kept)));
}

// A row of nothing but -inf has no derivative: its gradient is NaN, as in PyTorch.
void logsumexp_backward(const ExtremumSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, reshape(grad_output, s.kept) * exp(s.x.get() - reshape(s.y.get(), s.kept)));
}

const RegisterGrad kSum(sum_grad, sum_backward);
const RegisterGrad kMean(mean_grad, sum_backward);
const RegisterGrad kAmax(amax_grad, amax_backward);
const RegisterGrad kLogSumExp(logsumexp_grad, logsumexp_backward);

}  // namespace
}  // namespace roux
