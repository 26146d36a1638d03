// What tensor/cpu, cuda and autograd fill for the loss family. All tensors are contiguous; N rows, V classes;
// "statistics" are in the loss's dtype (f64 for f64, else f32).
#ifndef ROUX_TENSOR_OPS_LOSS_TABLES_H_
#define ROUX_TENSOR_OPS_LOSS_TABLES_H_

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
// would carry the rounding of the larger one. losses[N] = row_weights ((largest - logits[target]) + log sum).
// All 0 for ignored rows. Keyed by logits.
using CrossEntropyKernel = void(const Tensor& logits, const Tensor& targets, const Tensor& row_weights,
                                int64_t ignore_index, Tensor& losses, Tensor& row_stats);
// grad[N, V] = row_scales (exp((logits - largest) - log sum) - onehot(target)), 0 for ignored rows;
// overwrites; may be the memory of logits.
using CrossEntropyBackwardKernel = void(const Tensor& logits, const Tensor& targets, const Tensor& row_stats,
                                        const Tensor& row_scales, int64_t ignore_index, Tensor& grad);
extern constinit KernelTable<TargetWeightsKernel> target_weights_kernels;
extern constinit KernelTable<CrossEntropyKernel> cross_entropy_kernels;
extern constinit KernelTable<CrossEntropyBackwardKernel> cross_entropy_backward_kernels;

struct CrossEntropySaved {
  SavedTensor logits, targets, row_weights, row_stats;
  int64_t ignore_index;
  Reduction reduction;
  Shape shape;  // of the logits as given: [..., V]
};
struct LinearCrossEntropySaved {
  SavedTensor x, weight, targets, row_weights;
  Tensor grad_x, grad_weight;  // for an upstream gradient of 1; undefined for kNone or where not needed
  int64_t ignore_index;
  Reduction reduction;
  Shape shape;  // of x as given: [..., D]
};
extern constinit GradSlot<CrossEntropySaved> cross_entropy_grad;
extern constinit GradSlot<LinearCrossEntropySaved> linear_cross_entropy_grad;

// What a row's loss is multiplied by in the reduced loss: row_weights, divided by their sum for kMean (NaN
// where no row counts).
Tensor cross_entropy_row_scales(const Tensor& row_weights, Reduction reduction);
// The loss in primitives, from row weights that were validated before. logits [..., V].
Tensor cross_entropy_from_weights(const Tensor& logits, const Tensor& targets, const Tensor& row_weights,
                                  int64_t ignore_index, Reduction reduction);
// Which targets count: bool, of their shape.
Tensor counting(const Tensor& targets, int64_t ignore_index);
// One pass over chunks of rows, nothing recorded. Writes losses[N] where defined, and the gradients for
// row_scales[N] where defined: grad_x like x [N, D], grad_weight [V, D] in the statistics' dtype (both
// overwritten).
void linear_cross_entropy_pass(const Tensor& x, const Tensor& weight, const Tensor& targets,
                               const Tensor& row_weights, const Tensor& row_scales, int64_t ignore_index,
                               Tensor* losses, Tensor* grad_x, Tensor* grad_weight);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_LOSS_TABLES_H_
