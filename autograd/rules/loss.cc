// Gradients of the loss family.
#include "autograd/rule.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss_tables.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

// What each row's gradient of the summed losses is multiplied by, [N].
Tensor row_scales(const Tensor& row_weights, Reduction reduction, const Tensor& grad_output) {
  const Tensor upstream =
      reduction == Reduction::kNone ? reshape(grad_output, row_weights.shape()) : grad_output;
  return cross_entropy_row_scales(row_weights, reduction) * upstream;
}

// The targets' own shape, from that of logits or x.
Shape target_shape(Shape shape) {
  shape.erase(shape.rank() - 1);
  return shape;
}

void cross_entropy_backward(const CrossEntropySaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor logits = s.logits.get();
  Tensor grad_logits = empty(logits.spec(), logits.device());
  cross_entropy_backward_kernels.run(logits, logits, s.targets.get(), s.row_stats.get(),
                                     row_scales(s.row_weights.get(), s.reduction, grad_output),
                                     s.ignore_index, grad_logits);
  grad.set(0, grad_logits.view(s.shape));
}
Tensor cross_entropy_again(const CrossEntropySaved& s, absl::Span<const Tensor> inputs) {
  return cross_entropy_from_weights(inputs[0], s.targets.get().view(target_shape(s.shape)),
                                    s.row_weights.get(), s.ignore_index, s.reduction);
}

void linear_cross_entropy_backward(const LinearCrossEntropySaved& s, const Tensor& grad_output,
                                   GradInputs& grad) {
  const Tensor weight = s.weight.get();
  Tensor grad_x = s.grad_x, grad_weight = s.grad_weight;
  if (s.reduction == Reduction::kNone) {
    const Tensor row_weights = s.row_weights.get();
    linear_cross_entropy_pass(s.x.get(), weight, s.targets.get(), row_weights,
                              row_scales(row_weights, s.reduction, grad_output), s.ignore_index, nullptr,
                              grad.needs(0) ? &grad_x : nullptr, grad.needs(1) ? &grad_weight : nullptr);
  } else {
    // Where grad_output is not finite, it reaches the rows that count, and the weight if there are any.
    const Tensor counts = counting(s.targets.get(), s.ignore_index), zero = zeros_like(grad_output);
    if (grad.needs(0)) grad_x = grad_x * where(counts, grad_output, zero).unsqueeze(1).to(grad_x.dtype());
    if (grad.needs(1)) grad_weight = grad_weight * where(gt(sum(counts), 0.0), grad_output, zero);
  }
  if (grad.needs(0)) grad.set(0, grad_x.view(s.shape));
  if (grad.needs(1)) grad.set(1, grad_weight.to(weight.dtype()));
}
Tensor linear_cross_entropy_again(const LinearCrossEntropySaved& s, absl::Span<const Tensor> inputs) {
  return cross_entropy_from_weights(linear(inputs[0], inputs[1]), s.targets.get().view(target_shape(s.shape)),
                                    s.row_weights.get(), s.ignore_index, s.reduction);
}

const RegisterFusedGrad kCrossEntropy(cross_entropy_grad, cross_entropy_backward, cross_entropy_again);
const RegisterFusedGrad kLinearCrossEntropy(linear_cross_entropy_grad, linear_cross_entropy_backward,
                                            linear_cross_entropy_again);

}  // namespace
}  // namespace roux
