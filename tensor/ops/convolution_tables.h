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

// Of windows at stride 1, f32 or f64, G groups, nothing empty. rows: x as [B, T, C], each matrix as
// gemm_layout reads it (contiguous where C / G is 1 and O is G); taps: the weight as [K, O, C/G], contiguous;
// y [B, N, O], contiguous. rows and grad_y of the backward kernel likewise; grad_rows [B, T, C] and grad_taps
// are contiguous, and undefined where they are not wanted.
using Conv1dKernel = void(const Tensor& rows, const Tensor& taps, const Windows& windows, int64_t groups,
                          Tensor& y);
using Conv1dBackwardKernel = void(const Tensor& rows, const Tensor& taps, const Tensor& grad_y,
                                  const Windows& windows, int64_t groups, Tensor& grad_rows,
                                  Tensor& grad_taps);
extern constinit KernelTable<Conv1dKernel> conv1d_kernels;
extern constinit KernelTable<Conv1dBackwardKernel> conv1d_backward_kernels;

struct Conv1dSaved {
  SavedTensor x, weight;
  Windows windows;
  int64_t groups;
};
extern constinit GradSlot<Conv1dSaved> conv1d_grad;
// Gradients of x [B, C, T] and weight [O, C/G, K]; undefined where they are not wanted.
struct Conv1dGrads {
  Tensor x, weight;
};
Conv1dGrads conv1d_backward(const Conv1dSaved& saved, const Tensor& grad_y, bool wants_x, bool wants_weight);
// The same product from unfolded windows, without a bias: [B, O, N].
Tensor conv1d_unfolded(const Tensor& x, const Tensor& weight, const Windows& windows, int64_t groups);

struct WindowsSaved {
  int64_t length;
  Windows windows;
};
extern constinit GradSlot<WindowsSaved> unfold_grad, fold_grad;

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_CONVOLUTION_TABLES_H_
