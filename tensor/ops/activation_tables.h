#ifndef ROUX_TENSOR_OPS_ACTIVATION_TABLES_H_
#define ROUX_TENSOR_OPS_ACTIVATION_TABLES_H_

#include "tensor/ops/activation.h"
#include "tensor/tables.h"

namespace roux {

using SwigluKernel = void(const Tensor& gate, const Tensor& up, Tensor& y);
// All contiguous; overwrites grad_gate and grad_up.
using SwigluBackwardKernel = void(const Tensor& grad, const Tensor& gate, const Tensor& up, Tensor& grad_gate,
                                  Tensor& grad_up);
extern constinit KernelTable<SwigluKernel> swiglu_kernels;
extern constinit KernelTable<SwigluBackwardKernel> swiglu_backward_kernels;

struct SwigluSaved {
  SavedTensor gate, up;
};
extern constinit GradSlot<SwigluSaved> swiglu_grad;

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_ACTIVATION_TABLES_H_
