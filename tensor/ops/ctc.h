// Connectionist temporal classification  [Graves et al. 2006], with the arguments of torch.nn.functional.
#ifndef ROUX_TENSOR_OPS_CTC_H_
#define ROUX_TENSOR_OPS_CTC_H_

#include "tensor/ops/loss.h"

namespace roux {

struct CtcOptions {
  int64_t blank = 0;           // the class that stands for no symbol
  bool zero_infinity = false;  // a loss without an alignment is 0, and its gradient too
  // kMean: the mean over the batch of losses divided by the target length (by 1 where that is 0).
  Reduction reduction = Reduction::kMean;
};

// loss_n = -log sum over alignments a of prod_t exp(log_probs[t, n, a_t]): the alignments have
// input_lengths[n] steps and become targets[n, :target_lengths[n]] when equal neighbours are merged and then
// blanks dropped; +inf without any (an input that is too short).
// log_probs: [T, N, C] floating, log-probabilities (log_softmax of the outputs); targets: [N, S] i32 or i64;
// input_lengths, target_lengths: [N] i32 or i64. A scalar, or [N] for kNone, in f64 for f64, else f32; sums
// run in f64 (logarithms of long alignments have few digits left in f32). What lies beyond the lengths is not
// read and gets a gradient of 0. The gradient of an infinite loss is NaN in its steps, unless zero_infinity.
// Throws Error on mismatched shapes or dtypes, for lengths outside [0, T] and [0, S], and for targets outside
// [0, C) or equal to blank. Fused: the forward pass keeps N T (2 S + 1) f64. Any order of derivative (by
// ctc_loss_composed, which takes T steps of [N, 2 S + 1] and needs finite losses or zero_infinity).
Tensor ctc_loss(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                const Tensor& target_lengths, const CtcOptions& options = {});
Tensor ctc_loss_composed(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                         const Tensor& target_lengths, const CtcOptions& options = {});

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_CTC_H_
