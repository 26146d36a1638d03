// Copies between layouts whose unit strides lie on different axes: transposes and permutes.
#ifndef ROUX_TENSOR_CPU_TRANSPOSED_COPY_H_
#define ROUX_TENSOR_CPU_TRANSPOSED_COPY_H_

#include "tensor/tensor.h"

namespace roux::cpu {

// Copies x to y (same shape and element size) and returns true if y is dense along its last axis and x along
// another one; otherwise does nothing. An element-wise walk would touch one cache line an element there.
bool copy_transposed(const Tensor& x, Tensor& y);

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_TRANSPOSED_COPY_H_
