// Gradients of the gated activations.
#include "autograd/rule.h"
#include "tensor/ops/activation_tables.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

void swiglu_backward(const SwigluSaved& s, const Tensor& g, GradInputs& grad) {
  const Tensor gate = s.gate.get().contiguous(), up = s.up.get().contiguous();
  Tensor grad_gate = empty_like(gate), grad_up = empty_like(up);
  swiglu_backward_kernels.run(gate, g.contiguous(), gate, up, grad_gate, grad_up);
  if (grad.needs(0)) grad.set(0, grad_gate);
  if (grad.needs(1)) grad.set(1, grad_up);
}
Tensor swiglu_as_composed(const SwigluSaved&, absl::Span<const Tensor> in) {
  return swiglu_composed(in[0], in[1]);
}

const RegisterFusedGrad kSwiglu(swiglu_grad, swiglu_backward, swiglu_as_composed);

}  // namespace
}  // namespace roux
