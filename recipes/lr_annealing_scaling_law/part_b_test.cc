#include "recipes/lr_annealing_scaling_law/part_b.h"

#include "gtest/gtest.h"

namespace roux::lr_annealing {
namespace {

// Losses that follow the law exactly.
std::vector<std::vector<double>> lawful(const TrainingConfig& config, double lambda, double wobble) {
  const Fit truth{.law = {2.0, 1.5, 0.4, 0.05}, .lambda = lambda};
  std::vector<std::vector<double>> losses;
  for (const Arm& arm : arms(config)) {
    const std::vector<double> all = predict(truth, area_rates(arm.schedule, config.steps - 1, config.warmup));
    losses.emplace_back();
    for (const int64_t step : evaluation_steps(config)) {
      const double sign = (step / config.eval_every) % 2 == 0 ? 1 : -1;
      losses.back().push_back(all[static_cast<size_t>(step - 1)] * (1 + wobble * sign));
    }
  }
  return losses;
}

TEST(PartB, LawfulCurvesArePredictedAndTheBaselinesAreNot) {
  const TrainingConfig config;
  const PartB b = part_b(config, arms(config), lawful(config, 0.95, 0));
  EXPECT_EQ(b.fit.lambda, 0.95);
  EXPECT_NEAR(b.fit.law.l0, 2.0, 1e-3);
  EXPECT_NEAR(b.fit.law.c, 0.05, 1e-3);
  EXPECT_LT(b.held_out, 1e-5);
  EXPECT_GT(b.held_out_step_only, 10 * b.held_out);
  EXPECT_GT(b.held_out_forward_only, 10 * b.held_out);
  EXPECT_GT(b.held_out_lambda0, 10 * b.held_out);
  EXPECT_EQ(b.tau, 1);
  ASSERT_EQ(b.held_out_by_arm.size(), 3u);
}

TEST(PartB, ErrorsAreMeansOverTheHeldOutPoints) {
  const TrainingConfig config;
  EXPECT_NEAR(part_b(config, arms(config), lawful(config, 0.9, 0.01)).held_out, 0.01, 1e-3);
}

TEST(Arms, SameStartAndStatedEnds) {
  const TrainingConfig config;
  const std::vector<Arm> all = arms(config);
  for (const Arm& arm : all) {
    EXPECT_EQ(arm.schedule(config.warmup), config.eta_max) << arm.name;
    EXPECT_EQ(arm.schedule(0), config.eta_max / static_cast<double>(config.warmup + 1)) << arm.name;
  }
  EXPECT_EQ(all[0].schedule(config.steps - 1), config.eta_max);
  EXPECT_LT(all[1].schedule(config.steps - 1), 1e-3 * config.eta_max);
  EXPECT_EQ(all[2].schedule(config.steps * 8 / 10 - 1), config.eta_max);
  EXPECT_LT(all[2].schedule(config.steps - 1), 0.01 * config.eta_max);
  EXPECT_DOUBLE_EQ(all[3].schedule(config.steps - 1), 0.1 * config.eta_max);
  EXPECT_EQ(all[4].schedule(config.steps - 1), config.eta_max);
  EXPECT_LT(all[4].schedule(config.steps / 2 + config.steps / 8 - 1), 0.2 * config.eta_max);
}

}  // namespace
}  // namespace roux::lr_annealing
