#include "recipes/kit/stats/multinomial_logistic.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

using Vector = std::vector<double>;
using Labels = std::vector<int64_t>;

TEST(MultinomialTest, AgreesWithScikitLearn) {
  const auto golden = nlohmann::json::parse(
      *kit::read_text(*kit::find_runfile("tests/golden/text_models.json")))["multinomial"];
  const Matrix x(90, 3, golden["x"].get<Vector>());
  const auto labels = golden["y"].get<Labels>();
  ASSERT_EQ(golden["cases"].size(), 4u);
  for (const auto& expected : golden["cases"]) {
    MultinomialOptions options{.l2 = expected["l2"].get<double>(),
                               .intercept = expected["intercept"].get<bool>()};
    if (expected["weighted"].get<bool>()) options.sample_weights = golden["w"].get<Vector>();
    const MultinomialFit fit = fit_multinomial(x, labels, 4, options);
    EXPECT_TRUE(fit.converged);
    const auto weights = expected["weights"].get<Vector>();
    const auto intercepts = expected["intercepts"].get<Vector>();
    for (size_t i = 0; i < weights.size(); ++i) EXPECT_NEAR(fit.weights.values[i], weights[i], 1e-5) << i;
    for (size_t k = 0; k < 4; ++k) EXPECT_NEAR(fit.intercepts[k], intercepts[k], 1e-5) << k;
    const auto probabilities = expected["probabilities"].get<Vector>();
    const Matrix p = predict_probabilities(fit, x);
    for (size_t i = 0; i < probabilities.size(); ++i) EXPECT_NEAR(p.values[i], probabilities[i], 1e-6) << i;
    double loss = 0;
    for (int64_t i = 0; i < 90; ++i)
      loss -= (options.sample_weights.empty() ? 1 : options.sample_weights[i]) * std::log(p(i, labels[i]));
    EXPECT_NEAR(fit.log_loss, loss, 1e-9);
    // At the optimum: sum_i w_i (p_ik - [y_i = k]) x_ij + l2 w_kj = 0.
    for (int64_t k = 0; k < 4; ++k) {
      for (int64_t j = 0; j < 3; ++j) {
        double gradient = options.l2 * fit.weights(k, j), size = 0;
        for (int64_t i = 0; i < 90; ++i) {
          const double weight = options.sample_weights.empty() ? 1 : options.sample_weights[i];
          gradient += weight * (p(i, k) - (labels[i] == k ? 1 : 0)) * x(i, j);
          size += std::fabs(x(i, j));
        }
        EXPECT_LT(std::fabs(gradient), 1e-7 * size) << k << " " << j;
      }
    }
  }
}

TEST(MultinomialTest, WithoutFeaturesItIsTheFrequencies) {
  const Matrix x(6, 1);  // zeros
  const MultinomialFit fit = fit_multinomial(x, Labels{0, 0, 0, 1, 1, 2}, 3);
  const Matrix p = predict_probabilities(fit, Matrix(1, 1));
  EXPECT_NEAR(p(0, 0), 1.0 / 2, 1e-8);
  EXPECT_NEAR(p(0, 1), 1.0 / 3, 1e-8);
  EXPECT_NEAR(p(0, 2), 1.0 / 6, 1e-8);
}

// A dead unit of an encoder: the column means nothing, whatever the penalty, and must not stop the fit.
TEST(MultinomialTest, AColumnOfTinyNumbersChangesNothing) {
  Matrix x(6, 1, {-2, -1, 0.5, -0.5, 1, 2}), wide(6, 2);
  for (int64_t i = 0; i < 6; ++i) wide(i, 0) = x(i, 0), wide(i, 1) = (i % 2 == 0 ? 1 : -1) * 1e-33;
  const Labels labels{0, 0, 0, 1, 1, 1};
  const MultinomialFit one = fit_multinomial(x, labels, 2, {.l2 = 0.1});
  const MultinomialFit two = fit_multinomial(wide, labels, 2, {.l2 = 0.1});
  EXPECT_TRUE(two.converged);
  EXPECT_NEAR(two.weights(1, 0), one.weights(1, 0), 1e-7);
  EXPECT_NEAR(two.weights(1, 1), 0, 1e-20);
  EXPECT_NEAR(two.log_loss, one.log_loss, 1e-9);
}

TEST(MultinomialTest, RefusesWhatCannotBeFitted) {
  const Matrix x(4, 1, {1, 2, 3, 4});
  const auto fit = [&](const Labels& labels, int64_t classes, const MultinomialOptions& options = {}) {
    return fit_multinomial(x, labels, classes, options);
  };
  EXPECT_NO_THROW(fit({0, 1, 0, 1}, 2));
  EXPECT_THROW(fit({0, 1, 0}, 2), Error);
  EXPECT_THROW(fit({0, 0, 0, 0}, 1), Error);
  EXPECT_THROW(fit({0, 1, 0, 1}, 3), Error) << "nobody is in class 2";
  EXPECT_THROW(fit({0, 1, 2, 3}, 3), Error);
  EXPECT_THROW(fit({0, 1, -1, 1}, 2), Error);
  EXPECT_THROW(fit({0, 1, 0, 1}, 2, {.l2 = -1}), Error);
  EXPECT_THROW(fit({0, 1, 0, 1}, 2, {.sample_weights = {1, 1}}), Error);
  EXPECT_THROW(fit({0, 1, 0, 1}, 2, {.sample_weights = {1, 0, 1, 0}}), Error);
  EXPECT_THROW(fit({0, 1, 0, 1}, 2, {.sample_weights = {1, 1, -1, 1}}), Error);
  EXPECT_THROW(fit_multinomial(Matrix(2, 1, {NAN, 1}), Labels{0, 1}, 2), Error);
  EXPECT_THROW(predict_probabilities(fit({0, 1, 0, 1}, 2), Matrix(1, 2)), Error);
}

}  // namespace
}  // namespace roux::stats
