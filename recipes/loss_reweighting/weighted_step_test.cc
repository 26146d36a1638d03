#include "recipes/loss_reweighting/weighted_step.h"

#include <cmath>
#include <numeric>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nn/models/transformer.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/stats/random.h"
#include "tensor/generator.h"

namespace roux::loss_reweighting {
namespace {

constexpr int64_t kRows = 4, kLength = 6, kVocabulary = 11;

// Rows with and without padding, so that sequences have 2 to 6 targets.
kit::LmBatch batch_of(uint64_t seed) {
  stats::RandomStream random(seed);
  std::vector<std::vector<int32_t>> documents;
  for (int64_t row = 0; row < kRows; ++row) {
    documents.emplace_back();
    for (int64_t i = 0; i < 3 + 4 * (row % 2); ++i)
      documents.back().push_back(static_cast<int32_t>(random.below(kVocabulary)));
  }
  const kit::WindowSet set = *kit::WindowSet::padded(documents, kLength, "test");
  std::vector<int64_t> rows(kRows);
  std::iota(rows.begin(), rows.end(), 0);
  kit::LmBatch batch = kit::to_batch(set.batch(rows), kCpu);
  batch.domain = {0, 1, 0, 2};
  return batch;
}

// One training of a few steps; what it leaves.
struct Outcome {
  std::vector<double> parameters;
  std::vector<double> losses, sizes;
  WeightRecord record;
};

Outcome train(const Weighting& weighting, int64_t micro_rows, int64_t burn_in = 0, int64_t steps = 3) {
  Generator generator(5);
  const TransformerConfig shape{.vocab_size = kVocabulary,
                                .hidden_size = 8,
                                .intermediate_size = 16,
                                .num_hidden_layers = 1,
                                .num_attention_heads = 2};
  Transformer model(shape, Init{&generator, 0.4, kF32, kCpu});
  Sgd optimizer({{model.named_parameters()}}, {});  // its steps are the gradients
  Outcome out;
  for (int64_t step = 0; step < steps; ++step) {
    const kit::LmBatch whole = batch_of(static_cast<uint64_t>(step));
    std::vector<kit::LmBatch> micro = {whole};
    if (micro_rows > 0) {
      micro.clear();
      for (int64_t begin = 0; begin < kRows; begin += micro_rows)
        micro.push_back(whole.rows_between(begin, std::min(begin + micro_rows, kRows)));
    }
    const kit::StepResult result =
        weighted_step(optimizer, {.lr = 0.1}, model, micro, weighting, step < burn_in, out.record);
    out.losses.push_back(result.loss.item());
    out.sizes.push_back(result.values[1].second);
    EXPECT_EQ(result.values[1].first, "effective_sample_size");
  }
  for (const auto& [name, parameter] : model.named_parameters()) {
    const std::vector<double> values = parameter.detach().to_vector<double>();
    out.parameters.insert(out.parameters.end(), values.begin(), values.end());
  }
  return out;
}

double largest_difference(const Outcome& a, const Outcome& b) {
  double largest = 0;
  for (size_t i = 0; i < a.parameters.size(); ++i)
    largest = std::max(largest, std::abs(a.parameters[i] - b.parameters[i]));
  return largest;
}

TEST(WeightedStep, MicroBatchesChangeNothing) {
  for (const Strategy strategy : kStrategies) {
    const Weighting weighting{.strategy = strategy};
    const Outcome whole = train(weighting, 0);
    for (const int64_t rows : {1, 2, 3}) {
      const Outcome parts = train(weighting, rows);
      EXPECT_LT(largest_difference(whole, parts), 1e-6) << strategy_name(strategy) << ", " << rows;
      for (size_t step = 0; step < whole.losses.size(); ++step) {
        EXPECT_NEAR(whole.losses[step], parts.losses[step], 2e-6);
        EXPECT_NEAR(whole.sizes[step], parts.sizes[step], 1e-4);
      }
      EXPECT_EQ(whole.record.h_counts, parts.record.h_counts);
    }
  }
}

TEST(WeightedStep, TheLossIsTheWeightedSumOfSequenceMeans) {
  const kit::LmBatch batch = batch_of(0);
  Generator generator(5);
  const TransformerConfig shape{.vocab_size = kVocabulary,
                                .hidden_size = 8,
                                .intermediate_size = 16,
                                .num_hidden_layers = 1,
                                .num_attention_heads = 2};
  const Transformer model(shape, Init{&generator, 0.4, kF32, kCpu});
  const std::vector<double> per_token = token_losses(model, batch).detach().to_vector<double>();
  const std::vector<int32_t> targets = batch.target.to_vector<int32_t>();
  std::vector<double> means;
  for (size_t row = 0; row < kRows; ++row) {
    double sum = 0, count = 0;
    for (size_t i = 0; i < kLength; ++i) {
      if (targets[row * kLength + i] == kit::kIgnoreTarget) continue;
      sum += per_token[row * kLength + i];
      ++count;
    }
    means.push_back(sum / count);
  }
  const Weighting weighting{.strategy = Strategy::kUpper};
  const std::vector<double> weights = loss_weights(means, weighting);
  const Outcome one = train(weighting, 0, 0, 1);
  EXPECT_NEAR(one.losses[0], std::inner_product(weights.begin(), weights.end(), means.begin(), 0.0), 1e-6);
  EXPECT_NEAR(one.sizes[0], effective_sample_size(weights), 1e-4);
  const std::vector<double> by_domain = {weights[0] + weights[2], weights[1], weights[3]};
  for (size_t d = 0; d < 3; ++d) EXPECT_NEAR(one.record.domain_weights[d], by_domain[d], 1e-5);
  EXPECT_EQ(std::accumulate(one.record.h_counts.begin(), one.record.h_counts.end(), int64_t{0}), kRows);
  EXPECT_GE(one.record.h_counts.front(), 1);
  EXPECT_GE(one.record.h_counts.back(), 1);
}

TEST(WeightedStep, BurnInIsTheUniformStepBitForBit) {
  for (const int64_t rows : {0, 2}) {
    const Outcome uniform = train({.strategy = Strategy::kUniform}, rows);
    EXPECT_EQ(train({.strategy = Strategy::kLinUpper}, rows, 3).parameters, uniform.parameters);
    const Outcome later = train({.strategy = Strategy::kLinUpper}, rows, 2);
    EXPECT_EQ(later.losses[0], uniform.losses[0]);
    EXPECT_EQ(later.losses[1], uniform.losses[1]);
    EXPECT_NE(later.parameters, uniform.parameters);
  }
}

TEST(WeightedStep, TheUniformStepCountsTokens) {
  // The mean over all targets, not over sequences: rows have 2 and 6 targets.
  const Outcome uniform = train({.strategy = Strategy::kUniform}, 0, 0, 1);
  const Outcome rows = train({.strategy = Strategy::kLinUpper, .r = 1e9}, 0, 0, 1);
  EXPECT_NEAR(rows.sizes[0], kRows, 1e-6);
  EXPECT_GT(std::abs(uniform.losses[0] - rows.losses[0]), 1e-3);
}

}  // namespace
}  // namespace roux::loss_reweighting
