// Gradient rules of the creation family.
#include "autograd/rule.h"
#include "tensor/ops/creation_tables.h"

namespace roux {
namespace {

void to_device_backward(const ToDeviceSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, to_device(grad_output, s.from));
}
const RegisterGrad kToDevice(to_device_grad, to_device_backward);

}  // namespace
}  // namespace roux
