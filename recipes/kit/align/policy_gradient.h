// Objectives of policies, token by token, as pure functions of log-probabilities. [B, T]: rows are answers,
// of which the tokens that have a target count; f32 or f64, differentiable to any order in the first
// argument, the others get no gradient. All throw Error for shapes, dtypes and options that do not fit.
//
//   const Tensor gain = clipped_objective(log_probs, old, advantage, {0.2, 0.2});
//   const Tensor penalty = kl_estimate(log_probs, reference, KlEstimator::kK3);
//   const Tensor loss = aggregate(0.02 * penalty - gain, target, Aggregation::kSequenceMean);
#ifndef ROUX_RECIPES_KIT_ALIGN_POLICY_GRADIENT_H_
#define ROUX_RECIPES_KIT_ALIGN_POLICY_GRADIENT_H_

#include <cstdint>

#include "tensor/tensor.h"

namespace roux::kit {

// log pi advantage, to be maximised: its gradient is REINFORCE's  [Williams 1992]. advantage: [B, T] or [B,
// 1].
Tensor reinforce_objective(const Tensor& log_probs, const Tensor& advantage);

// The ratio rho = pi / pi_old may leave [1 - low, 1 + high] only to the worse. low in [0, 1], high >= 0.
struct Clip {
  double low = 0.2, high = 0.2;
};
// min(rho A, clip(rho) A), to be maximised  [Schulman et al. 2017]; with different ends  [Yu et al. 2025].
Tensor clipped_objective(const Tensor& log_probs, const Tensor& old, const Tensor& advantage,
                         const Clip& clip);

// KL(pi || ref) estimated by each drawn token, with u = ref / pi  [Schulman 2020].
enum class KlEstimator : uint8_t {
  kK1,  // -log u: unbiased; a reward, not a loss: its gradient is 0 in expectation
  kK2,  // (log u)^2 / 2: biased, but the expected gradient is that of KL(pi || ref)
  kK3,  // u - log u - 1: unbiased, never below 0; the expected gradient is that of KL(ref || pi); GRPO's
};
Tensor kl_estimate(const Tensor& log_probs, const Tensor& reference, KlEstimator estimator);

// max((v - target)^2, (clip(v) - target)^2) / 2, where clip(v) is within `clip` of old
// [Schulman et al. 2017]. clip: at least 0; infinity: none.
Tensor clipped_value_loss(const Tensor& values, const Tensor& old, const Tensor& value_target, double clip);

// How tokens become one number.
enum class Aggregation : uint8_t {
  kSequenceMean,  // the mean over answers of the mean over their tokens  [GRPO, Shao et al. 2024]
  kTokenMean,     // the mean over all tokens  [DAPO, Yu et al. 2025]
  kFixedLength,   // the sum over all tokens / (answers `length`)  [Dr. GRPO, Liu et al. 2025]
};
// A scalar. target: i32 or i64 [B, T], kIgnoreTarget where a token does not count. An answer without targets
// counts as 0; kTokenMean without any target throws. length: of kFixedLength, above 0.
Tensor aggregate(const Tensor& per_token, const Tensor& target, Aggregation aggregation, double length = 0);
// The same before it is divided by aggregation_count(): for batches in pieces.
Tensor aggregate_sum(const Tensor& per_token, const Tensor& target, Aggregation aggregation,
                     double length = 0);
// Rows, or targets for kTokenMean.
int64_t aggregation_count(Aggregation aggregation, int64_t rows, int64_t targets);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_ALIGN_POLICY_GRADIENT_H_
