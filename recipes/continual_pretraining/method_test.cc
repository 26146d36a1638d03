#include "recipes/continual_pretraining/method.h"

#include <cmath>
#include <set>

#include "gtest/gtest.h"
#include "recipes/kit/data/mixture_loader.h"
#include "recipes/kit/data/windows.h"
#include "tensor/error_of.h"
#include "tests/golden/recipe_values.h"

namespace roux::continual {
namespace {

const golden::Values& reference() {
  static const auto* const values = new golden::Values(golden::Values::of_recipe("continual_pretraining"));
  return *values;
}

constexpr Rates kRates{.eta_max = 3e-4, .eta_const = 1.65e-4, .eta_min = 3e-5};

TEST(Golden, CosineWithWarmup) {
  for (const golden::Values& c : reference()["continual"].items()) {
    const Rates rates{.eta_max = c["peak"].number(), .eta_min = c["floor"].number()};
    const Schedule schedule = cosine_with_warmup(rates, c["steps"].integer(), c["warmup"].integer());
    const std::vector<double> expected = c["rates"].numbers();
    for (size_t s = 0; s < expected.size(); ++s)
      EXPECT_NEAR(schedule(static_cast<int64_t>(s)), expected[s], 1e-12 * rates.eta_max) << s;
  }
}

TEST(Golden, InfiniteSchedules) {
  for (const golden::Values& c : reference()["infinite"].items()) {
    const Rates rates{c["peak"].number(), c["constant"].number(), c["floor"].number()};
    const bool cosine = c["shape"].text() == "cosine";
    const Schedule schedule =
        roux::infinite_schedule({.peak = rates.eta_max,
                                 .constant = rates.eta_const,
                                 .floor = rates.eta_min,
                                 .warmup = c["warmup"].integer(),
                                 .cooldown = c["cooldown"].integer(),
                                 .hold = c["hold"].integer(),
                                 .anneal = c["anneal"].integer(),
                                 .shape = cosine ? Decay::kCosine : Decay::kShiftedInverseSqrt,
                                 .alpha = c["alpha"].number()});
    const Schedule by_phases = infinite_schedule(
        rates, {.warmup = c["warmup"].integer(),
                .cooldown = c["cooldown"].integer(),
                .anneal_at = c["warmup"].integer() + c["cooldown"].integer() + c["hold"].integer(),
                .anneal = c["anneal"].integer(),
                .cooldown_shape = cosine ? Decay::kCosine : Decay::kShiftedInverseSqrt});
    const std::vector<double> expected = c["rates"].numbers();
    for (size_t s = 0; s < expected.size(); ++s) {
      const auto step = static_cast<int64_t>(s);
      EXPECT_NEAR(schedule(step), expected[s], 1e-12 * rates.eta_max) << s;
      if (c["alpha"].number() == 10) {
        EXPECT_EQ(by_phases(step), schedule(step)) << s;
      }
    }
  }
}

TEST(Golden, MeasuresOfAComparison) {
  for (const golden::Values& c : reference()["outcomes"].items()) {
    const auto losses = [&](const char* name) { return Losses{c[name].numbers()[0], c[name].numbers()[1]}; };
    const Losses arm = losses("arm"), without = losses("without_replay"), both = losses("union");
    EXPECT_NEAR(arm.mean(), c["mean"].number(), 1e-12);
    EXPECT_NEAR(forgetting(arm, losses("old_only")), c["forgetting"].number(), 1e-12);
    EXPECT_NEAR(adaptation(arm, losses("new_only")), c["adaptation"].number(), 1e-12);
    EXPECT_NEAR(gap_to_union(arm, both), c["gap_to_union"].number(), 1e-12);
    EXPECT_NEAR(share_of_gap_closed(arm, without, both), c["share_of_gap_closed"].number(), 1e-9);
    EXPECT_NEAR(share_of_forgetting_removed(arm, without, losses("old_only")),
                c["share_of_forgetting_removed"].number(), 1e-9);
  }
}

TEST(Golden, SharesOfTheTokens) {
  for (const golden::Values& c : reference()["accounts"].items()) {
    const std::vector<double> shares = replay_shares(c["replay"].number());
    const double update = c["update_tokens"].number();
    EXPECT_NEAR(shares[0] * update, c["replayed"].number(), 1e-9 * update);
    EXPECT_NEAR(shares[1] * update, c["new"].number(), 1e-9 * update);
    const int64_t batch = c["batch"].integer() * c["length"].integer();
    EXPECT_NEAR(union_shares(c["old_steps"].integer() * batch, c["new_steps"].integer() * batch)[0],
                c["union_share_of_old"].number(), 1e-12);
  }
}

// Between two phases the rate jumps by no more than a step of either phase.
TEST(Schedules, PhasesMeet) {
  for (const Decay shape : {Decay::kCosine, Decay::kShiftedInverseSqrt}) {
    const InfinitePhases p{
        .warmup = 50, .cooldown = 1000, .anneal_at = 2000, .anneal = 300, .cooldown_shape = shape};
    const Schedule s = infinite_schedule(kRates, p);
    EXPECT_GT(s(0), 0);
    EXPECT_DOUBLE_EQ(s(0), kRates.eta_max / 51);
    EXPECT_EQ(s(50), kRates.eta_max);
    EXPECT_NEAR(s(49), kRates.eta_max, kRates.eta_max / 51 + 1e-18);
    EXPECT_EQ(s(1050), kRates.eta_const);
    EXPECT_NEAR(s(1049), kRates.eta_const, 1e-7);
    EXPECT_EQ(s(2000), kRates.eta_const);
    EXPECT_EQ(s(1999), kRates.eta_const);
    EXPECT_LT(s(2001), kRates.eta_const);
    EXPECT_NEAR(s(2150), std::sqrt(kRates.eta_const * kRates.eta_min), 1e-18);
    EXPECT_EQ(s(2300), kRates.eta_min);
    for (int64_t step = 50; step < 2300; ++step) EXPECT_GE(s(step), s(step + 1)) << step;
    // However long the run will be, its past is the same.
    InfinitePhases open = p;
    open.anneal_at = 100000, open.anneal = 0;
    for (int64_t step = 0; step <= 2000; ++step)
      EXPECT_EQ(infinite_schedule(kRates, open)(step), s(step)) << step;
  }
  const Schedule cosine = infinite_schedule(kRates, {.cooldown = 1000, .anneal_at = 1000});
  EXPECT_NEAR(cosine(500), (kRates.eta_max + kRates.eta_const) / 2, 1e-18);
}

TEST(Schedules, TheInverseSquareRootIsThePapersH) {
  EXPECT_NEAR(reference()["h1"].number(), -0.698489, 1e-6);
  EXPECT_DOUBLE_EQ(reference()["h1"].number(), 1 / std::sqrt(11.0) - 1);
  // From 1 to 0 the rate is 1 - h(x) / h(1).
  const Schedule s = infinite_schedule(
      {.eta_max = 1}, {.cooldown = 10, .anneal_at = 10, .cooldown_shape = Decay::kShiftedInverseSqrt});
  EXPECT_EQ(s(0), 1);
  EXPECT_NEAR(s(3), 1 - (1 / std::sqrt(4.0) - 1) / (1 / std::sqrt(11.0) - 1), 1e-15);
  EXPECT_EQ(s(10), 0);
}

TEST(Schedules, ReWarmingIsTheScheduleOfD0OnceMore) {
  const Schedule s = cosine_with_warmup(kRates, 100, 1);
  EXPECT_GT(s(0), 0);
  EXPECT_EQ(s(1), kRates.eta_max);
  EXPECT_EQ(s(100), kRates.eta_min);
  EXPECT_GT(s(99), kRates.eta_min);
  // Half way after the warm-up.
  EXPECT_NEAR(cosine_with_warmup(kRates, 101, 1)(51), (kRates.eta_max + kRates.eta_min) / 2, 1e-18);
  EXPECT_EQ(stay_at_minimum(kRates)(0), kRates.eta_min);
  EXPECT_EQ(stay_at_minimum(kRates)(1 << 20), kRates.eta_min);
  for (const int64_t step : {3, 10, 1 << 20}) EXPECT_EQ(rewarm_and_stay(kRates, 3)(step), kRates.eta_max);
  EXPECT_LT(rewarm_and_stay(kRates, 3)(2), kRates.eta_max);
}

TEST(Schedules, WarmupsAreSharesOfTheSteps) {
  EXPECT_EQ(warmup_steps(300, 0), 0);
  EXPECT_EQ(warmup_steps(300, 0.005), 2);
  EXPECT_EQ(warmup_steps(300, 0.01), 3);
  EXPECT_EQ(warmup_steps(300, 0.02), 6);
  EXPECT_EQ(warmup_steps(1, 0.9), 0);  // a step is left for the rest
  EXPECT_NE(error_of([] { warmup_steps(300, 1); }), "");
  EXPECT_NE(error_of([] { warmup_steps(0, 0.1); }), "");
}

// Windows of two tokens whose first is the row's number.
kit::WindowSet rows(int64_t count) {
  std::vector<int32_t> tokens(static_cast<size_t>(2 * count + 1));
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>(i);
  return *kit::WindowSet::stream(tokens, 2, "rows");
}

class Replay : public testing::Test {
 protected:
  using Row = kit::MixtureLoader::Row;
  static constexpr int64_t kSteps = 160, kBatch = 8;
  kit::WindowSet old_ = rows(2000), new_ = rows(1500);

