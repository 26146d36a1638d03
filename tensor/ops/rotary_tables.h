#ifndef ROUX_TENSOR_OPS_ROTARY_TABLES_H_
#define ROUX_TENSOR_OPS_ROTARY_TABLES_H_

#include "tensor/ops/rotary.h"
#include "tensor/tables.h"

namespace roux {

// cos and sin are contiguous, x has any strides whose last is 1; y is contiguous.
using RotaryKernel = void(const Tensor& x, const Tensor& cos, const Tensor& sin, Tensor& y);
extern constinit KernelTable<RotaryKernel> rotary_embedding_kernels;

struct RotarySaved {
  SavedTensor cos, sin;
};
extern constinit GradSlot<RotarySaved> rotary_embedding_grad;

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_ROTARY_TABLES_H_
