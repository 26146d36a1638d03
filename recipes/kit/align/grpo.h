// Policy gradients without a value function: GRPO and its variants, RLOO, REINFORCE.
//
//   grpo_step(log_probs_of(model), optimizer, log_probs_of(reference), rollouts,
//             {.group = 8, .kl = 0.02, .update = {.lr = 3e-4}});
//
// As published, and what differs from the defaults:
//   GRPO        [Shao et al. 2024]     kl above 0
//   Dr. GRPO    [Liu et al. 2025]      advantages.scale = kNone, aggregation = kFixedLength
//   DAPO        [Yu et al. 2025]       clip = {0.2, 0.28}, aggregation = kTokenMean
//   RLOO        [Ahmadian et al. 2024] advantages = {kLeaveOneOut, kNone}, kl_in_reward, kFixedLength, length = 1
//   REINFORCE   [Williams 1992]        the same with baseline = kNone; group = 1 does
// In the first update after a rollout the ratio is exactly 1, and the gradient is that of
// reinforce_objective(). The ratio is a token's; TRL's RLOO has that of the whole answer.
#ifndef ROUX_RECIPES_KIT_ALIGN_GRPO_H_
#define ROUX_RECIPES_KIT_ALIGN_GRPO_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/align/advantages.h"
#include "recipes/kit/align/policy_gradient.h"
#include "recipes/kit/align/rollouts.h"
#include "recipes/kit/train/update.h"

namespace roux::kit {

struct GrpoStep {
  int64_t group = 8;  // answers to one prompt, which follow each other
  AdvantageOptions advantages = {};
  // Groups of equal rewards take no part, unless they have no baseline or a KL in their rewards. Otherwise
  // they count in the means, and the penalty works on them.
  bool drop_equal_groups = true;
  Clip clip = {};
  double kl = 0;  // weight of the penalty, which is aggregated as the objective is
  KlEstimator kl_estimator = KlEstimator::kK3;  // not kK1
  // Weight of the sum over tokens of log pi - log ref that is subtracted from rewards, before advantages.
  double kl_in_reward = 0;
  Aggregation aggregation = Aggregation::kSequenceMean;
  double length = 0;            // of kFixedLength
  int64_t epochs = 1;           // passes over the rollouts,
  int64_t rows_per_update = 0;  // in updates of so many rollouts, in their order; 0: of all
  int64_t rows = 0;             // at once in memory; 0: those of an update. The result is that of the update.
  Device device = kCpu;
  StepOptions update = {};
};

// Loss: the mean over updates of aggregate(kl penalty - clipped objective). Old log-probabilities are those
// of the policy as it is now, computed in the batches that it learns from. reference: empty where both
// weights of KL are 0. Values: those of rollout_values() before the first update; "equal_groups", the share
// of groups with equal rewards; "clipped", the share of tokens at which the objective passed no gradient,
// over all updates. Where every group is dropped nothing is updated: the loss is 0, the norm undefined.
StepResult grpo_step(const TokenLogProbs& policy, Optimizer& optimizer, const TokenLogProbs& reference,
                     absl::Span<const Rollout> rollouts, const GrpoStep& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_ALIGN_GRPO_H_
