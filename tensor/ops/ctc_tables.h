// What tensor/cpu, cuda and autograd fill for ctc_loss. All tensors are contiguous, lengths and targets i64;
// L = 2 S + 1 is the length of a target with a blank before, between and behind its symbols.
#ifndef ROUX_TENSOR_OPS_CTC_TABLES_H_
#define ROUX_TENSOR_OPS_CTC_TABLES_H_

#include "tensor/ops/ctc.h"
#include "tensor/tables.h"

namespace roux {

struct CtcTargets {
  Tensor targets;                        // [N, S]
  Tensor input_lengths, target_lengths;  // [N]
  int64_t blank;
};

// log_alpha[N, T, L] f64: log of the mass of all beginnings of alignments that are at place l after step t
// (written for the steps of each input alone). losses[N]: -log of the mass of all alignments. Reports lengths
// and targets that are out of range in an Error. Keyed by log_probs.
using CtcKernel = void(const Tensor& log_probs, const CtcTargets& targets, Tensor& losses, Tensor& log_alpha);
// grad[T, N, C] = scales[N] (of the losses' dtype) times the gradient of each loss; overwrites. scratch
// [N, 2 L + C] f64.
using CtcBackwardKernel = void(const Tensor& log_probs, const CtcTargets& targets, const Tensor& log_alpha,
                               const Tensor& scales, bool zero_infinity, Tensor& scratch, Tensor& grad);
extern constinit KernelTable<CtcKernel> ctc_kernels;
extern constinit KernelTable<CtcBackwardKernel> ctc_backward_kernels;

struct CtcSaved {
  SavedTensor log_probs, log_alpha;
  SavedTensor targets, input_lengths, target_lengths;
  CtcOptions options;
};
extern constinit GradSlot<CtcSaved> ctc_loss_grad;

// What each loss is multiplied by in the reduced one, [N] of `dtype`.
Tensor ctc_scales(const Tensor& target_lengths, Reduction reduction, DType dtype);
// The loss in primitives, from targets that were validated before.
Tensor ctc_from_targets(const Tensor& log_probs, const CtcTargets& targets, const CtcOptions& options);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_CTC_TABLES_H_
