#include "recipes/regmix/method.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "gtest/gtest.h"
#include "recipes/kit/stats/correlation.h"
#include "recipes/kit/stats/samplers.h"
#include "tensor/error.h"
#include "tests/golden/recipe_values.h"

namespace roux::regmix {
namespace {

using stats::Matrix;
using Vector = std::vector<double>;

// The Pile's shares, section 3.1.
const Vector kPrior = {.113285, .079609, .003913, .185376, .051081, .015963, .101751, .003708, .066529,
                       .001751, .027085, .236869, .011843, .007930, .008033, .038826, .046447};

double sum(const Vector& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

void expect_near(const Vector& got, const Vector& expected, double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], tolerance) << i;
}

Matrix matrix_of(const golden::Values& rows) {
  std::vector<Mixture> all;
  for (const golden::Values& row : rows.items()) all.push_back(row.numbers());
  return as_rows(all);
}

// Random points of a simplex, and losses that are not linear in them.
Matrix points(int64_t rows, int64_t domains, uint64_t seed) {
  return draw_candidates(Mixture(static_cast<size_t>(domains), 1.0), rows, seed);
}
Vector curved_losses(const Matrix& x) {
  Vector y;
  for (int64_t i = 0; i < x.rows; ++i)
    y.push_back(3 - std::sqrt(x(i, 0)) + x(i, 1) * x(i, 2) - 0.5 * x(i, 1));
  return y;
}
double mean_squared(const Vector& a, const Vector& b) {
  double error = 0;
  for (size_t i = 0; i < a.size(); ++i)
    error += (a[i] - b[i]) * (a[i] - b[i]) / static_cast<double>(a.size());
  return error;
}

// Columns of x in another order.
Matrix permuted(const Matrix& x, const std::vector<int64_t>& order) {
  Matrix out(x.rows, x.cols);
  for (int64_t i = 0; i < x.rows; ++i) {
    for (int64_t j = 0; j < x.cols; ++j) out(i, j) = x(i, order[static_cast<size_t>(j)]);
  }
  return out;
}

TEST(Reference, SamplerStepsAreThoseOfTheReference) {
  const golden::Values values = golden::Values::of_recipe("regmix");
  for (const golden::Values& c : values["shares"].items()) {
    const Mixture p = proportional(c["prior"].numbers());
    expect_near(tempered(p, 0.5), c["q"].numbers(), 1e-15);
    expect_near(caps(p, c["epochs"].number()), c["caps"].numbers(), 1e-15);
  }
  for (const golden::Values& c : values["grids"].items())
    expect_near(on_grid(c["draw"].numbers(), c["minimum"].number()), c["weights"].numbers(), 1e-12);
  std::vector<Mixture> rows;
  for (const golden::Values& row : values["distinct"]["rows"].items()) rows.push_back(row.numbers());
  const std::vector<Mixture> kept = distinct(rows);
  const auto expected = values["distinct"]["kept"].items();
  ASSERT_EQ(kept.size(), expected.size());
  for (size_t i = 0; i < kept.size(); ++i) expect_near(kept[i], expected[i].numbers(), 0);
}

TEST(Reference, RegressorsAreThoseOfTheReference) {
  const golden::Values values = golden::Values::of_recipe("regmix");
  for (const golden::Values& c : values["fits"].items()) {
    const Matrix x = matrix_of(c["x"]), queries = matrix_of(c["queries"]);
    const Vector y = c["y"].numbers();
    expect_near(stats::predict(fit_linear(x, y), queries), c["ridge"].numbers(), 1e-9);
    stats::BoostingOptions options = tree_options(x.rows, {});
    options.trees = c["rounds"].integer();
    expect_near(stats::predict(stats::fit_boosted_trees(x, y, options), queries), c["trees"].numbers(), 1e-9);
    if (!c.has("cv")) continue;
    const Vector errors = cross_validation_errors(x, y, {.max_rounds = 60});
    ASSERT_EQ(errors.size(), 60u);
    expect_near({errors[0], errors[9], errors[59]}, c["cv"].numbers(), 1e-12);
    const stats::BoostedTrees trees = fit_trees(x, y, {.max_rounds = 60});
    EXPECT_EQ(static_cast<int64_t>(trees.trees.size()), c["rounds"].integer());
    expect_near(stats::predict(trees, queries), c["trees"].numbers(), 1e-9);
  }
}

TEST(Reference, SimulationAndOperationsAreThoseOfTheReference) {
  const golden::Values values = golden::Values::of_recipe("regmix");
  const golden::Values& c = values["simulated"];
  for (const golden::Values& best : c["best"].items()) {
    expect_near(average_of_best(matrix_of(c["candidates"]), c["predicted"].numbers(), best["k"].integer()),
                best["weights"].numbers(), 1e-12);
  }
  for (const golden::Values& f : values["flops"].items()) {
    const double flops = training_flops(f["weights"].number(), f["layers"].integer(), f["hidden"].integer(),
                                        f["length"].integer(), f["tokens"].number());
    EXPECT_NEAR(flops / f["flops"].number(), 1, 1e-12);
  }
  EXPECT_EQ(training_flops(100, 0, 8, 4, 10), 6 * 100 * 10);
}

TEST(Sampler, DrawsHaveTheMomentsOfADirichletDistribution) {
  const Mixture q = {0.5, 0.3, 0.2};
  const double s = 2.5;
  const SamplerOptions options{.min_strength = s, .max_strength = s, .strengths = 1};
  stats::RandomStream random(1);
  constexpr int64_t kDraws = 100'000;
  Vector mean(3), square(3);
  for (int64_t i = 0; i < kDraws; ++i) {
    const Mixture w = *draw_mixture(q, {1, 1, 1}, options, random);
    for (size_t j = 0; j < 3; ++j) mean[j] += w[j] / kDraws, square[j] += w[j] * w[j] / kDraws;
  }
  for (size_t j = 0; j < 3; ++j) {
    const double variance = q[j] * (1 - q[j]) / (s + 1);
    EXPECT_NEAR(mean[j], q[j], 4 * std::sqrt(variance / kDraws));
    EXPECT_NEAR((square[j] - mean[j] * mean[j]) / variance, 1, 0.03);
  }
}

TEST(Sampler, EveryStrengthOfTheGridIsDrawnAndNoOther) {
  // Of two equal domains the mean of w_0 (1 - w_0) is s / (s + 1) / 4: over the grid its mean.
  const SamplerOptions options;
  double expected = 0;
  for (int i = 0; i < 15; ++i) {
    const double s = std::pow(10, -1 + i * (std::log10(5.0) + 1) / 14);
    expected += s / (s + 1) / 4 / 15;
  }
  stats::RandomStream random(2);
  double got = 0;
  for (int i = 0; i < 100'000; ++i) {
    const Mixture w = *draw_mixture({0.5, 0.5}, {1, 1}, options, random);
    got += w[0] * w[1] / 100'000;
  }
  EXPECT_NEAR(got, expected, 0.002);
}

TEST(Sampler, MixturesAreNormalisedOnTheGridAndWithinTheCaps) {
  const SamplerOptions options;
  const Mixture p = proportional(kPrior);
  const Vector highest = caps(p, 15);
  const std::vector<Mixture> all = sample_mixtures(p, 512, options, 3);
  EXPECT_EQ(all.size(), 512u);
  EXPECT_EQ(distinct(all).size(), 512u);
  bool capped = false;
  for (const Mixture& w : all) {
    EXPECT_NEAR(sum(w), 1, 1e-9);
    for (size_t j = 0; j < w.size(); ++j) {
      // Rounding 17 weights to multiples of 2e-4 leaves a sum within 17e-4 of 1.
      EXPECT_TRUE(w[j] == 0 || w[j] > 2e-4 * (1 - 0.0018)) << w[j];
      // What is dropped, less than 17 * 2e-4 in all, may lift the others over the cap.
      EXPECT_LT(w[j], highest[j] * 1.006 + 1.01e-4);
      capped |= w[j] > 0.8 * highest[j] && highest[j] < 0.5;
    }
  }
  EXPECT_TRUE(capped);
  EXPECT_EQ(sample_mixtures(p, 20, options, 3), sample_mixtures(p, 20, options, 3));
  EXPECT_NE(sample_mixtures(p, 20, options, 3), sample_mixtures(p, 20, options, 4));
  stats::RandomStream random(4);
  for (int i = 0; i < 2000; ++i) {
    const auto w = draw_mixture(tempered(p, 0.5), highest, options, random);
    for (size_t j = 0; w && j < w->size(); ++j) EXPECT_LE((*w)[j], highest[j]);
  }
}

TEST(Sampler, WhatCannotBeDrawnIsAnError) {
  // Two equal domains that may each be seen once: only the even mixture, which has probability 0.
  EXPECT_THROW(sample_mixtures({0.5, 0.5}, 3, {.max_epochs = 1}, 1), Error);
  EXPECT_THROW(draw_capped_candidates({0.5, 0.5}, 3, {.max_epochs = 1}, 1), Error);
  EXPECT_THROW(caps({1}, 0.5), Error);
  EXPECT_THROW(tempered({1}, 0), Error);
  EXPECT_THROW(on_grid({0.5, 0.5}, 0.9), Error);
  stats::RandomStream random(1);
  EXPECT_THROW(draw_mixture({1}, {1, 1}, {}, random), Error);
  EXPECT_THROW(draw_mixture({1}, {1}, {.min_strength = 2, .max_strength = 1}, random), Error);
}

TEST(Sampler, DomainsOfABatchHaveTheirSharesAndNothingWithoutWeight) {
  const Vector weights = {0.61, 0.002, 0, 0.388};
  const stats::MixtureSampler sampler(weights, 5);
  constexpr int64_t kDraws = 100'000;
  Vector seen(4);
  for (int64_t i = 0; i < kDraws; ++i) ++seen[static_cast<size_t>(sampler(i))];
  EXPECT_EQ(seen[2], 0);
  for (size_t j = 0; j < 4; ++j)
    EXPECT_LE(std::abs(seen[j] / kDraws - weights[j]), 3 * std::sqrt(weights[j] * (1 - weights[j]) / kDraws));
}

TEST(Linear, RecoversLinearLossesUpToTheGauge) {
  const Vector a = {1.5, -0.7, 0.2, 4}, gauge = {2.5, 0.3, 1.2, 5};  // a + 1
  const Matrix x = points(40, 4, 6), unseen = points(10, 4, 7);
  const auto losses = [](const Matrix& at, const Vector& slope, double b) {
    Vector y;
    for (int64_t i = 0; i < at.rows; ++i)
      y.push_back(std::inner_product(slope.begin(), slope.end(), at.row(i).begin(), b));
    return y;
  };
  const stats::LinearModel fit = fit_linear(x, losses(x, a, 3)), shifted = fit_linear(x, losses(x, gauge, 2));
  expect_near(stats::predict(fit, unseen), losses(unseen, a, 3), 1e-4);
  expect_near(stats::predict(shifted, unseen), stats::predict(fit, unseen), 1e-9);  // the same losses
  for (size_t j = 1; j < 4; ++j) EXPECT_NEAR(fit.weights[j] - fit.weights[0], a[j] - a[0], 1e-3);
}

TEST(Linear, APenalisedInterceptChangesCoefficientsNotPredictionsInTheLimit) {
  const Matrix x = points(40, 3, 8), unseen = points(10, 3, 9);
  const Vector y = curved_losses(x);
  const auto with_ones = [](const Matrix& at) {
    Matrix out(at.rows, at.cols + 1);
    for (int64_t i = 0; i < at.rows; ++i) {
      for (int64_t j = 0; j < at.cols; ++j) out(i, j) = at(i, j);
      out(i, at.cols) = 1;
    }
    return out;
  };
  const auto differ = [&](double penalty) {
    const Vector free = stats::predict(stats::ridge(x, y, penalty), unseen);
    const stats::LinearModel penalised = stats::ridge(with_ones(x), y, penalty, false);
    EXPECT_GT(std::abs(penalised.weights[0] - stats::ridge(x, y, penalty).weights[0]), 0.1);
    const Vector other = stats::predict(penalised, with_ones(unseen));
    double most = 0;
    for (size_t i = 0; i < free.size(); ++i) most = std::max(most, std::abs(free[i] - other[i]));
    return most;
  };
  EXPECT_GT(differ(1), 1e-3);
  EXPECT_LT(differ(1e-8), 1e-8);
}

TEST(Trees, LearnMoreWithEachRoundAndAreConstantOutsideOfTheData) {
  const Matrix x = points(64, 4, 10);
  const Vector y = curved_losses(x);
  stats::BoostingOptions options = tree_options(x.rows, {});
  EXPECT_EQ(options.max_leaves, 6);
  EXPECT_EQ(options.min_leaf, 5);
  EXPECT_EQ(tree_options(48, {}).min_leaf, 4);
  EXPECT_EQ(tree_options(512, {}).max_leaves, 31);
  EXPECT_EQ(tree_options(512, {}).min_leaf, 20);
  options.trees = 80;
  const stats::BoostedTrees trees = stats::fit_boosted_trees(x, y, options);
  double before = mean_squared(y, stats::predict(trees, x, 0));
  for (int64_t m = 1; m <= 80; ++m) {
    const double error = mean_squared(y, stats::predict(trees, x, m));
    EXPECT_LE(error, before) << m;
    before = error;
  }
  const Matrix outside(2, 4, {2, 3, 4, 5, 20, 30, 40, 50});
  const Vector predicted = stats::predict(trees, outside);
  EXPECT_EQ(predicted[0], predicted[1]);
}

TEST(Trees, OneStumpIsAStepFunction) {
  // w_0 is 0, 1/12, ..., 11/12 and the loss falls from 3 to 2 between 5/12 and 6/12.
  Matrix x(12, 2);
  Vector y;
  for (int64_t i = 0; i < 12; ++i) {
    x(i, 0) = static_cast<double>(i) / 12, x(i, 1) = 1 - x(i, 0);
    y.push_back(i < 6 ? 3 : 2);
  }
  const stats::BoostedTrees stump =
      stats::fit_boosted_trees(x, y, {.trees = 1, .learning_rate = 1, .max_leaves = 2, .min_leaf = 4});
  EXPECT_EQ(stats::predict(stump, x), y);
  EXPECT_DOUBLE_EQ(stump.trees[0][0].threshold, 11.0 / 24);
}

TEST(Trees, RoundsAreThoseOfTheSmallestCrossValidationError) {
  const Matrix x = points(60, 3, 11);
  Vector y = curved_losses(x);
  const TreeOptions options{.max_rounds = 120, .learning_rate = 0.3};
  stats::RandomStream random(12);
  for (double& loss : y) loss += 0.2 * random.normal();
  const Vector errors = cross_validation_errors(x, y, options);
  const auto best = std::min_element(errors.begin(), errors.end()) - errors.begin() + 1;
  EXPECT_LT(best, 120);  // more only learn the noise
  EXPECT_EQ(static_cast<int64_t>(fit_trees(x, y, options).trees.size()), best);
  EXPECT_THROW(fit_trees(points(3, 3, 1), Vector(3, 1.0), options), Error);
  EXPECT_THROW(fit_trees(x, y, {.folds = 1}), Error);
}

TEST(Regressors, DoNotDependOnTheOrderOfTheDomains) {
  const Matrix x = points(60, 4, 13), unseen = points(20, 4, 14);
  const Vector y = curved_losses(x);
  const std::vector<int64_t> order = {2, 0, 3, 1};
  expect_near(stats::predict(fit_linear(permuted(x, order), y), permuted(unseen, order)),
              stats::predict(fit_linear(x, y), unseen), 1e-9);
  // Splits of large leaves: smaller ones may be tied between domains.
  const stats::BoostingOptions options{.trees = 50, .max_depth = 60, .max_leaves = 4, .min_leaf = 12};
  expect_near(
      stats::predict(stats::fit_boosted_trees(permuted(x, order), y, options), permuted(unseen, order)),
      stats::predict(stats::fit_boosted_trees(x, y, options), unseen), 1e-9);
}

TEST(Spearman, IsOfRanksWithTiesAveraged) {
  // Ranks 1 2 3 4 5 and 2 1 4 3 5: 1 - 6 * 4 / (5 * 24).
  EXPECT_NEAR(stats::spearman(Vector{1, 2, 3, 4, 5}, Vector{20, 10, 40, 30, 50}).coefficient, 0.8, 1e-15);
  // Ranks 1 2.5 2.5 4 and 1 2 3 4: covariance 4.5, variances 4.5 and 5.
  EXPECT_NEAR(stats::spearman(Vector{1, 2, 2, 3}, Vector{1, 2, 3, 4}).coefficient, 4.5 / std::sqrt(4.5 * 5),
              1e-15);
  const Vector x = {-2, 0.1, 0.2, 3, 7};
  Vector y;
  for (const double v : x) y.push_back(std::exp(v));
  EXPECT_NEAR(stats::spearman(x, y).coefficient, 1, 1e-15);
}

TEST(Simulation, ALinearRegressorLeadsToTheBestVertex) {
  const stats::LinearModel linear{.intercept = 5, .weights = {1, -2, 0.5}};
  const Matrix free = draw_candidates({0.3, 0.3, 0.4}, 100'000, 1);
  EXPECT_GT(average_of_best(free, stats::predict(linear, free), 1)[1], 0.999);
  // With caps of 0.6, 0.6 and 0.8 the best vertex is (0, 0.6, 0.4): loss 4 instead of 3.
  const Matrix capped = draw_capped_candidates({0.3, 0.3, 0.4}, 100'000, {.max_epochs = 2}, 1);
  const Vector predicted = stats::predict(linear, capped);
  const Mixture best = average_of_best(capped, predicted, 1);
  EXPECT_NEAR(best[0], 0, 0.01);
  EXPECT_NEAR(best[1], 0.6, 0.01);
  EXPECT_NEAR(best[2], 0.4, 0.01);
}

TEST(Simulation, TheAverageIsAMixtureOfTheMeanPrediction) {
  const stats::LinearModel linear{.intercept = 5, .weights = {1, -2, 0.5, 0}};
  const Matrix candidates = points(1000, 4, 15);
  const Vector predicted = stats::predict(linear, candidates);
  Vector sorted = predicted;
  std::sort(sorted.begin(), sorted.end());
  for (const int64_t k : {1, 10, 128, 1000}) {
    const Mixture best = average_of_best(candidates, predicted, k);
    EXPECT_NEAR(sum(best), 1, 1e-9);
    const double mean = std::accumulate(sorted.begin(), sorted.begin() + k, 0.0) / static_cast<double>(k);
    EXPECT_NEAR(stats::predict(linear, as_rows({best}))[0], mean, 1e-9);
  }
  EXPECT_THROW(average_of_best(candidates, predicted, 0), Error);
  EXPECT_THROW(average_of_best(candidates, predicted, 1001), Error);
  EXPECT_THROW(average_of_best(candidates, Vector(3), 1), Error);
}

}  // namespace
}  // namespace roux::regmix
