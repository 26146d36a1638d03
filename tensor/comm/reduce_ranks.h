// The arithmetic of a reduction over ranks.
#ifndef ROUX_TENSOR_COMM_REDUCE_RANKS_H_
#define ROUX_TENSOR_COMM_REDUCE_RANKS_H_

#include <cstdint>

#include "tensor/comm/communicator.h"
#include "tensor/dtype.h"

namespace roux {

// i32, i64 and floating dtypes.
bool can_reduce_ranks(DType dtype);

// out[i] = op over r of in[r * count + i], r ascending: in is [ranks, count], out [count] and not in `in`.
// 16-bit types are summed in f32 and rounded once; a mean is the sum divided by `ranks`.
void reduce_ranks(const void* in, int ranks, int64_t count, DType dtype, ReduceOp op, void* out);

}  // namespace roux

#endif  // ROUX_TENSOR_COMM_REDUCE_RANKS_H_
