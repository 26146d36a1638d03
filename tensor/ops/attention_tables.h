// What tensor/cpu, cuda and autograd fill for the attention family.
#ifndef ROUX_TENSOR_OPS_ATTENTION_TABLES_H_
#define ROUX_TENSOR_OPS_ATTENTION_TABLES_H_

#include "tensor/ops/attention.h"
#include "tensor/tables.h"

namespace roux {

// q [B, H, T, D], k [B, G, S, D], v [B, G, S, E], y [B, H, T, E] with any strides but 1 on the last axis.
// mask is undefined or expanded to [B, H, T, S] by strides, bool or q's dtype. row_stats [2, B, H, T] f32
// (f64 for f64), contiguous, is what backward makes the weights from again: the largest score of each row
// (-inf where a row looks at nothing), in units of the device's own, and the log of the sum of the
// exponentials of the scores below it. As one number they would carry the rounding of the larger one.
// Overwrites y and row_stats.
struct AttentionCase {
  bool causal;
  double scale;
};
using AttentionKernel = void(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
                             const AttentionCase& options, Tensor& workspace, Tensor& y, Tensor& row_stats);
// Overwrites the three gradients (strides as above).
using AttentionBackwardKernel = void(const Tensor& grad_y, const Tensor& q, const Tensor& k, const Tensor& v,
                                     const Tensor& mask, const Tensor& y, const Tensor& row_stats,
                                     const AttentionCase& options, Tensor& workspace, Tensor& grad_q,
                                     Tensor& grad_k, Tensor& grad_v);
extern constinit KernelTable<AttentionKernel> attention_kernels;
extern constinit KernelTable<AttentionBackwardKernel> attention_backward_kernels;

// The tiles of the CPU kernels and their scratch: [threads, elements] of q's dtype.
struct AttentionTiles {
  int64_t rows, cols;  // of a tile of scores
};
AttentionTiles attention_tiles(int64_t queries, int64_t keys);
TensorSpec attention_workspace_spec(const Tensor& q, const Tensor& k, bool backward);
// Memory like x [B, H, T, D] whose heads lie beside each other: [B, T, H, D].
Tensor empty_with_heads_inside(const Shape& shape, DType dtype, Device device);
Tensor attention_ready(const Tensor& x);  // x, copied unless its rows are dense and lie apart

struct AttentionSaved {
  SavedTensor q, k, v, mask, y, row_stats;
  AttentionCase options;
};
extern constinit GradSlot<AttentionSaved> attention_grad;

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_ATTENTION_TABLES_H_
