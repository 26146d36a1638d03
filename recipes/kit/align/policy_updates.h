// What grpo.cc and ppo.cc share: rollouts cut into updates, and these into what fits into memory.
#ifndef ROUX_RECIPES_KIT_ALIGN_POLICY_UPDATES_H_
#define ROUX_RECIPES_KIT_ALIGN_POLICY_UPDATES_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/align/policy_gradient.h"
#include "recipes/kit/align/rollouts.h"
#include "recipes/kit/train/update.h"

namespace roux::kit::internal {

// Rows that are in memory at once.
struct LearnRows {
  std::vector<size_t> index;  // of each row among the rollouts
  RolloutBatch rollouts;
  Tensor old = {}, reference = {}, advantage = {};  // [B, T]; advantage may be [B, 1]
  Tensor old_values = {}, value_target = {};        // [B, T], of PPO
  int64_t target_count = 0;                         // what the summed loss is divided by

  int64_t tokens() const { return rollouts.batch().tokens(); }
  PerToken rows_of(const PerToken& all) const;
  // x, [B, T], into the places of these rows.
  void store(const Tensor& x, PerToken& all) const;
};
using LearnUpdate = std::vector<LearnRows>;

struct Cut {
  int64_t rows_per_update = 0, rows = 0;  // 0: all
  Aggregation aggregation = Aggregation::kTokenMean;
  Device device = kCpu;
};
// The rollouts of these indices, in their order.
std::vector<LearnUpdate> cut(absl::Span<const Rollout> rollouts, absl::Span<const size_t> order,
                             const Cut& cut);

// Tokens at which clipped_objective() passes no gradient.
double clipped_tokens(const Tensor& log_probs, const Tensor& old, const Tensor& advantage,
                      const Tensor& target, const Clip& clip);

// Each update `epochs` times, all of them before the next epoch.
StepResult run_updates(Optimizer& optimizer, const StepOptions& options, int64_t epochs,
                       const std::vector<LearnUpdate>& updates,
                       const std::function<Tensor(const LearnRows&)>& loss_sum);

}  // namespace roux::kit::internal

#endif  // ROUX_RECIPES_KIT_ALIGN_POLICY_UPDATES_H_
