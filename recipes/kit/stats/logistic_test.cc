#include "recipes/kit/stats/logistic.h"

#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tensor/error.h"
#include "tests/golden/stats.h"

namespace roux::stats {
namespace {

using Vector = std::vector<double>;

const Matrix kX(60, 4, Vector(std::begin(golden::kLogisticX), std::end(golden::kLogisticX)));
const std::vector<int64_t> kLabels(std::begin(golden::kLogisticY), std::end(golden::kLogisticY));
const Vector kWeights(std::begin(golden::kLogisticW), std::end(golden::kLogisticW));

Vector parameters(const LogisticFit& fit) {
  Vector p = {fit.intercept};
  p.insert(p.end(), fit.weights.begin(), fit.weights.end());
  return p;
}

TEST(LogisticTest, InferenceAgreesWithStatsmodels) {
  const LogisticFit fit = fit_logistic(kX, kLabels);
  EXPECT_TRUE(fit.converged);
  for (int j = 0; j < 5; ++j) {
    const double* expected = golden::kLogit + 4 * j;
    EXPECT_NEAR(parameters(fit)[j], expected[0], 1e-10);
    EXPECT_NEAR(fit.standard_errors[j], expected[1], 1e-10);
    EXPECT_NEAR(fit.z_values[j], expected[2], 1e-9);
    EXPECT_NEAR(fit.p_values[j], expected[3], 1e-10);
  }
  EXPECT_NEAR(fit.log_loss, golden::kLogitLoss, 1e-10);
  const LogisticFit weighted = fit_logistic(kX, kLabels, {.sample_weights = kWeights});
  for (int j = 0; j < 5; ++j) {
    EXPECT_NEAR(parameters(weighted)[j], golden::kLogitWeighted[2 * j], 1e-10);
    EXPECT_NEAR(weighted.standard_errors[j], golden::kLogitWeighted[2 * j + 1], 1e-10);
  }
}

TEST(LogisticTest, PenaltiesAgreeWithScikitLearn) {
  const Vector l2 = parameters(fit_logistic(kX, kLabels, {.l2 = 3, .sample_weights = kWeights}));
  const LogisticFit l1 = fit_logistic(kX, kLabels, {.l1 = 4});
  EXPECT_TRUE(l1.converged);
  EXPECT_TRUE(l1.standard_errors.empty());
  for (int j = 0; j < 5; ++j) {
    EXPECT_NEAR(l2[j], golden::kLogisticL2[j], 1e-9);
    EXPECT_NEAR(parameters(l1)[j], golden::kLogisticL1[j], 1e-8);
  }
}

TEST(LogisticTest, L1MeetsTheOptimalityConditions) {
  for (double l1 : {0.5, 2.0, 6.0, 1000.0}) {
    const LogisticFit fit = fit_logistic(kX, kLabels, {.l1 = l1, .sample_weights = kWeights});
    const Vector p = predict_probability(fit, kX);
    double intercept = 0;
    for (int64_t i = 0; i < 60; ++i) intercept += kWeights[i] * (p[i] - static_cast<double>(kLabels[i]));
    EXPECT_NEAR(intercept, 0, 1e-6);
    for (int64_t j = 0; j < 4; ++j) {
      double gradient = 0;
      for (int64_t i = 0; i < 60; ++i)
        gradient += kWeights[i] * (p[i] - static_cast<double>(kLabels[i])) * kX(i, j);
      if (fit.weights[j] == 0) {
        EXPECT_LE(std::abs(gradient), l1 + 1e-6);
      } else {
        EXPECT_NEAR(gradient, fit.weights[j] > 0 ? -l1 : l1, 1e-6);
      }
    }
    if (l1 == 1000) {
      EXPECT_EQ(fit.weights, Vector(4, 0.0));
    }
  }
}

TEST(LogisticTest, KnownIdentities) {
  // Without features the intercept is the log odds; doubling weights is doubling rows.
  const Matrix zeros(4, 1, {0, 0, 0, 0});
  const std::vector<int64_t> labels = {1, 1, 1, 0};
  EXPECT_NEAR(fit_logistic(zeros, labels, {.l2 = 1}).intercept, std::log(3.0), 1e-10);
  Matrix twice(120, 4);
  std::vector<int64_t> labels_twice;
  for (int64_t i = 0; i < 120; ++i) {
    for (int64_t j = 0; j < 4; ++j) twice(i, j) = kX(i / 2, j);
    labels_twice.push_back(kLabels[i / 2]);
  }
  const Vector rows = parameters(fit_logistic(twice, labels_twice, {.l2 = 1}));
  const Vector weights = parameters(fit_logistic(kX, kLabels, {.l2 = 1, .sample_weights = Vector(60, 2.0)}));
  for (int j = 0; j < 5; ++j) EXPECT_NEAR(rows[j], weights[j], 1e-10);
  // A model without intercept ignores shifts of nothing: at zero features the probability is one half.
  const LogisticFit centred = fit_logistic(kX, kLabels, {.intercept = false});
  EXPECT_EQ(centred.intercept, 0);
  EXPECT_EQ(predict_probability(centred, Matrix(1, 4)), Vector{0.5});
  EXPECT_EQ(centred.standard_errors.size(), 4u);
}

TEST(LogisticTest, UnitsAndOffsetsOfColumnsDoNotMatter) {
  const LogisticFit plain = fit_logistic(kX, kLabels);
  Matrix scaled = kX;
  const double units[] = {1e-8, 1e9, 1, 1e4};
  for (int64_t i = 0; i < 60; ++i) {
    for (int64_t j = 0; j < 4; ++j) scaled(i, j) *= units[j];
    scaled(i, 2) += 1000;
  }
  const LogisticFit fit = fit_logistic(scaled, kLabels);
  EXPECT_TRUE(fit.converged);
  EXPECT_NEAR(fit.log_loss, plain.log_loss, 1e-12);
  EXPECT_NEAR(fit.intercept, plain.intercept - 1000 * plain.weights[2], 1e-8);
  for (int j = 0; j < 4; ++j) {
    EXPECT_NEAR(fit.weights[j] * units[j], plain.weights[j], 1e-11);
    EXPECT_NEAR(fit.standard_errors[j + 1] * units[j], plain.standard_errors[j + 1], 1e-11);
  }
}

TEST(LogisticTest, DependentColumnsAreReported) {
  Matrix x(60, 3);
  for (int64_t i = 0; i < 60; ++i) {
    x(i, 0) = kX(i, 0), x(i, 1) = kX(i, 1);
    x(i, 2) = 0.3 * x(i, 0) + 0.7 * x(i, 1);
  }
  const LogisticFit fit = fit_logistic(x, kLabels);
  EXPECT_FALSE(fit.converged);
  EXPECT_TRUE(fit.standard_errors.empty());
  EXPECT_FALSE(fit_logistic(Matrix(4, 1, Vector(4, 0.1)), std::vector<int64_t>{0, 1, 1, 1}).converged);
}

TEST(LogisticTest, SeparableDataAreReported) {
  const Matrix x(4, 1, {-2, -1, 1, 2});
  const LogisticFit fit = fit_logistic(x, std::vector<int64_t>{0, 0, 1, 1}, {.max_iterations = 200});
  EXPECT_TRUE(!fit.converged || fit.standard_errors[1] > 100);
  const LogisticFit penalised = fit_logistic(x, std::vector<int64_t>{0, 0, 1, 1}, {.l2 = 0.1});
  EXPECT_TRUE(penalised.converged);
  EXPECT_NEAR(penalised.intercept, 0, 1e-10);
}

TEST(GroupFoldsTest, AgreeWithScikitLearn) {
  const std::vector<int64_t> groups(std::begin(golden::kLogisticGroups), std::end(golden::kLogisticGroups));
  const std::vector<int64_t> folds = group_folds(groups, 4);
  for (size_t i = 0; i < folds.size(); ++i) {
    EXPECT_EQ(folds[i], golden::kGroupFolds[i]) << i;
    for (size_t j = 0; j < i; ++j) {
      if (groups[i] == groups[j]) {
        EXPECT_EQ(folds[i], folds[j]);
      }
    }
  }
  EXPECT_NEAR(cross_validated_log_loss(kX, kLabels, folds, {.l2 = 2}), golden::kCrossValidated, 1e-9);
  EXPECT_THROW(group_folds(std::vector<int64_t>{1, 1, 2}, 3), Error);
}

TEST(LogisticTest, MisuseThrows) {
  EXPECT_THROW(fit_logistic(kX, std::vector<int64_t>{1}), Error);
  EXPECT_THROW(fit_logistic(Matrix(1, 1, {1}), std::vector<int64_t>{2}), Error);
  EXPECT_THROW(fit_logistic(kX, kLabels, {.l1 = -1}), Error);
  EXPECT_THROW(fit_logistic(kX, kLabels, {.sample_weights = {1, 2}}), Error);
  EXPECT_THROW(fit_logistic(kX, kLabels, {.sample_weights = Vector(60, 0.0)}), Error);
  std::vector<int64_t> folds(60, 0);
  // One class alone has its optimum at an infinite intercept.
  for (int64_t label : {0, 1}) {
    for (double l2 : {0.0, 1.0}) {
      try {
        fit_logistic(kX, std::vector<int64_t>(60, label), {.l2 = l2});
        ADD_FAILURE() << "one class was fitted";
      } catch (const Error& error) {
        const std::string needed = "has label " + std::to_string(label);
        EXPECT_NE(std::string(error.what()).find(needed), std::string::npos) << error.what();
      }
    }
  }
  // So has a class of which no row counts.
  Vector weights(60);
  for (size_t i = 0; i < 60; ++i) weights[i] = kLabels[i] == 1 ? 1 : 0;
  EXPECT_THROW(fit_logistic(kX, kLabels, {.sample_weights = weights}), Error);
  EXPECT_THROW(cross_validated_log_loss(kX, kLabels, folds, {}), Error);
  folds[3] = -1;
  EXPECT_THROW(cross_validated_log_loss(kX, kLabels, folds, {}), Error);
  EXPECT_THROW(predict_probability(fit_logistic(kX, kLabels), Matrix(1, 2)), Error);
}

}  // namespace
}  // namespace roux::stats
