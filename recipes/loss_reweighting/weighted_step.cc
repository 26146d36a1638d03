#include "recipes/loss_reweighting/weighted_step.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "recipes/kit/train/losses.h"
#include "tensor/comm/communicator.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux::loss_reweighting {
namespace {

// A micro-batch with the weights of its rows: what kit::update() accumulates and shares out to ranks.
struct Weighted {
  kit::LmBatch batch;
  std::vector<double> weights;
  int64_t target_count;

  int64_t tokens() const { return batch.tokens(); }
  int64_t row_count() const { return batch.row_count(); }
  Weighted rows_between(int64_t begin, int64_t end) const {
    kit::LmBatch rows = batch.rows_between(begin, end);
    const int64_t targets = rows.target_count;
    return {std::move(rows), {weights.begin() + begin, weights.begin() + end}, targets};
  }
};

Tensor sequence_losses(const LanguageModel& model, const kit::LmBatch& batch) {
  return kit::sequence_means(token_losses(model, batch), batch.target);
}

int64_t rows_of(const std::vector<kit::LmBatch>& micro) {
  int64_t rows = 0;
  for (const kit::LmBatch& batch : micro) rows += batch.row_count();
  return rows;
}

// The loss of each sequence of the global batch, on every rank: each computes its slice of every micro-batch.
std::vector<double> gathered_losses(const LanguageModel& model, const std::vector<kit::LmBatch>& micro) {
  const NoGradGuard no_grad;
  std::vector<double> losses(static_cast<size_t>(rows_of(micro)), 0);
  size_t first = 0;
  for (const kit::LmBatch& batch : micro) {
    const auto [begin, end] = slice_of_rank(batch.row_count(), world().rank(), world().size());
    if (begin < end) {
      const auto own = sequence_losses(model, batch.rows_between(begin, end)).to_vector<double>();
      std::copy(own.begin(), own.end(), losses.begin() + static_cast<int64_t>(first) + begin);
    }
    first += static_cast<size_t>(batch.row_count());
  }
  if (world().size() > 1) {
    const Tensor all = tensor(losses, {static_cast<int64_t>(losses.size())});
    world().all_reduce_(all, ReduceOp::kSum).wait();
    losses = all.to_vector<double>();
  }
  return losses;
}

kit::StepResult uniform_step(Optimizer& optimizer, const StepOptions& options, const LanguageModel& model,
                             const std::vector<kit::LmBatch>& micro) {
  return kit::update(optimizer, options, micro,
                     [&](const kit::LmBatch& batch) { return sum(token_losses(model, batch)); });
}

// What a step's losses and weights come to.
struct Weights {
  std::vector<double> losses, weights;
};

Weights weights_of(std::vector<double> losses, const Weighting& weighting) {
  std::vector<double> weights = loss_weights(losses, weighting);
  return {std::move(losses), std::move(weights)};
}

}  // namespace

void WeightRecord::add(absl::Span<const double> losses, absl::Span<const double> weights,
                       const std::vector<int32_t>& domain) {
  ++steps;
  effective_sample_sizes += effective_sample_size(weights);
  h_counts.resize(kBins);
  for (const double h : normalized_losses(losses, 1)) {
    const double place = (h + 1) / 2 * static_cast<double>(kBins);
    ++h_counts[static_cast<size_t>(std::clamp(place, 0.0, static_cast<double>(kBins - 1)))];
  }
  for (size_t i = 0; i < domain.size(); ++i) {
    const auto d = static_cast<size_t>(domain[i]);
    if (domain_weights.size() <= d) domain_weights.resize(d + 1);
    domain_weights[d] += weights[i];
  }
}

Tensor token_losses(const LanguageModel& model, const kit::LmBatch& batch) {
  return cross_entropy(model.logits(batch.input), batch.target, {.reduction = Reduction::kNone});
}

kit::StepResult weighted_step(Optimizer& optimizer, const StepOptions& options, const LanguageModel& model,
                              const std::vector<kit::LmBatch>& micro, const Weighting& weighting,
                              bool burn_in, WeightRecord& record) {
  Weighting used = weighting;
  if (burn_in) used.strategy = Strategy::kUniform;
  const bool uniform = used.strategy == Strategy::kUniform;
  const bool meta = optimizer.parameters()[0].device().type == DeviceType::kMeta;
  const bool at_once = micro.size() == 1 && (meta || world().size() == 1);
  kit::StepResult result;
  Weights step;
  if (at_once) {
    const kit::LmBatch& batch = micro[0];
    result = kit::update(optimizer, options, [&] {
      const Tensor per_token = token_losses(model, batch);
      const Tensor losses = kit::sequence_means(per_token, batch.target);
      const auto rows = static_cast<size_t>(batch.row_count());
      if (!meta) step = weights_of(losses.detach().to_vector<double>(), used);
      if (uniform) return sum(per_token) / static_cast<double>(batch.target_count);
      return weighted_loss(losses, meta ? std::vector<double>(rows, 1) : step.weights);
    });
    result.tokens = batch.tokens();
  } else {
    if (!meta) step = weights_of(gathered_losses(model, micro), used);
    if (uniform || meta) {
      result = uniform_step(optimizer, options, model, micro);
    } else {
      int64_t targets = 0;
      for (const kit::LmBatch& batch : micro) targets += batch.target_count;
      std::vector<Weighted> weighted;
      auto next = step.weights.begin();
      for (const kit::LmBatch& batch : micro) {
        weighted.push_back({batch, {next, next + batch.row_count()}, batch.target_count});
        next += batch.row_count();
      }
      // update() divides by the targets of the batch.
      result = kit::update(optimizer, options, weighted, [&](const Weighted& part) {
        return weighted_loss(sequence_losses(model, part.batch), part.weights) * static_cast<double>(targets);
      });
    }
  }
  if (meta) return result;
  std::vector<int32_t> domain;
  for (const kit::LmBatch& batch : micro)
    domain.insert(domain.end(), batch.domain.begin(), batch.domain.end());
  record.add(step.losses, step.weights, domain);
  const double mean =
      std::accumulate(step.losses.begin(), step.losses.end(), 0.0) / static_cast<double>(step.losses.size());
  result.values = {{"mean_loss", mean}, {"effective_sample_size", effective_sample_size(step.weights)}};
  return result;
}

}  // namespace roux::loss_reweighting
