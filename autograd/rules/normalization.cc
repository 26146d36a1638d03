// Gradient rules of the normalization family.
#include "autograd/rule.h"
#include "tensor/ops/normalization_tables.h"

namespace roux {
namespace {

void rms_norm_rule(const RmsNormSaved& s, const Tensor& grad_output, GradInputs& grad) {
  NormGrads grads = rms_norm_backward(s, grad_output, grad.needs(0), grad.needs(1));
  if (grad.needs(0)) grad.set(0, grads.x);
  if (grad.needs(1)) grad.set(1, grads.weight);
}
Tensor rms_norm_primitives(const RmsNormSaved& s, absl::Span<const Tensor> in) {
  return rms_norm_composed(in[0], in[1], s.eps);
}
void layer_norm_rule(const LayerNormSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const bool wants_bias = s.has_bias && grad.needs(2);
  NormGrads grads = layer_norm_backward(s, grad_output, grad.needs(0), grad.needs(1), wants_bias);
  if (grad.needs(0)) grad.set(0, grads.x);
  if (grad.needs(1)) grad.set(1, grads.weight);
  if (wants_bias) grad.set(2, grads.bias);
}
Tensor layer_norm_primitives(const LayerNormSaved& s, absl::Span<const Tensor> in) {
  return layer_norm_composed(in[0], in[1], in[2], s.eps);
}

const RegisterFusedGrad kRmsNorm(rms_norm_grad, rms_norm_rule, rms_norm_primitives);
const RegisterFusedGrad kLayerNorm(layer_norm_grad, layer_norm_rule, layer_norm_primitives);

}  // namespace
}  // namespace roux
