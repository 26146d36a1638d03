// What tensor/cpu and cuda fill for the order family.
#ifndef ROUX_TENSOR_OPS_ORDER_TABLES_H_
#define ROUX_TENSOR_OPS_ORDER_TABLES_H_

#include "tensor/ops/order.h"
#include "tensor/tables.h"

namespace roux {

// indices [rows, k] gets the places of the first k elements of each row of x [rows, n], contiguous, 1 <= k <=
// n. keys: u8 scratch, aligned for 8 bytes: [max_threads(), argsort_key_bytes(dtype) n]; on CUDA 32 n bytes
// for each row that is sorted at once.
using ArgsortKernel = void(const Tensor& x, bool descending, Tensor& keys, Tensor& indices);
extern constinit KernelTable<ArgsortKernel> argsort_kernels;
inline int64_t argsort_key_bytes(DType dtype) { return size_of(dtype) == 8 ? 16 : 8; }

// sorted [rows, n], values and y [rows, m], contiguous, none of them empty.
using SearchsortedKernel = void(const Tensor& sorted, const Tensor& values, bool right, Tensor& y);
extern constinit KernelTable<SearchsortedKernel> searchsorted_kernels;

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_ORDER_TABLES_H_
