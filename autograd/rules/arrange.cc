// Gradient rule of the arrange family; its other ops are composed.
#include "autograd/rule.h"
#include "tensor/ops/arrange_tables.h"

namespace roux {
namespace {

void flip_backward(const FlipSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, flip(grad_output, absl::MakeConstSpan(s.axes.begin(), s.axes.end())));
}
const RegisterGrad kFlip(flip_grad, flip_backward);

}  // namespace
}  // namespace roux
