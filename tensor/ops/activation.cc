#include "tensor/ops/activation.h"

#include "tensor/ops/activation_tables.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"

namespace roux {

constinit KernelTable<SwigluKernel> swiglu_kernels("swiglu");
constinit KernelTable<SwigluBackwardKernel> swiglu_backward_kernels("swiglu_backward");
constinit GradSlot<SwigluSaved> swiglu_grad("swiglu", "//autograd/rules");

Tensor swiglu(const Tensor& gate, const Tensor& up) {
  common_device("swiglu", {gate, up});
  ROUX_CHECK(gate.spec() == up.spec() && is_floating(gate.dtype()))
      << "swiglu: gate and up must have one floating dtype and shape: gate is " << gate.spec() << ", up is "
      << up.spec();
  Tensor y = empty(gate.spec(), gate.device());
  swiglu_kernels.run(gate, gate.contiguous(), up.contiguous(), y);
  return swiglu_grad.record({gate, up}, y, [&] { return SwigluSaved{gate, up}; });
}
Tensor swiglu_composed(const Tensor& gate, const Tensor& up) {
  const DType wide = gate.dtype() == kF64 ? kF64 : kF32;
  const Tensor g = gate.to(wide);
  return (g * sigmoid(g) * up.to(wide)).to(gate.dtype());
}

}  // namespace roux
