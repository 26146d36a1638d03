// What tensor/cpu, cuda and autograd fill for the softmax family. All tensors are contiguous and of one
// shape; the axis is the last one.
#ifndef ROUX_TENSOR_OPS_SOFTMAX_TABLES_H_
#define ROUX_TENSOR_OPS_SOFTMAX_TABLES_H_

#include "tensor/ops/softmax.h"
#include "tensor/tables.h"

namespace roux {

using SoftmaxKernel = void(const Tensor& x, Tensor& y);
// softmax: grad_x = y (grad_y - sum(grad_y y)); log_softmax: grad_x = grad_y - exp(y) sum(grad_y).
// Overwrites.
using SoftmaxBackwardKernel = void(const Tensor& grad_y, const Tensor& y, Tensor& grad_x);
extern constinit KernelTable<SoftmaxKernel> softmax_kernels, log_softmax_kernels;
extern constinit KernelTable<SoftmaxBackwardKernel> softmax_backward_kernels, log_softmax_backward_kernels;

struct SoftmaxSaved {
  SavedTensor y;
};
extern constinit GradSlot<SoftmaxSaved> softmax_grad, log_softmax_grad;

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_SOFTMAX_TABLES_H_
