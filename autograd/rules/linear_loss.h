// Backward of losses that are fused with their projection.
#ifndef ROUX_AUTOGRAD_RULES_LINEAR_LOSS_H_
#define ROUX_AUTOGRAD_RULES_LINEAR_LOSS_H_

#include "absl/functional/function_ref.h"
#include "autograd/rule.h"
#include "tensor/ops/linear_loss_tables.h"
#include "tensor/ops/view.h"

namespace roux {

// Gradients of x, weight and bias: those that forward made, times grad_output, or of kNone those of `pass`.
inline void set_projection_gradients(
    const ProjectionSaved& s, Reduction reduction, const Tensor& counts, const Tensor& grad_output,
    absl::FunctionRef<void(const Tensor& x, const OutputProjection& output, const ProjectionGradients&)> pass,
    GradInputs& grad) {
  ForwardGradients made = s.made;
  const ProjectionGradients to{grad.needs(0) ? &made.x : nullptr, grad.needs(1) ? &made.weight : nullptr,
                               grad.needs(2) ? &made.bias : nullptr};
  const OutputProjection output = s.output();
  if (reduction == Reduction::kNone) {
    pass(s.x.get(), output, to);
  } else {
    scale_linear_gradients(counts, grad_output, to);
  }
  if (to.x != nullptr) grad.set(0, made.x.view(s.shape));
  if (to.weight != nullptr) grad.set(1, made.weight.to(output.weight.dtype()));
  if (to.bias != nullptr) grad.set(2, made.bias.to(output.bias.dtype()));
}

// The inputs that were recorded.
inline OutputProjection recorded_projection(const ProjectionSaved& s, absl::Span<const Tensor> inputs) {
  return {inputs[1], inputs[2], s.softcap};
}

}  // namespace roux

#endif  // ROUX_AUTOGRAD_RULES_LINEAR_LOSS_H_
