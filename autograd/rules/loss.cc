// Gradients of the loss family.
#include "autograd/rules/linear_loss.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss_tables.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

// What each row's gradient is multiplied by, [N].
Tensor row_scales(const CrossEntropyTargets& t, const Tensor& grad_output) {
  const Tensor upstream =
      t.reduction == Reduction::kNone ? reshape(grad_output, t.row_weights.shape()) : grad_output;
  return loss_row_scales(t.row_weights, t.reduction) * upstream;
}

// The targets' own shape, from that of logits or x.
Shape target_shape(Shape shape) {
  shape.erase(shape.rank() - 1);
  return shape;
}

template <class Saved>
CrossEntropyTargets targets_of(const Saved& s) {
  CrossEntropyTargets t = s.targets;
  t.index = s.index.get();
  return t;
}

void cross_entropy_backward(const CrossEntropySaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor logits = s.logits.get();
  const CrossEntropyTargets t = targets_of(s);
  Tensor grad_logits = empty(logits.spec(), logits.device());
  cross_entropy_gradient(logits, s.row_stats.get(), t, row_scales(t, grad_output), grad_logits);
  grad.set(0, grad_logits.view(s.shape));
}
Tensor cross_entropy_again(const CrossEntropySaved& s, absl::Span<const Tensor> inputs) {
  return cross_entropy_from_targets(inputs[0], targets_of(s), target_shape(s.shape));
}

void linear_cross_entropy_backward(const LinearCrossEntropySaved& s, const Tensor& grad_output,
                                   GradInputs& grad) {
  const CrossEntropyTargets t = targets_of(s);
  set_projection_gradients(
      s.projection, t.reduction, counting(t.index, t.ignore_index), grad_output,
      [&](const Tensor& x, const OutputProjection& output, const ProjectionGradients& to) {
        linear_cross_entropy_pass(x, output, t, row_scales(t, grad_output), nullptr, to);
      },
      grad);
}
Tensor linear_cross_entropy_again(const LinearCrossEntropySaved& s, absl::Span<const Tensor> inputs) {
  return linear_cross_entropy_from_targets(inputs[0], recorded_projection(s.projection, inputs),
                                           targets_of(s), target_shape(s.projection.shape));
}

const RegisterFusedGrad kCrossEntropy(cross_entropy_grad, cross_entropy_backward, cross_entropy_again);
const RegisterFusedGrad kLinearCrossEntropy(linear_cross_entropy_grad, linear_cross_entropy_backward,
                                            linear_cross_entropy_again);

}  // namespace
}  // namespace roux
