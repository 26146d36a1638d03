// unfold and fold are each other's transpose.
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
const RegisterGrad kUnfold(unfold_grad, unfold_backward);
const RegisterGrad kFold(fold_grad, fold_backward);

}  // namespace
}  // namespace roux
