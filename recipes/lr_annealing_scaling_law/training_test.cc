#include "recipes/lr_annealing_scaling_law/training.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "recipes/kit/run/quiet_run.h"
#include "tensor/parallel.h"

namespace roux::lr_annealing {
namespace {

using ::testing::HasSubstr;

TrainingConfig tiny() {
  TrainingConfig config;
  config.steps = 20, config.hidden = 16, config.length = 32, config.batch = 4, config.warmup = 4;
  config.eval_windows = 16, config.eval_every = 5, config.fit_from = 5;
  return config;
}

// Trains one arm inside a quiet run of its own.
absl::StatusOr<std::vector<double>> train(const TrainingConfig& config, size_t arm, uint64_t seed) {
  absl::StatusOr<kit::Corpus> corpus =
      kit::load_corpus({.path = "", .excerpts = {"goethe_werther"}, .length = config.length});
  if (!corpus.ok()) return corpus.status();
  return kit::quiet_run()->part("arm/seed1", [&](kit::Part& part) {
    return train_curve(config, *corpus, arms(config)[arm].schedule, seed, part);
  });
}

TEST(Training, LossFallsAndRepeatsBitForBit) {
  const auto first = train(tiny(), 0, 1), again = train(tiny(), 0, 1);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_EQ(first->size(), 4u);
  EXPECT_LT(first->back(), first->front());
  EXPECT_EQ(*first, *again);
  EXPECT_NE(*first, *train(tiny(), 0, 2));
}

TEST(Training, SchedulesThatAgreeSoFarGiveTheSameBits) {
  // WSD is constant until its decay: weights and data order are the seed's alone.
  const auto constant = train(tiny(), 0, 1), wsd = train(tiny(), 2, 1);
  ASSERT_TRUE(constant.ok() && wsd.ok());
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ((*constant)[i], (*wsd)[i]) << i;
  EXPECT_NE((*constant)[3], (*wsd)[3]);
}

TEST(Training, ThreadCountChangesNoBit) {
  const auto wide = train(tiny(), 1, 1);
  set_num_threads(1);
  const auto narrow = train(tiny(), 1, 1);
  ASSERT_TRUE(wide.ok() && narrow.ok());
  EXPECT_EQ(*wide, *narrow);
}

TEST(Training, ANonFiniteLossStopsWithStepAndOp) {
  TrainingConfig config = tiny();
  config.eta_max = 1e36;  // the second step overflows
  const auto result = train(config, 0, 1);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("step 2"));
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("first NaN"));
}

TEST(Plan, MetaCountsWhatTheCpuUses) {
  TrainingConfig config = tiny();
  config.eval_every = 100;  // nothing is evaluated
  reset_peak_memory(kCpu);
  const int64_t before = memory_stats(kCpu).current;
  ASSERT_TRUE(train(config, 0, 1).ok());
  const auto measured = static_cast<double>(memory_stats(kCpu).peak - before);

  const auto corpus = kit::load_corpus({.path = "", .excerpts = {"goethe_werther"}, .length = config.length});
  const auto run = kit::quiet_run({.options = {.plan = true}});
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  const auto ended = run->part("arm/seed1", [&](kit::Part& part) {
    return train_curve(config, *corpus, arms(config)[0].schedule, 1, part);
  });
  EXPECT_EQ(ended.status().code(), absl::StatusCode::kCancelled) << ended.status();
  ASSERT_EQ(run->plans().size(), 1u);
  const kit::PartPlan& plan = run->plans()[0];
  EXPECT_NEAR(static_cast<double>(plan.peak), measured, 0.1 * measured);
  EXPECT_GT(plan.peak, plan.persistent);
  EXPECT_EQ(plan.parameters, parameter_count(config, *corpus));
}

}  // namespace
}  // namespace roux::lr_annealing
