#include "recipes/kit/data/mixture_loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace roux::kit {
namespace {

using Row = MixtureLoader::Row;

// Windows of three tokens; the tokens of domain d begin at 1000 d.
WindowSet make_windows(int32_t domain, int64_t rows) {
  std::vector<int32_t> tokens(rows * 3 + 1);
  std::iota(tokens.begin(), tokens.end(), domain * 1000);
  return *WindowSet::stream(tokens, 3, "domain" + std::to_string(domain));
}

class MixtureLoaderTest : public ::testing::Test {
 protected:
  WindowSet small_ = make_windows(0, 5), middle_ = make_windows(1, 40), large_ = make_windows(2, 300);
  std::vector<const WindowSet*> domains_ = {&small_, &middle_, &large_};
  std::vector<double> shares_ = {1, 5, 10};

  MixtureLoader make(const BatchLoader::Options& options) {
    absl::StatusOr<MixtureLoader> loader = MixtureLoader::create(domains_, shares_, options);
    EXPECT_TRUE(loader.ok()) << loader.status();
    return *std::move(loader);
  }
  static std::vector<Row> take(MixtureLoader& loader, int steps) {
    std::vector<Row> all;
    for (int i = 0; i < steps; ++i) {
      const std::vector<Row> rows = loader.next_rows();
      all.insert(all.end(), rows.begin(), rows.end());
    }
    return all;
  }
};

TEST_F(MixtureLoaderTest, SharesAreExactAndEpochsComplete) {
  MixtureLoader loader = make({.seed = 4, .global_batch = 16});
  const std::vector<Row> rows = take(loader, 128);  // 2048 rows: 32 blocks of 64
  EXPECT_EQ(loader.taken(), (std::vector<int64_t>{128, 640, 1280}));
  EXPECT_DOUBLE_EQ(loader.epochs(0), 25.6);
  for (size_t domain = 0; domain < 3; ++domain) {
    std::vector<int64_t> order;
    for (const Row& row : rows) {
      if (row.domain == static_cast<int32_t>(domain)) order.push_back(row.row);
    }
    const int64_t size = domains_[domain]->size();
    for (size_t begin = 0; begin + size <= order.size(); begin += size) {  // each row once an epoch
      std::vector<int64_t> epoch(order.begin() + begin, order.begin() + begin + size);
      std::sort(epoch.begin(), epoch.end());
      for (int64_t i = 0; i < size; ++i) ASSERT_EQ(epoch[i], i) << "domain " << domain;
    }
  }
  // After any number of rows no domain is further than a block's rounding from its share.
  MixtureLoader again = make({.seed = 4, .global_batch = 1});
  for (int n = 1; n <= 640; ++n) {
    again.next_rows();
    for (int d = 0; d < 3; ++d) {
      if (n % 64 != 0) continue;
      EXPECT_NEAR(again.taken()[d], n * shares_[d] / 16, 1.0 + std::log2(n / 64)) << n;
    }
  }
}

TEST_F(MixtureLoaderTest, BatchesHoldTheRowsOfTheirDomains) {
  MixtureLoader loader = make({.seed = 1, .global_batch = 8}), rows = make({.seed = 1, .global_batch = 8});
  for (int step = 0; step < 10; ++step) {
    const MixtureBatch batch = loader.next();
    const std::vector<Row> expected = rows.next_rows();
    ASSERT_EQ(batch.tokens.rows, 8);
    EXPECT_EQ(batch.tokens.target_count, 24);
    for (int64_t i = 0; i < 8; ++i) {
      EXPECT_EQ(batch.domain[i], expected[i].domain);
      EXPECT_EQ(batch.tokens.input[3 * i], 1000 * expected[i].domain + 3 * expected[i].row);
      EXPECT_EQ(batch.tokens.target[3 * i + 2], 1000 * expected[i].domain + 3 * expected[i].row + 3);
    }
  }
}

TEST_F(MixtureLoaderTest, RanksPartitionTheGlobalBatch) {
  for (int world : {2, 3}) {
    MixtureLoader whole = make({.seed = 9, .global_batch = 6});
    std::vector<MixtureLoader> ranks;
    for (int rank = 0; rank < world; ++rank) {
      ranks.push_back(make({.seed = 9, .global_batch = 6, .rank = rank, .world_size = world}));
    }
    for (int step = 0; step < 40; ++step) {
      std::vector<Row> joined;
      for (MixtureLoader& rank : ranks) {
        for (const Row& row : rank.next_rows()) joined.push_back(row);
      }
      ASSERT_EQ(joined, whole.next_rows()) << "world " << world << " step " << step;
    }
  }
}

// Two mixtures of one seed: equal rows wherever they choose the same domain, and none twice before the domain
// has been gone through.
TEST_F(MixtureLoaderTest, ByPositionARowReplacesTheOneThatWouldHaveStoodThere) {
  const auto rows_of = [&](const std::vector<double>& shares, int rank = 0, int world = 1) {
    MixtureLoader loader = *MixtureLoader::create(
        domains_, shares, {.seed = 6, .global_batch = 8, .rank = rank, .world_size = world},
        MixtureOrder::kByPosition);
    return take(loader, 32);  // 4 blocks of 64
  };
  const std::vector<Row> plain = rows_of({0, 0, 1});
  std::vector<bool> seen(300);
  for (const Row& row : plain) {
    EXPECT_EQ(row.domain, 2);
    EXPECT_FALSE(seen[static_cast<size_t>(row.row)]);
    seen[static_cast<size_t>(row.row)] = true;
  }
  for (const double share : {0.01, 0.25, 0.5}) {
    const std::vector<Row> mixed = rows_of({0, share, 1 - share});
    int64_t replaced = 0;
    for (size_t i = 0; i < mixed.size(); ++i) {
      replaced += mixed[i].domain == 1 ? 1 : 0;
      if (mixed[i].domain == 2) {
        EXPECT_EQ(mixed[i], plain[i]) << i;
      }
    }
    EXPECT_NEAR(static_cast<double>(replaced), share * 256, 1) << share;
  }
  const std::vector<Row> mixed = rows_of({1, 1, 1}), second_half = rows_of({1, 1, 1}, 1, 2);
  for (size_t step = 0; step < 32; ++step) {
    for (size_t i = 0; i < 4; ++i) EXPECT_EQ(second_half[step * 4 + i], mixed[step * 8 + 4 + i]);
  }
}

// Also with shares that change on the way, and that no decimal text holds exactly.
TEST_F(MixtureLoaderTest, ResumesAtAnyStep) {
  const BatchLoader::Options options{.seed = 12, .global_batch = 5};
  auto change = [](MixtureLoader& loader, int step) {
    if (step != 7) return;
    ASSERT_TRUE(loader.set_shares({1.0 / 3, 0.1, std::sqrt(2.0)}).ok());
  };
  for (const MixtureOrder order : {MixtureOrder::kInTurn, MixtureOrder::kByPosition}) {
    const auto fresh = [&] { return *MixtureLoader::create(domains_, shares_, options, order); };
    MixtureLoader whole = fresh();
    std::vector<std::string> positions;
    std::vector<std::vector<Row>> batches;
    for (int step = 0; step < 30; ++step) {
      positions.push_back(whole.position());
      change(whole, step);
      batches.push_back(whole.next_rows());
    }
    for (int from = 0; from < 30; ++from) {
      MixtureLoader resumed = fresh();
      const absl::Status status = resumed.restore(positions[from]);
      ASSERT_TRUE(status.ok()) << status;
      for (int step = from; step < 30; ++step) {
        change(resumed, step);
        ASSERT_EQ(resumed.next_rows(), batches[step]) << "from " << from << ", step " << step;
      }
    }
  }
}

TEST_F(MixtureLoaderTest, EqualDomainsComeInDifferentOrders) {
  const WindowSet twin = make_windows(2, 300);
  domains_ = {&large_, &twin};
  shares_ = {1, 1};
  MixtureLoader loader = make({.seed = 2, .global_batch = 600});
  std::vector<int64_t> orders[2];
  for (const Row& row : loader.next_rows()) orders[row.domain].push_back(row.row);
  orders[0].resize(100);
  orders[1].resize(100);
  EXPECT_NE(orders[0], orders[1]);
}

TEST_F(MixtureLoaderTest, AShareOfNoneIsNeverDrawn) {
  shares_ = {0, 1, 0};
  MixtureLoader loader = make({.global_batch = 100});
  for (const Row& row : loader.next_rows()) EXPECT_EQ(row.domain, 1);
}

TEST_F(MixtureLoaderTest, BadArgumentsAreErrors) {
  auto error = [&](const std::vector<double>& shares) {
    return std::string(MixtureLoader::create(domains_, shares, {}).status().message());
  };
  EXPECT_EQ(error({1, 2}), "mixture: 3 domains and 2 shares");
  EXPECT_EQ(error({1, 2, -1}), "mixture: a share is -1, must be 0 or more");
  EXPECT_EQ(error({1, 2, NAN}), "mixture: a share is nan, must be 0 or more");
  EXPECT_EQ(error({0, 0, 0}), "mixture: the shares sum to 0");
  EXPECT_FALSE(MixtureLoader::create({}, {}, {}).ok());
  EXPECT_FALSE(MixtureLoader::create(domains_, shares_, {.global_batch = 3, .world_size = 2}).ok());
  const WindowSet longer = *WindowSet::stream({1, 2, 3, 4, 5, 6}, 4, "longer");
  domains_[1] = &longer;
  EXPECT_EQ(error({1, 1, 1}), "mixture: longer has windows of 4, domain0 of 3");
}

TEST_F(MixtureLoaderTest, BadPositionsChangeNothing) {
  MixtureLoader loader = make({.seed = 3, .global_batch = 7});
  loader.next_rows();
  const std::string good = loader.position();
  MixtureLoader other = make({.seed = 4, .global_batch = 7});
  EXPECT_EQ(other.restore(good).message(), "mixture: position was saved with seed 3, this run has seed 4");
  MixtureLoader in_order = make({.seed = 3, .global_batch = 7, .shuffle = false});
  EXPECT_EQ(in_order.restore(good).message(),
            "mixture: position was saved with shuffle=1 and global batch 7, this run has shuffle=0 and 7");
  EXPECT_EQ(loader.restore(in_order.position()).code(), absl::StatusCode::kFailedPrecondition);
  MixtureLoader larger = make({.seed = 3, .global_batch = 14});
  EXPECT_EQ(larger.restore(good).code(), absl::StatusCode::kFailedPrecondition);
  MixtureLoader paired =
      *MixtureLoader::create(domains_, shares_, {.seed = 3, .global_batch = 7}, MixtureOrder::kByPosition);
  EXPECT_EQ(paired.restore(good).message(),
            "mixture: position was saved with by_position=0, this run takes rows in the other order");
  domains_[2] = &middle_;
  MixtureLoader changed = make({.seed = 3, .global_batch = 7});
  EXPECT_EQ(changed.restore(good).code(), absl::StatusCode::kFailedPrecondition);
  for (size_t cut = 0; cut < good.size(); ++cut) {  // never a crash; a cut number may still be one
    MixtureLoader fresh = make({.seed = 3, .global_batch = 7});
    const std::string before = fresh.position();
    if (fresh.restore(good.substr(0, cut)).ok()) continue;
    EXPECT_EQ(fresh.position(), before) << cut;
  }
  for (const char* bad :
       {"", "roux-mixture-3", "roux-mixture-2 seed=3 fingerprint=1 next_sample=1 taken=1 shares=1",
        "roux-mixture-3 seed=3 fingerprint=1 shuffle=1 global_batch=7 by_position=0 next_sample=-1 taken=1 "
        "shares=1",
        "roux-mixture-3 seed=3 fingerprint=1 shuffle=2 global_batch=7 by_position=0 next_sample=1 taken=1 "
        "shares=1",
        "roux-mixture-3 seed=3 fingerprint=1 shuffle=1 global_batch=7 by_position=2 next_sample=1 taken=1 "
        "shares=1"}) {
    EXPECT_EQ(loader.restore(bad).code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_EQ(loader.position(), good);
}

}  // namespace
}  // namespace roux::kit
