// block_linear with x in codes of 8 bits where it has many rows: 16 weights side by side.
#ifndef ROUX_TENSOR_CPU_BLOCK_LINEAR_TILES_H_
#define ROUX_TENSOR_CPU_BLOCK_LINEAR_TILES_H_

#include "tensor/tensor.h"

namespace roux::cpu {

constexpr int64_t kTiledRows = 8;  // rows of x at which it begins

// As BlockLinearInt8Kernel (tensor/ops/block_linear_tables.h); x has kTiledRows rows or more.
void block_linear_tiles(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& codes, Tensor& y);

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_BLOCK_LINEAR_TILES_H_
