#include "recipes/kit/stats/bayes_regression.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "recipes/kit/stats/linear_algebra.h"
#include "recipes/kit/stats/linear_models.h"
#include "recipes/kit/stats/random.h"
#include "tensor/error_of.h"

namespace roux::stats {
namespace {

// Random pairs; the next x is the last row.
struct Pairs {
  Matrix x;
  std::vector<double> y, next;
};
Pairs pairs(int64_t count, int64_t dimension) {
  RandomStream random(7);
  Pairs out{Matrix(count, dimension), {}, {}};
  for (double& value : out.x.values) value = random.normal();
  for (int64_t i = 0; i < count; ++i) out.y.push_back(random.normal());
  for (int64_t i = 0; i < dimension; ++i) out.next.push_back(random.normal());
  return out;
}

TEST(LinearPosterior, IsRidgeWithItsVariance) {
  const double noise = 0.7;
  for (const int64_t count : {0, 1, 3, 9}) {
    const Pairs p = pairs(count, 3);
    LinearPosterior posterior = LinearPosterior::standard(3, noise);
    Matrix precision(3, 3);
    for (int64_t i = 0; i < 3; ++i) precision(i, i) = 1;
    for (int64_t k = 0; k < count; ++k) {
      posterior.observe(p.x.row(k), p.y[static_cast<size_t>(k)]);
      for (int64_t i = 0; i < 3; ++i)
        for (int64_t j = 0; j < 3; ++j) precision(i, j) += p.x(k, i) * p.x(k, j) / noise;
    }
    const std::vector<double> solved = solve_positive_definite(precision, p.next);
    double variance = noise, mean = 0;
    for (size_t i = 0; i < 3; ++i) variance += p.next[i] * solved[i];
    if (count > 0) {
      const LinearModel model = ridge(p.x, p.y, noise, /*intercept=*/false);
      for (size_t i = 0; i < 3; ++i) mean += model.weights[i] * p.next[i];
    }
    EXPECT_NEAR(posterior.predict(p.next).mean, mean, 1e-12);
    EXPECT_NEAR(posterior.predict(p.next).variance, variance, 1e-12);
  }
}

TEST(LinearPosterior, EvidenceDoesNotDependOnTheOrder) {
  const Pairs p = pairs(5, 2);
  LinearPosterior forwards = LinearPosterior::standard(2, 0.1, 3), backwards = forwards;
  for (int64_t i = 0; i < 5; ++i) {
    forwards.observe(p.x.row(i), p.y[static_cast<size_t>(i)]);
    backwards.observe(p.x.row(4 - i), p.y[static_cast<size_t>(4 - i)]);
  }
  EXPECT_NEAR(forwards.log_evidence(), backwards.log_evidence(), 1e-11);
  EXPECT_EQ(LinearPosterior::standard(2, 0.1).log_evidence(), 0);
}

TEST(LinearPosterior, LargeInputsAreExactOrRefused) {
  LinearPosterior posterior = LinearPosterior::standard(1, 1e-4);  // sigma 0.01
  const std::vector<double> x = {100};                             // 1e4 sigmas
  posterior.observe(x, 50), posterior.observe(x, 51);
  EXPECT_NEAR(posterior.mean()[0], 100 * 101 / (2e4 + 1e-4), 1e-7);
  EXPECT_NEAR(posterior.covariance()(0, 0) / (1e-4 / (2e4 + 1e-4)), 1, 1e-6);
  const std::vector<double> larger = {3e4};
  EXPECT_NE(error_of([&] {
              LinearPosterior::standard(1, 1e-10).observe(larger, 1);
            }).find("x is too large beside the noise's deviation of 1e-05"),
            std::string::npos);
}

TEST(LinearPosterior, WhatThePriorKnowsStays) {
  LinearPosterior posterior({3, 0}, Matrix(2, 2, {0, 0, 0, 1}), 0.5);
  posterior.observe(std::vector<double>{1, 2}, -4);
  EXPECT_EQ(posterior.mean()[0], 3);
  EXPECT_NEAR(posterior.mean()[1], 2 * (-4 - 3) / 4.5, 1e-12);
}

TEST(Mixture, HasTheVarianceBetweenComponentsToo) {
  const std::vector<Gaussian> parts = {{1, 2}, {-3, 0.5}};
  const Gaussian even = mixture(std::vector<double>{-900, -900}, parts);  // a common factor is nothing
  EXPECT_NEAR(even.mean, -1, 1e-12);
  EXPECT_NEAR(even.variance, 1.25 + 4, 1e-12);
  const double none = -std::numeric_limits<double>::infinity();
  const Gaussian first = mixture(std::vector<double>{0, none}, parts);
  EXPECT_EQ(first.mean, 1);
  EXPECT_EQ(first.variance, 2);
  EXPECT_NEAR(normalized_weights(std::vector<double>{0, std::log(3)})[1], 0.75, 1e-12);
}

TEST(BayesRegression, RefusesWhatDoesNotFit) {
  EXPECT_NE(error_of([] { LinearPosterior({0}, Matrix(2, 2), 1); }).find("1 means"), std::string::npos);
  EXPECT_NE(error_of([] { LinearPosterior::standard(2, 0); }).find("noise 0"), std::string::npos);
  EXPECT_NE(
      error_of([] { LinearPosterior::standard(2, 1).predict(std::vector<double>{1}); }).find("needed 2"),
      std::string::npos);
  const double none = -std::numeric_limits<double>::infinity();
  EXPECT_NE(error_of([&] { normalized_weights(std::vector<double>{none}); }).find("largest"),
            std::string::npos);
  EXPECT_NE(error_of([] { mixture(std::vector<double>{0}, std::vector<Gaussian>{}); }).find("1 weights"),
            std::string::npos);
}

}  // namespace
}  // namespace roux::stats
