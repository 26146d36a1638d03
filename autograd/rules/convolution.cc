// unfold and fold are each other's transpose; the second derivatives of conv1d are those of its windows'
// product.
#include "autograd/rule.h"
#include "tensor/ops/convolution_tables.h"

namespace roux {
namespace {

void unfold_backward(const WindowsSaved& s, const Tensor& g, GradInputs& grad) {
  grad.set(0, fold(g, s.length, s.windows));
}
void fold_backward(const WindowsSaved& s, const Tensor& g, GradInputs& grad) {
  grad.set(0, unfold(g, s.windows));
}
void conv1d_gradients(const Conv1dSaved& s, const Tensor& g, GradInputs& grad) {
  const Conv1dGrads grads = conv1d_backward(s, g, grad.needs(0), grad.needs(1));
  if (grads.x.defined()) grad.set(0, grads.x);
  if (grads.weight.defined()) grad.set(1, grads.weight);
}
Tensor conv1d_again(const Conv1dSaved& s, absl::Span<const Tensor> in) {
  return conv1d_unfolded(in[0], in[1], s.windows, s.groups);
}
const RegisterFusedGrad kConv1d(conv1d_grad, conv1d_gradients, conv1d_again);
const RegisterGrad kUnfold(unfold_grad, unfold_backward);
const RegisterGrad kFold(fold_grad, fold_backward);

}  // namespace
}  // namespace roux
