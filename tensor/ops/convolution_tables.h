#ifndef ROUX_TENSOR_OPS_CONVOLUTION_TABLES_H_
#define ROUX_TENSOR_OPS_CONVOLUTION_TABLES_H_

#include "tensor/ops/convolution.h"
#include "tensor/tables.h"

namespace roux {

// x [rows, T, D], y [rows, N, size, D], all contiguous.
using UnfoldKernel = void(const Tensor& x, const Windows& windows, Tensor& y);
using FoldKernel = void(const Tensor& y, const Windows& windows, Tensor& x);
extern constinit KernelTable<UnfoldKernel> unfold_kernels;
extern constinit KernelTable<FoldKernel> fold_kernels;

struct WindowsSaved {
  int64_t length;
  Windows windows;
};
extern constinit GradSlot<WindowsSaved> unfold_grad, fold_grad;

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_CONVOLUTION_TABLES_H_
