#include "autograd/rule.h"
#include "tensor/ops/elementwise.h"
#include "tests/example_op/softplus_tables.h"

namespace roux {
namespace {

void softplus_backward(const SoftplusSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, grad_output * sigmoid(s.x.get()));  // public ops: differentiable again
}
const RegisterGrad kSoftplus(softplus_grad, softplus_backward);

}  // namespace
}  // namespace roux
