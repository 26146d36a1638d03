#include "recipes/loss_reweighting/toy.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/golden/recipe_values.h"

namespace roux::loss_reweighting {
namespace {

TEST(SgdStep, IsThatOfTheReference) {
  for (const golden::Values& c : golden::Values::of_recipe("loss_reweighting")["regressions"].items()) {
    const Regression data{3, c["x"].numbers(), c["y"].numbers()};
    const std::vector<int64_t> rows = c["rows"].integers();
    const auto strategy = std::find_if(kStrategies.begin(), kStrategies.end(),
                                       [&](Strategy s) { return c["strategy"].text() == strategy_name(s); });
    std::vector<double> w(3, 0);
    for (size_t step = 0; step < rows.size() / 8; ++step)
      sgd_step(data, absl::MakeConstSpan(rows).subspan(8 * step, 8), {.strategy = *strategy}, 0.1, w);
    for (size_t j = 0; j < 3; ++j) EXPECT_NEAR(w[j], c["w"].numbers()[j], 1e-9);
  }
}

TEST(ToyProblem, HasTheSharesThatItSays) {
  const ToyProblem toy = toy_problem(ToyData::kOutliers, 3);
  ASSERT_EQ(toy.train.y.size(), 2000u);
  ASSERT_EQ(toy.test.y.size(), 500u);
  std::vector<double> first;  // of each different x
  for (size_t i = 0; i < 1400; ++i) {
    const double x = toy.train.x[50 * i];
    if (std::find(first.begin(), first.end(), x) == first.end()) first.push_back(x);
  }
  EXPECT_EQ(first.size(), 5u);
  EXPECT_EQ(std::find(first.begin(), first.end(), toy.train.x[size_t{50} * 1400]), first.end());
  // Without outliers the samples are the same but for the noise of the last 5 %, which is ten times smaller.
  const ToyProblem clean = toy_problem(ToyData::kRedundant, 3);
  EXPECT_EQ(toy.train.x, clean.train.x);
  EXPECT_EQ(toy.test.y, clean.test.y);
  double largest = 0;
  for (size_t i = 0; i < 2000; ++i) {
    const double apart = std::abs(toy.train.y[i] - clean.train.y[i]);
    EXPECT_EQ(i < 1900 ? apart : 0, 0) << i;
    largest = std::max(largest, apart);
  }
  EXPECT_GT(largest, 1);
  // The control repeats nothing, and has the redundant samples' mean of <x, d>^2 along a direction d.
  const ToyProblem distinct = toy_problem(ToyData::kDistinct, 3);
  const auto along = [&](const Regression& data) {
    double sum = 0;
    for (size_t i = 0; i < 2000; ++i)
      sum += std::pow(data.predict(absl::MakeConstSpan(clean.train.x).first(50), i), 2) / 2000;
    return sum;
  };
  EXPECT_NEAR(along(distinct.train) / along(clean.train), 1, 0.15);
  std::vector<double> all(distinct.train.x);
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

TEST(RunToy, LearnsRepeatsAndSurvivesARateThatIsTooHigh) {
  const ToyProblem toy = toy_problem(ToyData::kRedundant, 1);
  const ToyOptions options{.steps = 200};
  const Weighting lin_upper{.strategy = Strategy::kLinUpper};
  const ToyResult run = run_toy(toy, lin_upper, 0.05, 1, options);
  EXPECT_NEAR(run.curve[0], 0.5, 0.15);
  EXPECT_LT(run.final_loss, 0.01);
  EXPECT_LT(run.steps_to_threshold, 200);
  EXPECT_EQ(run.curve.size(), 41u);
  EXPECT_EQ(run.curve, run_toy(toy, lin_upper, 0.05, 1, options).curve);
  EXPECT_NE(run.curve, run_toy(toy, lin_upper, 0.05, 2, options).curve);
  const ToyResult wild = run_toy(toy, lin_upper, 10, 1, options);
  EXPECT_EQ(wild.final_loss, 1e9);
  EXPECT_EQ(wild.steps_to_threshold, 200);
  const ToyResult ended = run_toy(toy, lin_upper, 0.05, 1, {.steps = 200, .until_threshold = true});
  EXPECT_EQ(ended.steps_to_threshold, run.steps_to_threshold);
  EXPECT_LT(ended.curve.size(), 40u);
}

// Between the ends of the grid, no rate of it faster, and at the edge: a seventh more is slower or diverges.
TEST(TunedToyRate, IsTheFastestAndAtTheEdgeForEveryArm) {
  const ToyOptions options{.steps = 200, .until_threshold = true};
  for (const ToyData of : kToyData) {
    const ToyProblems data = toy_problems(of, {7});
    EXPECT_EQ(data.problems[0].train.y, toy_problem(of, 7).train.y);
    for (const ToyArm& arm : toy_arms()) {
      if (arm.data != of) continue;
      const std::string name = absl::StrCat(toy_data_name(of), " ", arm.name);
      const auto steps = [&](double rate) {
        int64_t sum = 0;
        for (size_t i = 0; i < kTuningSeeds.size(); ++i)
          sum += run_toy(data.tuning[i], arm.weighting, rate, kTuningSeeds[i], options).steps_to_threshold;
        return sum;
      };
      const double best = tuned_toy_rate(data, arm.weighting, options);
      EXPECT_GT(best, kToyRates.front()) << name;
      EXPECT_LT(best, kToyRates.back()) << name;
      if (arm.name == "uniform") {
        for (const double rate : kToyRates) EXPECT_LE(steps(best), steps(rate)) << name << " at " << rate;
      }
      for (const double factor : {0.94387, 1.05946}) EXPECT_LE(steps(best), steps(best * factor)) << name;
      EXPECT_LT(steps(best), steps(best * 1.15)) << name << " at " << best;
    }
  }
}

}  // namespace
}  // namespace roux::loss_reweighting
