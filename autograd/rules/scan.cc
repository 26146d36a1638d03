// Gradient rules of the scan family.
#include "autograd/rule.h"
#include "tensor/ops/scan_tables.h"

namespace roux {
namespace {

void cumsum_backward(const CumsumSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, cumsum(grad_output, s.axis, !s.reverse));
}

void cumprod_fused_backward(const CumprodSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, cumprod_backward(s.x.get(), grad_output, s.axis, s.reverse));
}
Tensor composed(const CumprodSaved& s, absl::Span<const Tensor> in) {
  return cumprod_composed(in[0], s.axis, s.reverse);
}

const RegisterGrad kCumsum(cumsum_grad, cumsum_backward);
const RegisterFusedGrad kCumprod(cumprod_grad, cumprod_fused_backward, composed);

}  // namespace
}  // namespace roux
