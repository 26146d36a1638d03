// What weights cost: milliseconds of a training step by the plain mean as the kit trains with it, by the
// plain mean of losses kept apart by token, and by LinUpper, which needs these; in turn on the same batches.
//
//   bazel run //recipes/loss_reweighting:overhead
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <numeric>

#include "absl/strings/str_format.h"
#include "nn/models/transformer.h"
#include "recipes/kit/stats/random.h"
#include "recipes/kit/stats/resampling.h"
#include "recipes/kit/train/decoder.h"
#include "recipes/kit/train/update.h"
#include "recipes/loss_reweighting/weighted_step.h"
#include "tensor/generator.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/reduce.h"
#include "tensor/parallel.h"

namespace roux::loss_reweighting {
namespace {

constexpr int64_t kVocabulary = 258;

double median(std::vector<double> x) {
  std::nth_element(x.begin(), x.begin() + static_cast<int64_t>(x.size() / 2), x.end());
  return x[x.size() / 2];
}

// Ratio of medians of two lists of milliseconds, over rounds.
stats::Interval ratio(const std::vector<double>& a, const std::vector<double>& b) {
  stats::RandomStream random(1);
  return stats::bootstrap_interval(
      static_cast<int64_t>(a.size()),
      [&](std::span<const int64_t> rounds) {
        std::vector<double> x, y;
        for (const int64_t i : rounds)
          x.push_back(a[static_cast<size_t>(i)]), y.push_back(b[static_cast<size_t>(i)]);
        return median(x) / median(y) - 1;
      },
      random);
}

struct Trainee {
  Trainee(const kit::DecoderConfig& shape)
      : generator(1),
        model(shape.transformer(kVocabulary), shape.init(generator, kCpu)),
        optimizer({{model.named_parameters()}}, {}) {}
  Generator generator;
  Transformer model;
  AdamW optimizer;
};

void measure(const kit::DecoderConfig& shape, int64_t rows, int64_t rounds) {
  Trainee fused(shape), by_token(shape), weighted(shape);
  WeightRecord record;
  stats::RandomStream random(1);
  const StepOptions options{.lr = 1e-3, .max_grad_norm = 1};
  std::vector<double> times[3];
  for (int64_t round = -3; round < rounds; ++round) {  // three to warm up
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < rows * (shape.length + 1); ++i)
      ids.push_back(static_cast<int32_t>(random.below(kVocabulary)));
    const Tensor tokens = tensor(ids, {rows, shape.length + 1});
    kit::LmBatch batch{tokens.slice(1, 0, shape.length).contiguous(),
                       tokens.slice(1, 1, shape.length + 1).contiguous()};
    batch.target_count = rows * shape.length;
    const std::vector<kit::LmBatch> micro = {batch};
    const std::function<kit::StepResult()> steps[3] = {
        [&] {
          return kit::update(fused.optimizer, options, micro,
                             [&](const kit::LmBatch& b) { return fused.model.loss_sum(b.input, b.target); });
        },
        [&] {
          return kit::update(by_token.optimizer, options, micro,
                             [&](const kit::LmBatch& b) { return sum(token_losses(by_token.model, b)); });
        },
        [&] {
          return weighted_step(weighted.optimizer, options, weighted.model, micro,
                               {.strategy = Strategy::kLinUpper}, false, record);
        }};
    for (size_t i = 0; i < 3; ++i) {
      const size_t which = (i + static_cast<size_t>(round + 3)) % 3;  // each is first as often
      const auto begin = std::chrono::steady_clock::now();
      steps[which]();
      const double ms = 1e3 * std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      if (round >= 0) times[which].push_back(ms);
    }
  }
  const stats::Interval kit_step = ratio(times[2], times[0]), same = ratio(times[2], times[1]);
  std::printf(
      "%s",
      absl::StrFormat(
          "%d parameters, %d x %d tokens: plain mean %.2f ms, by token %.2f ms, LinUpper %.2f ms; "
          "LinUpper takes %+.1f %% [%+.1f, %+.1f] of the first, %+.1f %% [%+.1f, %+.1f] of the second\n",
          shape.parameters(kVocabulary), rows, shape.length, median(times[0]), median(times[1]),
          median(times[2]), 100 * kit_step.estimate, 100 * kit_step.low, 100 * kit_step.high,
          100 * same.estimate, 100 * same.low, 100 * same.high)
          .c_str());
}

}  // namespace
}  // namespace roux::loss_reweighting

int main() {
  roux::set_num_threads(1);  // as the parts of a run have
  roux::loss_reweighting::measure({}, 32, 400);
  roux::loss_reweighting::measure(
      {.layers = 4, .hidden = 256, .heads = 4, .intermediate = 704, .length = 128, .init_std = 0.06}, 16, 40);
}
