#include "recipes/kit/align/policy_updates.h"

#include "recipes/kit/data/windows.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"

namespace roux::kit::internal {
namespace {

// Several updates in one step: their mean loss and gradient norm.
StepResult mean_of(const std::vector<StepResult>& updates) {
  StepResult out = updates[0];
  for (size_t i = 1; i < updates.size(); ++i) {
    out.loss = out.loss + updates[i].loss;
    out.grad_norm = out.grad_norm + updates[i].grad_norm;
    out.tokens += updates[i].tokens;
    if (out.nonfinite.empty()) out.nonfinite = updates[i].nonfinite;
  }
  out.loss = out.loss / static_cast<double>(updates.size());
  out.grad_norm = out.grad_norm / static_cast<double>(updates.size());
  return out;
}

}  // namespace

PerToken LearnRows::rows_of(const PerToken& all) const {
  PerToken out;
  for (const size_t i : index) out.push_back(all[i]);
  return out;
}

void LearnRows::store(const Tensor& x, PerToken& all) const {
  const PerToken values = rollouts.at_tokens(x);
  for (size_t row = 0; row < index.size(); ++row) all[index[row]] = values[row];
}

std::vector<LearnUpdate> cut(absl::Span<const Rollout> rollouts, absl::Span<const size_t> order,
                             const Cut& cut) {
  ROUX_CHECK(cut.rows_per_update >= 0 && cut.rows >= 0)
      << "policy step: rows_per_update is " << cut.rows_per_update << ", rows is " << cut.rows
      << ", needed at least 0";
  const auto size_of = [](int64_t wanted, size_t all) {
    return wanted == 0 ? all : static_cast<size_t>(wanted);
  };
  std::vector<LearnUpdate> updates;
  const size_t per_update = size_of(cut.rows_per_update, order.size());
  for (size_t begin = 0; begin < order.size(); begin += per_update) {
    const absl::Span<const size_t> rows_of_update = order.subspan(begin, per_update);
    const size_t at_once = size_of(cut.rows, rows_of_update.size());
    LearnUpdate update;
    for (size_t at = 0; at < rows_of_update.size(); at += at_once) {
      const absl::Span<const size_t> index = rows_of_update.subspan(at, at_once);
      std::vector<Rollout> some;
      for (const size_t i : index) some.push_back(rollouts[i]);
      LearnRows rows{.index = {index.begin(), index.end()}, .rollouts = RolloutBatch(some, cut.device)};
      rows.target_count =
          aggregation_count(cut.aggregation, rows.rollouts.rows(), rows.rollouts.batch().target_count);
      update.push_back(std::move(rows));
    }
    updates.push_back(std::move(update));
  }
  return updates;
}

double clipped_tokens(const Tensor& log_probs, const Tensor& old, const Tensor& advantage,
                      const Tensor& target, const Clip& clip) {
  const NoGradGuard no_grad;
  const Tensor ratio = exp(log_probs - old);
  const Tensor up = logical_and(gt(advantage, 0.0), gt(ratio, 1 + clip.high));
  const Tensor down = logical_and(lt(advantage, 0.0), lt(ratio, 1 - clip.low));
  const Tensor counts = logical_and(logical_or(up, down), ne(target, static_cast<double>(kIgnoreTarget)));
  return host_values(sum(counts.to(kF64)))[0];
}

StepResult run_updates(Optimizer& optimizer, const StepOptions& options, int64_t epochs,
                       const std::vector<LearnUpdate>& updates,
                       const std::function<Tensor(const LearnRows&)>& loss_sum) {
  ROUX_CHECK(epochs >= 1) << "policy step: epochs is " << epochs << ", needed at least 1";
  std::vector<StepResult> results;
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    for (const LearnUpdate& rows : updates) results.push_back(update(optimizer, options, rows, loss_sum));
  }
  return mean_of(results);
}

}  // namespace roux::kit::internal
