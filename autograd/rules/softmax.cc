// Gradients of the softmax family.
#include "autograd/rule.h"
#include "tensor/ops/softmax_tables.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

void fused_backward(const KernelTable<SoftmaxBackwardKernel>& table, const SoftmaxSaved& s,
                    const Tensor& grad_output, GradInputs& grad) {
  const Tensor y = s.y.get();
  Tensor grad_x = empty(y.spec(), y.device());
  table.run(y, contiguous(grad_output), y, grad_x);
  grad.set(0, grad_x);
}

void softmax_backward(const SoftmaxSaved& s, const Tensor& grad_output, GradInputs& grad) {
  fused_backward(softmax_backward_kernels, s, grad_output, grad);
}
Tensor softmax_again(const SoftmaxSaved&, absl::Span<const Tensor> inputs) {
  return softmax_composed(inputs[0]);
}

void log_softmax_backward(const SoftmaxSaved& s, const Tensor& grad_output, GradInputs& grad) {
  fused_backward(log_softmax_backward_kernels, s, grad_output, grad);
}
Tensor log_softmax_again(const SoftmaxSaved&, absl::Span<const Tensor> inputs) {
  return log_softmax_composed(inputs[0]);
}

const RegisterFusedGrad kSoftmax(softmax_grad, softmax_backward, softmax_again);
const RegisterFusedGrad kLogSoftmax(log_softmax_grad, log_softmax_backward, log_softmax_again);

}  // namespace
}  // namespace roux
