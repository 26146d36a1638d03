#include "recipes/kit/data/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "recipes/kit/data/index_loader.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using Rows = std::vector<int64_t>;

WindowSet make_windows(int64_t rows) {
  std::vector<int32_t> tokens(rows * 3 + 1);
  std::iota(tokens.begin(), tokens.end(), 0);
  return *WindowSet::stream(tokens, 3, "text");
}

BatchLoader make_loader(const WindowSet& windows, const BatchLoader::Options& options) {
  absl::StatusOr<BatchLoader> loader = BatchLoader::create(windows, options);
  EXPECT_TRUE(loader.ok()) << loader.status();
  return *std::move(loader);
}

Rows take(BatchLoader& loader, int steps) {
  Rows all;
  for (int i = 0; i < steps; ++i) {
    const Rows rows = loader.next_rows();
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

TEST(EpochOrder, IsAPinnedPermutation) {
  Rows sorted = epoch_order(7, 3, 1000);
  EXPECT_NE(sorted, epoch_order(7, 4, 1000));
  EXPECT_NE(sorted, epoch_order(8, 3, 1000));
  EXPECT_EQ(sorted, epoch_order(7, 3, 1000));
  std::sort(sorted.begin(), sorted.end());
  for (int64_t i = 0; i < 1000; ++i) ASSERT_EQ(sorted[i], i);
  EXPECT_TRUE(epoch_order(1, 0, 0).empty());
  // Pinned: a change would silently reorder the data of every published run.
  EXPECT_EQ(epoch_order(1, 0, 8), (Rows{6, 1, 5, 0, 4, 7, 2, 3}));
  EXPECT_EQ(epoch_order(1, 1, 8), (Rows{2, 4, 1, 7, 0, 6, 3, 5}));
  EXPECT_THROW(epoch_order(1, -1, 8), Error);
}

TEST(EpochOrder, AllPermutationsOfThreeAreEquallyLikely) {
  int counts[27] = {};
  constexpr int kDraws = 6000;
  for (int epoch = 0; epoch < kDraws; ++epoch) {
    const Rows order = epoch_order(5, epoch, 3);
    ++counts[order[0] * 9 + order[1] * 3 + order[2]];
  }
  double chi2 = 0;
  for (int code : {5, 7, 11, 15, 19, 21}) {  // 012 021 102 120 201 210 in base 3
    const double difference = counts[code] - kDraws / 6.0;
    chi2 += difference * difference / (kDraws / 6.0);
  }
  EXPECT_LT(chi2, 20.5);  // 0.999 quantile at five degrees of freedom
}

TEST(BatchLoader, CoversEachRowOnceAnEpoch) {
  const WindowSet windows = make_windows(10);
  BatchLoader loader = make_loader(windows, {.seed = 3, .global_batch = 4});
  const Rows rows = take(loader, 15);  // 60 samples: six epochs, batches span their ends
  for (int epoch = 0; epoch < 6; ++epoch) {
    Rows one(rows.begin() + epoch * 10, rows.begin() + (epoch + 1) * 10);
    EXPECT_EQ(one, epoch_order(3, epoch, 10));
    std::sort(one.begin(), one.end());
    for (int64_t i = 0; i < 10; ++i) EXPECT_EQ(one[i], i);
  }
  EXPECT_EQ(loader.epoch(), 6);
}

TEST(BatchLoader, ABatchMayBeLargerThanTheData) {
  const WindowSet windows = make_windows(3);
  BatchLoader loader = make_loader(windows, {.seed = 3, .global_batch = 8});
  const Rows rows = take(loader, 3);
  for (int64_t row = 0; row < 3; ++row) EXPECT_EQ(std::count(rows.begin(), rows.end(), row), 8);
}

TEST(BatchLoader, WithoutShuffleKeepsTheOrder) {
  const WindowSet windows = make_windows(5);
  BatchLoader loader = make_loader(windows, {.global_batch = 3, .shuffle = false});
  EXPECT_EQ(take(loader, 3), (Rows{0, 1, 2, 3, 4, 0, 1, 2, 3}));
}

TEST(BatchLoader, RanksPartitionTheGlobalBatch) {
  const WindowSet windows = make_windows(11);
  for (int world : {1, 2, 3, 6}) {
    BatchLoader whole = make_loader(windows, {.seed = 9, .global_batch = 6});
    std::vector<BatchLoader> ranks;
    for (int rank = 0; rank < world; ++rank) {
      ranks.push_back(
          make_loader(windows, {.seed = 9, .global_batch = 6, .rank = rank, .world_size = world}));
    }
    for (int step = 0; step < 9; ++step) {
      const Rows peeked = ranks.back().peek_global_rows();
      Rows joined;
      for (BatchLoader& rank : ranks) {
        const Rows rows = rank.next_rows();
        EXPECT_EQ(static_cast<int64_t>(rows.size()), 6 / world);
        joined.insert(joined.end(), rows.begin(), rows.end());
      }
      EXPECT_EQ(joined, peeked);
      EXPECT_EQ(joined, whole.next_rows()) << "world " << world << " step " << step;
    }
  }
}

TEST(BatchLoader, ResumesAtAnyStep) {
  const WindowSet windows = make_windows(7);
  const BatchLoader::Options options{.seed = 12, .global_batch = 4};
  BatchLoader whole = make_loader(windows, options);
  const Rows expected = take(whole, 20);
  for (int at = 0; at <= 20; ++at) {
    BatchLoader first = make_loader(windows, options);
    take(first, at);
    const std::string saved = first.position().to_string();
    BatchLoader second = make_loader(windows, options);
    take(second, 3);  // wherever it stood
    ASSERT_TRUE(second.restore(saved).ok());
    EXPECT_EQ(second.position().to_string(), saved);
    EXPECT_EQ(take(second, 20 - at), Rows(expected.begin() + at * 4, expected.end()));
  }
}

TEST(BatchLoader, ResumesWithAnotherWorldSize) {
  const WindowSet windows = make_windows(7);
  BatchLoader one = make_loader(windows, {.seed = 1, .global_batch = 4});
  take(one, 5);
  BatchLoader right = make_loader(windows, {.seed = 1, .global_batch = 4, .rank = 1, .world_size = 2});
  ASSERT_TRUE(right.restore(one.position()).ok());
  const Rows next = one.next_rows();
  EXPECT_EQ(right.next_rows(), Rows(next.begin() + 2, next.end()));
}

TEST(BatchLoader, RefusesForeignPositions) {
  const WindowSet windows = make_windows(7);
  const WindowSet other = make_windows(8);
  BatchLoader loader = make_loader(windows, {.seed = 1, .global_batch = 2});
  take(loader, 2);
  const std::string before = loader.position().to_string();
  BatchLoader other_seed = make_loader(windows, {.seed = 2, .global_batch = 2});
  BatchLoader other_data = make_loader(other, {.seed = 1, .global_batch = 2});
  EXPECT_EQ(loader.restore(other_seed.position()).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(loader.restore(other_data.position()).code(), absl::StatusCode::kFailedPrecondition);
  BatchLoader in_order = make_loader(windows, {.seed = 1, .global_batch = 2, .shuffle = false});
  EXPECT_EQ(loader.restore(in_order.position()).message(),
            "loader: position was saved without shuffle, this run has it");
  EXPECT_EQ(in_order.restore(before).message(), "loader: position was saved with shuffle, this run has none");
  BatchLoader other_batch = make_loader(windows, {.seed = 1, .global_batch = 4});
  EXPECT_EQ(loader.restore(other_batch.position()).message(),
            "loader: position was saved with global batch 4, this run has 2");
  LoaderPosition negative = loader.position();
  negative.next_sample = -1;
  EXPECT_FALSE(loader.restore(negative).ok());
  const std::string tag = "roux-loader-2 seed=1 fingerprint=1 ";
  for (const std::string& bad :
       {std::string(), std::string("roux-loader-2"),
        std::string("roux-loader-1 seed=1 fingerprint=1 next_sample=0"),
        tag + "shuffle=1 global_batch=2 next_sample=-1",
        tag + "shuffle=1 global_batch=2 next_sample=9223372036854775808",
        tag + "shuffle=2 global_batch=2 next_sample=0", tag + "shuffle=1 global_batch=x next_sample=0",
        tag + "shuffle=1 global_batch=2 next_sample=0 more=1"}) {
    EXPECT_EQ(loader.restore(bad).code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_EQ(loader.position().to_string(), before);
}

TEST(BatchLoader, RefusesImpossibleOptions) {
  const WindowSet windows = make_windows(7);
  EXPECT_EQ(BatchLoader::create(windows, {.global_batch = 3, .world_size = 2}).status().message(),
            "loader: global batch is 3, must be a positive multiple of the world size 2");
  EXPECT_FALSE(BatchLoader::create(windows, {.global_batch = 0}).ok());
  EXPECT_FALSE(BatchLoader::create(windows, {.global_batch = 2, .rank = 2, .world_size = 2}).ok());
  EXPECT_FALSE(BatchLoader::create(windows, {.global_batch = 2, .rank = -1, .world_size = 2}).ok());
  EXPECT_FALSE(BatchLoader::create(windows, {.global_batch = 2, .world_size = 0}).ok());
}

TEST(BatchLoader, NextGivesTheRowsTokens) {
  const WindowSet windows = make_windows(7);
  BatchLoader loader = make_loader(windows, {.seed = 4, .global_batch = 2});
  const Rows rows = loader.peek_global_rows();
  const TokenBatch batch = loader.next();
  EXPECT_EQ(batch.rows, 2);
  EXPECT_EQ(batch.input[0], rows[0] * 3);
  EXPECT_EQ(batch.target[5], rows[1] * 3 + 3);
}

IndexLoader make_indices(int64_t size, const BatchLoader::Options& options) {
  absl::StatusOr<IndexLoader> loader = IndexLoader::create(size, options);
  EXPECT_TRUE(loader.ok()) << loader.status();
  return *std::move(loader);
}

TEST(IndexLoader, HasTheOrderOfTheBatchLoader) {
  const WindowSet windows = make_windows(7);
  const BatchLoader::Options options{.seed = 12, .global_batch = 4};
  BatchLoader rows = make_loader(windows, options);
  IndexLoader indices = make_indices(7, options);
  for (int step = 0; step < 10; ++step) EXPECT_EQ(indices.next(), rows.next_rows());
  EXPECT_EQ(indices.epoch(), 5);
}

TEST(IndexLoader, BatchSizesMayChangeAndEachNumberStillComesOnceAnEpoch) {
  IndexLoader loader = make_indices(9, {.seed = 2, .global_batch = 1});
  Rows all;
  for (const int64_t count : {1, 2, 5, 10, 9}) {
    const Rows some = loader.next(count);
    all.insert(all.end(), some.begin(), some.end());
  }
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    EXPECT_EQ(Rows(all.begin() + epoch * 9, all.begin() + (epoch + 1) * 9), epoch_order(2, epoch, 9));
  }
  EXPECT_THROW(loader.next(0), Error);
}

TEST(IndexLoader, RanksPartitionTheGlobalBatch) {
  IndexLoader whole = make_indices(11, {.seed = 9, .global_batch = 6});
  IndexLoader left = make_indices(11, {.seed = 9, .global_batch = 6, .rank = 0, .world_size = 2});
  IndexLoader right = make_indices(11, {.seed = 9, .global_batch = 6, .rank = 1, .world_size = 2});
  for (int step = 0; step < 5; ++step) {
    Rows joined = left.next();
    for (const int64_t index : right.next()) joined.push_back(index);
    EXPECT_EQ(joined, whole.next());
  }
  EXPECT_THROW(left.next(3), Error);
}

TEST(IndexLoader, ResumesAndRefusesForeignPositions) {
  const BatchLoader::Options options{.seed = 1, .global_batch = 4};
  IndexLoader first = make_indices(7, options);
  first.next(), first.next(3);
  const std::string saved = first.position();
  IndexLoader second = make_indices(7, options);
  second.next(5);
  ASSERT_TRUE(second.restore(saved).ok());
  EXPECT_EQ(second.next(), first.next());
  const std::string before = second.position();
  for (IndexLoader other : {make_indices(8, options), make_indices(7, {.seed = 2, .global_batch = 4}),
                            make_indices(7, {.seed = 1, .global_batch = 4, .shuffle = false})}) {
    EXPECT_EQ(second.restore(other.position()).code(), absl::StatusCode::kFailedPrecondition);
  }
  for (const std::string bad : {"", "roux-index-1", "roux-index-1 seed=1 size=7 shuffle=1 next_sample=-1",
                                "roux-index-1 seed=1 size=7 shuffle=1 next_sample=1 next_sample=2",
                                "roux-index-2 seed=1 size=7 shuffle=1 next_sample=1"}) {
    EXPECT_EQ(second.restore(bad).code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_EQ(second.position(), before);
  EXPECT_FALSE(IndexLoader::create(0, options).ok());
  EXPECT_FALSE(IndexLoader::create(3, {.global_batch = 0}).ok());
}

}  // namespace
}  // namespace roux::kit
