// The predictors, tokens and calibration against tests/golden/recipes/icl_uncertainty.py: dense matrices,
// NumPy.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "recipes/kit/eval/calibration.h"
#include "recipes/kit/worlds/prompt_predictors.h"
#include "tests/golden/recipe_values.h"

namespace roux::kit {
namespace {

using stats::Gaussian;
using Doubles = std::vector<double>;

const golden::Values& reference() {
  static const auto* const values = new golden::Values(golden::Values::of_recipe("icl_uncertainty"));
  return *values;
}

RegressionPrompts prompt_of(const golden::Values& c) {
  const Doubles y = c["y"].numbers();
  RegressionPrompts prompts(static_cast<int64_t>(y.size()), c["dimension"].integer());
  prompts.add(c["x"].numbers(), y);
  return prompts;
}

// The last positions are those of the reference.
void expect_predictions(const std::vector<Gaussian>& got, const Doubles& mean, const Doubles& variance) {
  const size_t first = got.size() - mean.size();
  for (size_t i = 0; i < mean.size(); ++i) {
    EXPECT_NEAR(got[first + i].mean, mean[i], 1e-9 * std::max(1.0, std::abs(mean[i]))) << i;
    EXPECT_NEAR(got[first + i].variance, variance[i], 1e-9 * std::max(1.0, variance[i])) << i;
  }
}

void expect_golden(const std::string& key,
                   const std::function<PromptPredictor(const golden::Values&)>& predictor) {
  for (const golden::Values& c : reference()[key].items())
    expect_predictions(predictor(c)(prompt_of(c), 0), c["mean"].numbers(), c["variance"].numbers());
}

TEST(Golden, KnownNoise) {
  for (const golden::Values& c : reference()["linear"].items()) {
    const RegressionPrompts prompts = prompt_of(c);
    const int64_t d = prompts.dimension;
    stats::LinearPosterior posterior(c["prior_mean"].numbers(), {d, d, c["prior_covariance"].numbers()},
                                     c["noise"].number());
    std::vector<Gaussian> got;
    for (int64_t t = 0; t < prompts.length; ++t) {
      got.push_back(posterior.predict(prompts.x_at(0, t)));
      posterior.observe(prompts.x_at(0, t), prompts.y_at(0, t));
    }
    expect_predictions(got, c["mean"].numbers(), c["variance"].numbers());
    EXPECT_NEAR(posterior.log_evidence(), c["evidence"].number(), 1e-9);
  }
}

TEST(Golden, Pool) {
  expect_golden("pool", [](const golden::Values& c) {
    const Doubles w = c["weights"].numbers(), sigmas = c["sigmas"].numbers();
    std::vector<LinearTask> pool;
    const auto d = static_cast<int64_t>(w.size() / sigmas.size());
    for (size_t i = 0; i < sigmas.size(); ++i) {
      const auto first = w.begin() + static_cast<int64_t>(i) * d;
      pool.push_back({{first, first + d}, sigmas[i]});
    }
    return pool_posterior(pool);
  });
}

TEST(Golden, WithoutAPrior) {
  expect_golden("prior_free", [](const golden::Values&) { return least_squares_predictor(); });
  for (const golden::Values& c : reference()["prior_free"].items()) {
    for (const auto& [key, penalties] :
         {std::pair{"ridge", Doubles{1}}, std::pair{"chosen", Doubles{0.01, 0.1, 1, 10}}}) {
      const Doubles pairs = c[key].numbers();
      Doubles mean, variance;
      for (size_t i = 0; i < pairs.size(); i += 2) mean.push_back(pairs[i]), variance.push_back(pairs[i + 1]);
      expect_predictions(ridge_predictor(penalties)(prompt_of(c), 0), mean, variance);
    }
  }
}

TEST(Golden, Tokens) {
  for (const golden::Values& c : reference()["formats"].items()) {
    for (const auto& [key, format] :
         {std::pair{"paired", PromptFormat::kPaired}, std::pair{"alternating", PromptFormat::kAlternating}}) {
      const std::vector<float> got = prompt_tokens(prompt_of(c), format);
      const Doubles expected = c[key].numbers();
      ASSERT_EQ(got.size(), expected.size());
      for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-6) << key << i;
    }
  }
}

TEST(Golden, Calibration) {
  const golden::Values c = reference()["calibration"];
  EXPECT_NEAR(interval_coverage(c["z"].numbers()), c["coverage"].number(), 1e-12);
  EXPECT_NEAR(quantile_calibration_error(c["z"].numbers()), c["error"].number(), 1e-12);
}

}  // namespace
}  // namespace roux::kit
