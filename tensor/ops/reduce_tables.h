// What tensor/cpu, cuda and autograd fill for the reduce family. y is contiguous and has x's rank, with size
// 1 on the reduced axes. partials is scratch of reduce_partials_spec, undefined when it would have one row;
// logsumexp gets one row more (always).
#ifndef ROUX_TENSOR_OPS_REDUCE_TABLES_H_
#define ROUX_TENSOR_OPS_REDUCE_TABLES_H_

#include "tensor/ops/reduce.h"
#include "tensor/tables.h"

namespace roux {

using SumKernel = void(const Tensor& x, double scale, Tensor& y, Tensor& partials);  // y = scale * sum
using ReduceKernel = void(const Tensor& x, Tensor& y, Tensor& partials);
using ArgKernel = void(const Tensor& x, int axis, Tensor& y);
extern constinit KernelTable<SumKernel> sum_kernels;
extern constinit KernelTable<ReduceKernel> amax_kernels, amin_kernels, prod_kernels, logsumexp_kernels;
extern constinit KernelTable<ArgKernel> argmax_kernels, argmin_kernels;

// A reduction of `count` elements into each of `outputs` is cut into this many chunks (1: no scratch); chunk
// c covers the elements from c * reduce_chunk_length on. Depends on the sizes alone.
int64_t reduce_chunk_length(int64_t outputs, int64_t count);
// [chunks, outputs] in the accumulation type of dtype; chunks = 1 means that no scratch is needed.
TensorSpec reduce_partials_spec(DType dtype, int64_t outputs, int64_t count);

struct SumSaved {
  Shape shape, kept;  // of x, and of the result with keepdim
  double scale;
};
struct ExtremumSaved {
  SavedTensor x, y;
  Shape kept;
};
struct ReducedSaved {
  SavedTensor x;
  Shape kept;
};
extern constinit GradSlot<SumSaved> sum_grad, mean_grad;
extern constinit GradSlot<ExtremumSaved> amax_grad, amin_grad;
extern constinit GradSlot<ReducedSaved> prod_grad, logsumexp_grad;

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_REDUCE_TABLES_H_
