#include "recipes/kit/align/ppo.h"

#include <algorithm>
#include <numeric>

#include "recipes/kit/align/policy_updates.h"
#include "recipes/kit/train/losses.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux::kit {
namespace {

using internal::LearnRows;
using internal::LearnUpdate;

// Advantages and value targets of all rollouts.
struct Learned {
  PerToken advantage, value_target;
};
Learned learn(absl::Span<const Rollout> rollouts, const PerToken& log_probs, const PerToken& values,
              const PerToken& reference, double coefficient, const PpoStep& options) {
  Learned out;
  std::vector<double> all;
  for (size_t i = 0; i < rollouts.size(); ++i) {
    const double reward = std::clamp(rollouts[i].reward, -options.reward_clip, options.reward_clip);
    const std::vector<double> rewards = token_rewards(reward, log_probs[i], reference[i], coefficient);
    Gae estimate = gae(rewards, values[i], options.gamma, options.lambda);
    all.insert(all.end(), estimate.advantage.begin(), estimate.advantage.end());
    out.advantage.push_back(std::move(estimate.advantage));
    out.value_target.push_back(std::move(estimate.value_target));
  }
  if (!options.whiten) return out;
  const std::vector<double> white = whitened(all);
  auto next = white.begin();
  for (std::vector<double>& row : out.advantage) {
    const auto end = next + static_cast<int64_t>(row.size());
    std::copy(next, end, row.begin());
    next = end;
  }
  return out;
}

}  // namespace

ActorCriticModel actor_critic(const LanguageModel& model, const Linear& value_head) {
  return [&model, &value_head](const LmBatch& batch) {
    const Tensor hidden = model.hidden(input_of(batch));
    const Tensor log_probs = -model.losses(hidden, batch.target, {.reduction = Reduction::kNone});
    return ActorCritic{log_probs, squeeze(value_head(hidden), -1).to(log_probs.dtype())};
  };
}

StepResult ppo_step(const ActorCriticModel& policy, Optimizer& optimizer, const TokenLogProbs& reference,
                    absl::Span<const Rollout> rollouts, AdaptiveKl& kl, const PpoStep& options) {
  ROUX_CHECK(!rollouts.empty()) << "ppo_step: there are no rollouts, needed at least 1";
  ROUX_CHECK(options.reward_clip > 0 && options.value_weight >= 0)
      << "ppo_step: reward_clip is " << options.reward_clip << ", value_weight " << options.value_weight
      << ", needed above 0 and at least 0";
  std::vector<size_t> order(rollouts.size());
  std::iota(order.begin(), order.end(), 0);
  std::vector<LearnUpdate> updates = internal::cut(
      rollouts, order, {options.rows_per_update, options.rows, Aggregation::kTokenMean, options.device});

  PerToken log_probs(rollouts.size()), values(rollouts.size()), reference_log_probs(rollouts.size());
  for (LearnUpdate& update : updates) {
    const NoGradGuard no_grad;
    for (LearnRows& rows : update) {
      const ActorCritic before = policy(rows.rollouts.batch());
      rows.store(rows.old = before.log_probs, log_probs);
      rows.store(rows.old_values = before.values, values);
      rows.store(reference(rows.rollouts.batch()), reference_log_probs);
    }
  }
  const Learned learned = learn(rollouts, log_probs, values, reference_log_probs, kl.coefficient, options);
  for (LearnUpdate& update : updates) {
    for (LearnRows& rows : update) {
      const DType dtype = rows.old.dtype();
      rows.advantage = rows.rollouts.from_tokens(rows.rows_of(learned.advantage), dtype);
      rows.value_target = rows.rollouts.from_tokens(rows.rows_of(learned.value_target), dtype);
    }
  }

  const Clip clip{options.clip, options.clip};
  double tokens = 0, clipped = 0, value_loss = 0, value_tokens = 0;
  const auto all_tokens =
      static_cast<double>(std::accumulate(log_probs.begin(), log_probs.end(), size_t{0},
                                          [](size_t n, const auto& row) { return n + row.size(); }));
  StepResult result =
      internal::run_updates(optimizer, options.update, options.epochs, updates, [&](const LearnRows& rows) {
        const LmBatch& batch = rows.rollouts.batch();
        const ActorCritic now = policy(batch);
        clipped += internal::clipped_tokens(now.log_probs, rows.old, rows.advantage, batch.target, clip);
        tokens += static_cast<double>(batch.target_count);
        const Tensor of_values = sum(sequence_sums(
            clipped_value_loss(now.values, rows.old_values, rows.value_target, options.value_clip),
            batch.target));
        if (value_tokens < all_tokens) {
          value_loss += host_values(of_values.detach())[0];
          value_tokens += static_cast<double>(batch.target_count);
        }
        const Tensor objective = clipped_objective(now.log_probs, rows.old, rows.advantage, clip);
        return options.value_weight * of_values - sum(sequence_sums(objective, batch.target));
      });
  result.values = rollout_values(rollouts, log_probs, reference_log_probs);
  result.values.emplace_back("kl_coefficient", kl.coefficient);
  result.values.emplace_back("value_loss", value_loss / value_tokens);
  result.values.emplace_back("clipped", clipped / tokens);
  kl.update(mean_kl(log_probs, reference_log_probs), static_cast<int64_t>(rollouts.size()));
  return result;
}

}  // namespace roux::kit
