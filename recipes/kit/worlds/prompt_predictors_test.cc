#include "recipes/kit/worlds/prompt_predictors.h"

#include <algorithm>
#include <cmath>

#include "gtest/gtest.h"
#include "recipes/kit/stats/random.h"
#include "tensor/error_of.h"

// Reference values of all: tests/golden/recipes/icl_uncertainty.py.
namespace roux::kit {
namespace {

using stats::Gaussian;
using stats::LinearPosterior;

// Prompts whose sigma is one of `sigmas`, w ~ N(0, I).
RegressionPrompts draw(const std::vector<double>& sigmas, int64_t rows, int64_t length) {
  RegressionPrompts prompts(length, 2);
  stats::RandomStream random(5);
  for (int64_t row = 0; row < rows; ++row) {
    const double sigma = sigmas[static_cast<size_t>(random.below(static_cast<int64_t>(sigmas.size())))];
    const double w[] = {random.normal(), random.normal()};
    std::vector<double> x, y;
    for (int64_t t = 0; t < length; ++t) {
      x.push_back(random.normal()), x.push_back(random.normal());
      y.push_back(w[0] * x[x.size() - 2] + w[1] * x.back() + sigma * random.normal());
    }
    prompts.add(x, y);
  }
  return prompts;
}

PromptPredictor bayes(const std::vector<double>& sigmas) {
  std::vector<LinearPosterior> priors;
  for (const double s : sigmas) priors.push_back(LinearPosterior::standard(2, s * s));
  return posterior_mixture(priors);
}

TEST(PosteriorMixture, OfOnePriorIsRidge) {
  const RegressionPrompts prompts = draw({1}, 1, 6);
  const std::vector<Gaussian> got = bayes({1})(prompts, 0), ridge = ridge_predictor({1})(prompts, 0);
  for (size_t t = 1; t < got.size(); ++t) EXPECT_NEAR(got[t].mean, ridge[t].mean, 1e-12);
}

TEST(PosteriorMixture, AnImpossiblePriorSaysNothing) {
  const RegressionPrompts prompts = draw({1}, 1, 6);
  const auto both = posterior_mixture({LinearPosterior::standard(2, 1), LinearPosterior::standard(2, 9)},
                                      {0, -std::numeric_limits<double>::infinity()})(prompts, 0);
  const auto one = bayes({1})(prompts, 0);
  for (size_t t = 0; t < one.size(); ++t) EXPECT_EQ(both[t].variance, one[t].variance);
}

// Turning all inputs turns nothing else.
TEST(PosteriorMixture, IsInvariantToRotation) {
  const RegressionPrompts prompts = draw({0.3, 2}, 3, 7);
  RegressionPrompts turned = prompts;
  for (size_t i = 0; i < turned.x.size(); i += 2) {
    turned.x[i] = 0.6 * prompts.x[i] - 0.8 * prompts.x[i + 1];
    turned.x[i + 1] = 0.8 * prompts.x[i] + 0.6 * prompts.x[i + 1];
  }
  const auto a = predict_all(bayes({0.3, 2}), prompts), b = predict_all(bayes({0.3, 2}), turned);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i].variance, b[i].variance, 1e-10);
}

TEST(PosteriorMixture, HasTheLowestExpectedLoss) {
  const RegressionPrompts prompts = draw({0.3, 0.8, 2}, 3000, 8);
  const auto best = predict_all(bayes({0.3, 0.8, 2}), prompts);
  for (const PromptPredictor& other :
       {least_squares_predictor(), ridge_predictor({1}), ridge_predictor({0.01, 0.1, 1, 10}), bayes({0.8})}) {
    const auto predicted = predict_all(other, prompts);
    double sum = 0, squares = 0, count = 0;
    for (size_t i = 0; i < predicted.size(); ++i) {
      if (i % 8 < 6) continue;  // before, least squares has heavy tails
      const double difference = log_density(best[i], prompts.y[i]) - log_density(predicted[i], prompts.y[i]);
      sum += difference, squares += difference * difference, ++count;
    }
    EXPECT_GT(sum / count, 3 * std::sqrt(squares) / count);
  }
}

TEST(PoolPosterior, OfOneTaskIsThatTask) {
  const RegressionPrompts prompts = draw({1}, 1, 5);
  const auto got = pool_posterior({{{2, -1}, 0.7}})(prompts, 0);
  for (int64_t t = 0; t < 5; ++t) {
    EXPECT_NEAR(got[static_cast<size_t>(t)].variance, 0.49, 1e-12);
    EXPECT_NEAR(got[static_cast<size_t>(t)].mean, 2 * prompts.x_at(0, t)[0] - prompts.x_at(0, t)[1], 1e-12);
  }
}

TEST(PoolPosterior, AnswersWithARememberedSigmaWhateverMadeTheData) {
  const RegressionPrompts prompts = draw({0.7}, 5, 50);
  for (int64_t row = 0; row < 5; ++row) {
    const double variance = pool_posterior({{{1, 0}, 0.2}, {{-1, 0.5}, 1.6}})(prompts, row).back().variance;
    EXPECT_LT(std::min(std::abs(variance - 0.04), std::abs(variance - 2.56)), 1e-6);
  }
}

TEST(Predictors, HaveNothingToSayBeforeTheyCan) {
  const RegressionPrompts prompts = draw({1}, 1, 5);
  const auto ols = least_squares_predictor()(prompts, 0), ridge = ridge_predictor({1})(prompts, 0);
  for (size_t t = 0; t < 5; ++t) {
    EXPECT_EQ(std::isnan(ols[t].mean), t <= 2);
    EXPECT_EQ(std::isnan(ridge[t].mean), t == 0);
  }
  EXPECT_NE(error_of([] { posterior_mixture({}); }).find("0 priors"), std::string::npos);
}

}  // namespace
}  // namespace roux::kit
