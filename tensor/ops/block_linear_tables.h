// What tensor/cpu, cuda and autograd fill for the block_linear family. Kernels are keyed by the weight
// [N, K / values]; x [M, K] (transposed: [M, N]), bias [N] and y are f32. All are contiguous and not empty,
// but that bias may be undefined.
#ifndef ROUX_TENSOR_OPS_BLOCK_LINEAR_TABLES_H_
#define ROUX_TENSOR_OPS_BLOCK_LINEAR_TABLES_H_

#include "tensor/ops/block_linear.h"
#include "tensor/tables.h"

namespace roux {

// y = x W^T + bias.
using BlockLinearKernel = void(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y);
extern constinit KernelTable<BlockLinearKernel> block_linear_kernels;
// y = x W through `panel` [P, K]: P rows of W at a time.
using BlockLinearTransposedKernel = void(const Tensor& x, const Tensor& weight, Tensor& panel, Tensor& y);
extern constinit KernelTable<BlockLinearTransposedKernel> block_linear_transposed_kernels;
// y = x W^T + bias by Activations::kInt8; codes: u8 [M, block_linear_code_bytes(K)].
using BlockLinearInt8Kernel = void(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& codes,
                                   Tensor& y);
extern constinit KernelTable<BlockLinearInt8Kernel> block_linear_int8_kernels;

// Of 32 values of x: their codes, and eight numbers of f32 or i32 for the scale and for the sums of codes.
// Strips come in pairs.
inline int64_t block_linear_code_bytes(int64_t k) { return (k + 63) / 64 * 2 * (32 + 32 + 32); }

struct BlockLinearSaved {
  SavedTensor weight;
  DType bias_dtype;
};
extern constinit GradSlot<BlockLinearSaved> block_linear_grad;             // inputs x, bias
extern constinit GradSlot<BlockLinearSaved> block_linear_transposed_grad;  // input x

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_BLOCK_LINEAR_TABLES_H_
