// Gated activations.
#ifndef ROUX_TENSOR_OPS_ACTIVATION_H_
#define ROUX_TENSOR_OPS_ACTIVATION_H_

#include "tensor/tensor.h"

namespace roux {

// y = silu(gate) * up, silu(x) = x / (1 + e^-x). gate and up: equal floating specs. bf16 and f16 are computed
// in f32 and rounded once. Fused in both directions; any order of derivative. [Shazeer 2020]
Tensor swiglu(const Tensor& gate, const Tensor& up);
Tensor swiglu_composed(const Tensor& gate, const Tensor& up);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_ACTIVATION_H_