  std::vector<Row> drawn(double replay, uint64_t seed = 5) {
    kit::MixtureLoader loader =
        *kit::MixtureLoader::create({&old_, &new_}, replay_shares(replay),
                                    {.seed = seed, .global_batch = kBatch}, kit::MixtureOrder::kByPosition);
    std::vector<Row> all;
    for (int64_t step = 0; step < kSteps; ++step) {
      for (const Row& row : loader.next_rows()) all.push_back(row);
    }
    return all;
  }
};

TEST_F(Replay, SharesAreExactAndTheBudgetStays) {
  const auto total = static_cast<double>(kSteps * kBatch);
  for (const double replay : {0.0, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0}) {
    const std::vector<Row> all = drawn(replay);
    EXPECT_EQ(static_cast<double>(all.size()), total);  // D1's tokens whatever the replay
    int64_t old_rows = 0;
    for (const Row& row : all) old_rows += row.domain == 0 ? 1 : 0;
    if (replay == 0 || replay == 1) {
      EXPECT_EQ(static_cast<double>(old_rows), replay * total);
    } else {
      // 1,280 rows are 20 blocks of 64: 16 of them within 1, 4 within 1. The binomial error would be up
      // to 18.
      EXPECT_NEAR(static_cast<double>(old_rows), replay * total, 2) << replay;
    }
  }
}

TEST_F(Replay, ReplacesRowsOfD1AndLeavesTheOthers) {
  const std::vector<Row> without = drawn(0);
  for (const double replay : {0.05, 0.25}) {
    const std::vector<Row> with = drawn(replay);
    for (size_t i = 0; i < with.size(); ++i) {
      if (with[i].domain == 1) {
        EXPECT_EQ(with[i], without[i]) << i;
      }
    }
  }
}

TEST_F(Replay, NoRowComesTwiceBeforeItsPoolIsUsed) {
  for (const double replay : {0.0, 0.25, 1.0}) {
    std::set<std::pair<int32_t, int64_t>> seen;
    for (const Row& row : drawn(replay)) EXPECT_TRUE(seen.insert({row.domain, row.row}).second) << replay;
  }
}

TEST_F(Replay, TheUnionHasBothSetsInProportion) {
  constexpr int64_t kOldSteps = 200, kNewSteps = 100;
  kit::MixtureLoader both = *kit::MixtureLoader::create({&old_, &new_}, union_shares(kOldSteps, kNewSteps),
                                                        {.seed = 5, .global_batch = kBatch});
  for (int64_t step = 0; step < kOldSteps + kNewSteps; ++step) both.next_rows();
  EXPECT_NEAR(static_cast<double>(both.taken()[0]), kOldSteps * kBatch, 3);
  EXPECT_EQ(both.taken()[0] + both.taken()[1], (kOldSteps + kNewSteps) * kBatch);
}

TEST(Measures, LimitingCases) {
  const Losses old_only{2.17, 2.70}, both{2.17, 2.53}, none{2.44, 2.50};  // the paper's 405M model
  EXPECT_EQ(forgetting(old_only, old_only), 0);
  EXPECT_NEAR(forgetting(none, old_only), 0.27, 1e-12);
  EXPECT_EQ(share_of_gap_closed(both, none, both), 1);
  EXPECT_EQ(share_of_gap_closed(none, none, both), 0);
  EXPECT_EQ(share_of_forgetting_removed(old_only, none, old_only), 1);
  EXPECT_NEAR(share_of_forgetting_removed({2.23, 2.51}, none, old_only), 0.78, 0.005);
  EXPECT_NE(error_of([&] { share_of_gap_closed(none, both, both); }), "");
  EXPECT_NE(error_of([&] { share_of_forgetting_removed(none, old_only, old_only); }), "");
  EXPECT_EQ(largest_rise({2, 3.5, 1}), 1.5);
  EXPECT_EQ(largest_rise({2, 1}), 0);
  EXPECT_NE(error_of([] { largest_rise({}); }), "");
}

TEST(Misuse, ThrowsWithTheValues) {
  EXPECT_EQ(error_of([] { replay_shares(1.5); }), "replay_shares: replay is 1.5, needed 0 .. 1");
  EXPECT_NE(error_of([] { replay_shares(std::nan("")); }), "");
  EXPECT_NE(error_of([] { union_shares(0, 5); }), "");
  EXPECT_EQ(error_of([] { infinite_schedule(kRates, {.warmup = 5, .cooldown = 10, .anneal_at = 14}); }),
            "infinite_schedule: the anneal begins at step 14, before warm-up (5 steps) and cool-down (10) "
            "are over");
}

}  // namespace
}  // namespace roux::continual
