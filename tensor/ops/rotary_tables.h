#ifndef ROUX_TENSOR_OPS_ROTARY_TABLES_H_
#define ROUX_TENSOR_OPS_ROTARY_TABLES_H_

#include "tensor/ops/rotary.h"
#include "tensor/tables.h"

namespace roux {

// The last stride of x, cos and sin is 1; cos and sin broadcast to x's leading axes. y is contiguous.
using RotaryKernel = void(const Tensor& x, const Tensor& cos, const Tensor& sin, bool interleaved, Tensor& y);
extern constinit KernelTable<RotaryKernel> rotary_embedding_kernels;

struct RotarySaved {
  SavedTensor cos, sin;
  bool interleaved;
};
extern constinit GradSlot<RotarySaved> rotary_embedding_grad;

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_ROTARY_TABLES_H_
