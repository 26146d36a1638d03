#include "recipes/kit/align/grpo.h"

#include <numeric>

#include "recipes/kit/align/policy_updates.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"

namespace roux::kit {
namespace {

using internal::LearnRows;
using internal::LearnUpdate;

void check(absl::Span<const Rollout> rollouts, bool has_reference, const GrpoStep& options) {
  ROUX_CHECK(!rollouts.empty()) << "grpo_step: there are no rollouts, needed at least 1";
  ROUX_CHECK(options.kl >= 0 && options.kl_in_reward >= 0)
      << "grpo_step: kl is " << options.kl << ", kl_in_reward " << options.kl_in_reward
      << ", needed at least 0";
  ROUX_CHECK(has_reference || (options.kl == 0 && options.kl_in_reward == 0))
      << "grpo_step: kl is " << options.kl << ", kl_in_reward " << options.kl_in_reward
      << ", and there is no reference";
  ROUX_CHECK(options.kl == 0 || options.kl_estimator != KlEstimator::kK1)
      << "grpo_step: kl_estimator is kK1, whose gradient is 0 in expectation; needed kK2 or kK3, or "
         "kl_in_reward";
}

// Indices of the rollouts that are learned from, and of the others.
struct Kept {
  std::vector<size_t> learned, dropped;
  double equal_groups = 0;  // share
};
Kept keep(absl::Span<const double> rewards, const GrpoStep& options) {
  const std::vector<bool> equal = equal_groups(rewards, options.group);
  Kept kept;
  // Their advantages are not 0 without a baseline, nor when the KL is subtracted.
  const bool drop = options.drop_equal_groups && options.kl_in_reward == 0 &&
                    options.advantages.baseline != Baseline::kNone;
  for (size_t i = 0; i < rewards.size(); ++i) {
    const bool is_equal = equal[i / static_cast<size_t>(options.group)];
    (drop && is_equal ? kept.dropped : kept.learned).push_back(i);
    kept.equal_groups += is_equal ? 1 / static_cast<double>(rewards.size()) : 0;
  }
  return kept;
}

void subtract_kl(const PerToken& log_probs, const PerToken& reference, double weight,
                 std::vector<double>& rewards) {
  for (size_t i = 0; i < rewards.size(); ++i) {
    for (size_t t = 0; t < log_probs[i].size(); ++t)
      rewards[i] -= weight * (log_probs[i][t] - reference[i][t]);
  }
}

}  // namespace

StepResult grpo_step(const TokenLogProbs& policy, Optimizer& optimizer, const TokenLogProbs& reference,
                     absl::Span<const Rollout> rollouts, const GrpoStep& options) {
  check(rollouts, static_cast<bool>(reference), options);
  std::vector<double> rewards;
  for (const Rollout& rollout : rollouts) rewards.push_back(rollout.reward);
  const Kept kept = keep(rewards, options);
  const internal::Cut sizes{options.rows_per_update, options.rows, options.aggregation, options.device};
  std::vector<LearnUpdate> updates = internal::cut(rollouts, kept.learned, sizes);

  PerToken log_probs(rollouts.size()), reference_log_probs(reference ? rollouts.size() : 0);
  // One update sees the policy that is the old one: its own forward gives the old log-probabilities.
  const bool ahead = updates.size() * static_cast<size_t>(options.epochs) > 1 || options.kl_in_reward > 0;
  const auto look = [&](LearnRows& rows, bool at_policy) {
    const NoGradGuard no_grad;
    if (at_policy) rows.store(rows.old = policy(rows.rollouts.batch()), log_probs);
    if (reference) rows.store(rows.reference = reference(rows.rollouts.batch()), reference_log_probs);
  };
  for (LearnUpdate& update : updates) {
    for (LearnRows& rows : update) look(rows, ahead);
  }
  for (LearnUpdate& update : internal::cut(rollouts, kept.dropped, sizes)) {
    for (LearnRows& rows : update) look(rows, true);
  }

  if (options.kl_in_reward > 0) subtract_kl(log_probs, reference_log_probs, options.kl_in_reward, rewards);
  const std::vector<double> advantages = group_advantages(rewards, options.group, options.advantages);
  double tokens = 0, clipped = 0;
  const auto loss_sum = [&](const LearnRows& rows) {
    const LmBatch& batch = rows.rollouts.batch();
    const Tensor now = policy(batch);
    if (!rows.old.defined()) rows.store(now.detach(), log_probs);
    const Tensor old = rows.old.defined() ? rows.old : now.detach();
    std::vector<double> of_rows;
    for (const size_t i : rows.index) of_rows.push_back(advantages[i]);
    const Tensor advantage = tensor(of_rows, {rows.rollouts.rows(), 1}, options.device).to(now.dtype());
    clipped += internal::clipped_tokens(now, old, advantage, batch.target, options.clip);
    tokens += static_cast<double>(batch.target_count);
    Tensor loss = -clipped_objective(now, old, advantage, options.clip);
    if (options.kl > 0) loss = loss + options.kl * kl_estimate(now, rows.reference, options.kl_estimator);
    return aggregate_sum(loss, batch.target, options.aggregation, options.length);
  };
  StepResult result{.loss = zeros({}, kF32, options.device), .lr = options.update.lr};
  if (!updates.empty())
    result = internal::run_updates(optimizer, options.update, options.epochs, updates, loss_sum);
  result.values = rollout_values(rollouts, log_probs, reference_log_probs);
  result.values.emplace_back("equal_groups", kept.equal_groups);
  if (tokens > 0) result.values.emplace_back("clipped", clipped / tokens);
  return result;
}

}  // namespace roux::kit
