// Gradient of ctc_loss.
#include "autograd/rule.h"
#include "tensor/ops/ctc_tables.h"
#include "tensor/ops/elementwise.h"

namespace roux {
namespace {

CtcTargets targets_of(const CtcSaved& s) {
  return {s.targets.get(), s.input_lengths.get(), s.target_lengths.get(), s.options.blank};
}

void ctc_backward(const CtcSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor log_probs = s.log_probs.get(), log_alpha = s.log_alpha.get();
  const CtcTargets t = targets_of(s);
  const Tensor scales = ctc_scales(t.target_lengths, s.options.reduction, grad_output.dtype()) * grad_output;
  Tensor scratch =
      empty({kF64, {log_alpha.size(0), 2 * log_alpha.size(2) + log_probs.size(2)}}, log_probs.device());
  Tensor grad_log_probs = empty(log_probs.spec(), log_probs.device());
  ctc_backward_kernels.run(log_probs, log_probs, t, log_alpha, scales, s.options.zero_infinity, scratch,
                           grad_log_probs);
  grad.set(0, grad_log_probs);
}
Tensor ctc_again(const CtcSaved& s, absl::Span<const Tensor> inputs) {
  return ctc_from_targets(inputs[0], targets_of(s), s.options);
}

const RegisterFusedGrad kCtc(ctc_loss_grad, ctc_backward, ctc_again);

}  // namespace
}  // namespace roux
