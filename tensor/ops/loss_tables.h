// What tensor/cpu, cuda and autograd fill for the loss family. All tensors are contiguous; N rows, V classes;
// "statistics" are in the loss's dtype (f64 for f64, else f32).
#ifndef ROUX_TENSOR_OPS_LOSS_TABLES_H_
#define ROUX_TENSOR_OPS_LOSS_TABLES_H_

#include "tensor/ops/linear_loss_tables.h"
#include "tensor/ops/loss.h"
#include "tensor/tables.h"

namespace roux {

// What a row counts for is decided by its target alone: ignored is what equals ignore_index, whatever weights
// and upstream gradients are (a product with 0 would let NaN through).

// row_weights[N] = weight[target], 1 without weights, 0 at ignore_index. Reports the first target outside
// [0, classes) with its position: an Error that starts with `op`. Keyed by row_weights.
using TargetWeightsKernel = void(const Tensor& targets, const Tensor& weight, int64_t ignore_index,
                                 int64_t classes, const char* op, Tensor& row_weights);
// row_stats[2, N]: the largest of a row of logits [N, V], and log(sum(exp(logits - largest))); added up they
// would carry the rounding of the larger one. losses[N] = row_weights nll[target] + sum_v shares[v] nll[v],
// nll[v] = (largest - logits[v]) + log sum; shares[V] may be undefined: 0. All 0 for ignored rows. Keyed by
// logits.
using CrossEntropyKernel = void(const Tensor& logits, const Tensor& targets, const Tensor& row_weights,
                                const Tensor& shares, int64_t ignore_index, Tensor& losses,
                                Tensor& row_stats);
// grad[N, V] = row_scales ((row_weights + total_share) exp((logits - largest) - log sum) - row_weights
// onehot(target) - shares), total_share[1] the sum of shares; 0 for ignored rows; overwrites; may be the
// memory of logits.
using CrossEntropyBackwardKernel = void(const Tensor& logits, const Tensor& targets, const Tensor& row_stats,
                                        const Tensor& row_weights, const Tensor& row_scales,
                                        const Tensor& shares, const Tensor& total_share, int64_t ignore_index,
                                        Tensor& grad);
extern constinit KernelTable<TargetWeightsKernel> target_weights_kernels;
extern constinit KernelTable<CrossEntropyKernel> cross_entropy_kernels;
extern constinit KernelTable<CrossEntropyBackwardKernel> cross_entropy_backward_kernels;

// What the targets and options of a cross-entropy come to.
struct CrossEntropyTargets {
  Tensor index;           // [N], the targets
  Tensor row_weights;     // [N] statistics: the weight of each target, which kMean divides by
  Tensor target_weights;  // [N] (1 - label_smoothing) row_weights
  Tensor shares,
      total_share;  // [V] label_smoothing / V times the class weights, [1]; undefined: no smoothing
  int64_t ignore_index;
  Reduction reduction;
};
struct CrossEntropySaved {
  SavedTensor logits, index, row_stats;
  CrossEntropyTargets targets;  // but for index
  Shape shape;                  // of the logits as given: [..., V]
};
struct LinearCrossEntropySaved {
  ProjectionSaved projection;
  SavedTensor index;
  CrossEntropyTargets targets;  // but for index
};
extern constinit GradSlot<CrossEntropySaved> cross_entropy_grad;
extern constinit GradSlot<LinearCrossEntropySaved> linear_cross_entropy_grad;

// The dtype of a loss and of its statistics, by that of what it is computed from.
inline DType loss_dtype(DType dtype) { return dtype == kF64 ? kF64 : kF32; }
// What the losses of rows are multiplied by in the reduced loss: 1, for kMean divided by the sum of
// row_weights (NaN where no row counts). [N].
Tensor loss_row_scales(const Tensor& row_weights, Reduction reduction);
// The reduced loss from losses[N], shaped like `shape` for kNone.
Tensor reduce_losses(const Tensor& losses, const Tensor& row_weights, Reduction reduction,
                     const Shape& shape);
// grad[N, V] of the losses of logits [N, V], times row_scales[N]; may be the memory of logits.
void cross_entropy_gradient(const Tensor& logits, const Tensor& row_stats, const CrossEntropyTargets& targets,
                            const Tensor& row_scales, Tensor& grad);
// The loss in primitives, from targets that were validated before. logits [..., V]; the result for kNone has
// `shape`.
Tensor cross_entropy_from_targets(const Tensor& logits, const CrossEntropyTargets& targets,
                                  const Shape& shape);
// The same for the logits of output, where rows of x that do not count are not read.
Tensor linear_cross_entropy_from_targets(const Tensor& x, const OutputProjection& output,
                                         const CrossEntropyTargets& targets, const Shape& shape);
// Which targets count: bool, of their shape.
Tensor counting(const Tensor& targets, int64_t ignore_index);
// linear_loss_pass for cross_entropy. Writes losses[N] where it is not null, and the gradients for
// row_scales[N].
void linear_cross_entropy_pass(const Tensor& x, const OutputProjection& output,
                               const CrossEntropyTargets& targets, const Tensor& row_scales, Tensor* losses,
                               const ProjectionGradients& gradients);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_LOSS_TABLES_H_
