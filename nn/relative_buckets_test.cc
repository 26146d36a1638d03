#include "nn/relative_buckets.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "autograd/autograd.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

// From each distance on, its bucket: transformers 5.24.0, T5Attention._relative_position_bucket of
// -400 .. 400 in 32 buckets up to 128.
TEST(RelativeBuckets, AreThoseOfT5) {
  using Steps = std::vector<std::pair<int64_t, int64_t>>;
  const Steps both = {{-400, 15}, {-90, 14}, {-63, 13}, {-45, 12}, {-31, 11}, {-22, 10}, {-15, 9}, {-11, 8},
                      {-7, 7},    {-6, 6},   {-5, 5},   {-4, 4},   {-3, 3},   {-2, 2},   {-1, 1},  {0, 0},
                      {1, 17},    {2, 18},   {3, 19},   {4, 20},   {5, 21},   {6, 22},   {7, 23},  {8, 24},
                      {12, 25},   {16, 26},  {23, 27},  {32, 28},  {46, 29},  {64, 30},  {91, 31}};
  const Steps causal = {{-400, 31}, {-112, 30}, {-98, 29}, {-86, 28}, {-76, 27}, {-66, 26}, {-58, 25},
                        {-51, 24},  {-45, 23},  {-39, 22}, {-34, 21}, {-30, 20}, {-26, 19}, {-23, 18},
                        {-20, 17},  {-18, 16},  {-15, 15}, {-14, 14}, {-13, 13}, {-12, 12}, {-11, 11},
                        {-10, 10},  {-9, 9},    {-8, 8},   {-7, 7},   {-6, 6},   {-5, 5},   {-4, 4},
                        {-3, 3},    {-2, 2},    {-1, 1},   {0, 0}};
  for (const bool both_ways : {true, false}) {
    const Steps& steps = both_ways ? both : causal;
    size_t step = 0;
    for (int64_t distance = -400; distance <= 400; ++distance) {
      if (step + 1 < steps.size() && steps[step + 1].first == distance) ++step;
      EXPECT_EQ(relative_bucket(distance, 32, 128, both_ways), steps[step].second) << distance << both_ways;
    }
  }
}

// Entry s - own + reach - 1 of a head's row is the weight of the distance's bucket; its gradient counts the
// distances of each bucket.
TEST(RelativeBuckets, MakeABiasOfDistances) {
  TransformerConfig config{.hidden_size = 8, .num_attention_heads = 2};
  config.relative_attention_num_buckets = 8, config.relative_attention_max_distance = 6;
  for (const bool causal : {true, false}) {
    config.causal = causal;
    Generator generator(1);
    const RelativeBuckets buckets(config, {&generator, 1, kF64});
    const Tensor bias = buckets(9), weight = buckets.parameters().front();
    ASSERT_EQ(bias.shape(), (Shape{2, 17}));
    std::vector<double> counts(8);
    const std::vector<double> values = bias.to_vector<double>(), weights = weight.to_vector<double>();
    for (int64_t distance = -8; distance <= 8; ++distance) {
      const int64_t bucket = relative_bucket(distance, 8, 6, !causal);
      counts[static_cast<size_t>(bucket)] += 1;
      for (int64_t head = 0; head < 2; ++head) {
        EXPECT_EQ(values[static_cast<size_t>(17 * head + distance + 8)],
                  weights[static_cast<size_t>(2 * bucket + head)]);
      }
    }
    EXPECT_EQ(buckets(0).shape(), (Shape{2, 1}));  // of rows without tokens: what attention takes at least
    EXPECT_EQ(buckets.ids(3).data<int32_t>(), buckets.ids(9).data<int32_t>() + 6);  // one table
    const Tensor grown = buckets.ids(10);
    EXPECT_EQ(buckets.ids(18).data<int32_t>(), grown.data<int32_t>() - 8);  // for twice as many
    backward(sum(bias));
    EXPECT_EQ(select(weight.grad(), 1, 1).to_vector<double>(), counts);
  }
}

}  // namespace
}  // namespace roux
