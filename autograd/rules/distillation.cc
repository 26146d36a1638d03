// Gradients of the distillation family.
#include "autograd/rules/linear_loss.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/distillation_tables.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss_tables.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

// What each row's gradient is multiplied by, [N].
Tensor row_scales(const DistillationCase& c, const Tensor& grad_output) {
  const Tensor upstream =
      c.reduction == Reduction::kNone ? reshape(grad_output, c.row_weights.shape()) : grad_output;
  return loss_row_scales(c.row_weights, c.reduction) * c.scale * upstream;
}

// The rows' own shape, from that of logits or x.
Shape row_shape(Shape shape) {
  shape.erase(shape.rank() - 1);
  return shape;
}

void distillation_loss_backward(const DistillationSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor logits = s.logits.get();
  const DistillationCase c = s.c.get();
  Tensor grad_logits = empty(logits.spec(), logits.device());
  distillation_backward_kernels.run(logits, logits, c.teacher, c.counts, c.rule, s.row_stats.get(),
                                    row_scales(c, grad_output), grad_logits);
  grad.set(0, grad_logits.view(s.shape));
}
Tensor distillation_loss_again(const DistillationSaved& s, absl::Span<const Tensor> inputs) {
  return distillation_from_case(inputs[0], s.c.get(), row_shape(s.shape));
}

void linear_distillation_loss_backward(const LinearDistillationSaved& s, const Tensor& grad_output,
                                       GradInputs& grad) {
  const DistillationCase c = s.c.get();
  set_projection_gradients(
      s.projection, c.reduction, c.counts, grad_output,
      [&](const Tensor& x, const OutputProjection& output, const ProjectionGradients& to) {
        linear_distillation_pass(x, output, c, row_scales(c, grad_output), nullptr, to);
      },
      grad);
}
Tensor linear_distillation_loss_again(const LinearDistillationSaved& s, absl::Span<const Tensor> inputs) {
  return linear_distillation_from_case(inputs[0], recorded_projection(s.projection, inputs), s.c.get(),
                                       row_shape(s.projection.shape));
}

const RegisterFusedGrad kDistillationLoss(distillation_loss_grad, distillation_loss_backward,
                                          distillation_loss_again);
const RegisterFusedGrad kLinearDistillationLoss(linear_distillation_loss_grad,
                                                linear_distillation_loss_backward,
                                                linear_distillation_loss_again);

}  // namespace
}  // namespace roux
