// dropout is linear in x for a fixed draw: its gradient is the same dropout of the gradient.
#include "autograd/rule.h"
#include "tensor/ops/random_tables.h"

namespace roux {
namespace {

void dropout_backward(const DropoutSaved& s, const Tensor& g, GradInputs& grad) {
  grad.set(0, dropout_with(g, s.p, s.state.get(), s.increment));
}
const RegisterGrad kDropout(dropout_grad, dropout_backward);

}  // namespace
}  // namespace roux
