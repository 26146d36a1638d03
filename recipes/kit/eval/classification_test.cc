// Metrics of classifiers, rankings, probabilities, raters and language models against their reference
// packages on the sample of tests/golden/eval.json.
#include "recipes/kit/eval/classification.h"

#include <gtest/gtest.h>

#include <cmath>

#include "recipes/kit/eval/agreement.h"
#include "recipes/kit/eval/calibration.h"
#include "recipes/kit/eval/entity_spans.h"
#include "recipes/kit/eval/eval_golden.h"
#include "recipes/kit/eval/likelihood.h"
#include "recipes/kit/eval/pass_at_k.h"
#include "recipes/kit/eval/ranking.h"
#include "recipes/kit/eval/root_mean_squared_error.h"
#include "recipes/kit/stats/distributions.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr double kTolerance = 1e-12;

void expect_scores(const PrecisionRecall& s, const Json& want) {
  EXPECT_NEAR(s.precision, want[0].get<double>(), kTolerance);
  EXPECT_NEAR(s.recall, want[1].get<double>(), kTolerance);
  EXPECT_NEAR(s.f1, want[2].get<double>(), kTolerance);
}

// null stands for NaN.
void expect_number(double value, const Json& want) {
  if (want.is_null()) {
    EXPECT_TRUE(std::isnan(value)) << value;
  } else {
    EXPECT_NEAR(value, want.get<double>(), kTolerance);
  }
}

TEST(Classification, EqualsScikitLearn) {
  for (const Json& c : golden("classes")) {
    SCOPED_TRACE(c["name"].get<std::string>());
    const auto truth = c["truth"].get<Ints>(), predicted = c["predicted"].get<Ints>();
    const auto classes = c["classes"].get<int64_t>();
    const ConfusionMatrix m = confusion_matrix(truth, predicted, classes);
    EXPECT_NEAR(accuracy(truth, predicted), c["accuracy"].get<double>(), kTolerance);
    expect_scores(macro_scores(m), c["macro"]);
    expect_scores(weighted_scores(m), c["weighted"]);
    expect_scores(micro_scores(m), c["micro"]);
    if (!c["binary"].is_null()) expect_scores(class_scores(m, 1), c["binary"]);
    for (int64_t k = 0; k < classes; ++k) expect_scores(class_scores(m, k), c["per_class"][k]);
    EXPECT_NEAR(matthews_correlation(m), c["mcc"].get<double>(), kTolerance);
    const KappaWeights weights[] = {KappaWeights::kNone, KappaWeights::kLinear, KappaWeights::kQuadratic};
    for (size_t k = 0; k < std::size(weights); ++k) expect_number(cohen_kappa(m, weights[k]), c["kappa"][k]);
  }
}

TEST(EntitySpans, EqualsSeqeval) {
  std::vector<std::vector<EntitySpan>> truth, predicted;
  for (const Json& c : golden("entities")["texts"]) {
    truth.push_back(entity_spans(c["truth"].get<Strings>()));
    predicted.push_back(entity_spans(c["predicted"].get<Strings>()));
    ASSERT_EQ(predicted.back().size(), c["spans"].size());
    for (size_t i = 0; i < predicted.back().size(); ++i) {
      const Json& want = c["spans"][i];  // the last token is inside
      EXPECT_EQ(predicted.back()[i],
                (EntitySpan{want[1].get<int64_t>(), want[2].get<int64_t>() + 1, want[0]}));
    }
  }
  expect_scores(entity_scores(truth, predicted), golden("entities")["scores"]);
  EXPECT_EQ(entity_scores(truth, truth).f1, 1);
  EXPECT_EQ(entity_scores({{}}, {{}}).f1, 0);
  EXPECT_THROW(entity_spans(Strings{"B-"}), Error);
  EXPECT_THROW(entity_scores(truth, {}), Error);
}

TEST(Ranking, EqualsScikitLearn) {
  for (const Json& c : golden("rankings")) {
    const auto truth = c["truth"].get<Ints>();
    const auto scores = c["scores"].get<Doubles>();
    EXPECT_NEAR(roc_auc(truth, scores), c["auc"].get<double>(), kTolerance);
    EXPECT_NEAR(average_precision(truth, scores), c["average_precision"].get<double>(), kTolerance);
    EXPECT_NEAR(root_mean_squared_error(Doubles(truth.begin(), truth.end()), scores), c["rmse"].get<double>(),
                kTolerance);
  }
}

TEST(Calibration, EqualsTorchmetricsAndNetcal) {
  const Json& c = golden("calibration");
  const auto correct = c["correct"].get<Ints>();
  const auto confidence = c["confidence"].get<Doubles>();
  for (const char* package : {"torchmetrics", "netcal"}) {
    for (const auto& [bins, want] : c[package].items()) {
      EXPECT_NEAR(expected_calibration_error(correct, confidence, std::stoll(bins)), want.get<double>(), 1e-7)
          << package << " " << bins;
    }
  }
}

TEST(Calibration, EdgesAsGuoEtAl) {
  const Json& c = golden("calibration");
  for (const auto& [bins, want] : c["guo"].items()) {
    EXPECT_NEAR(
        expected_calibration_error(c["right"].get<Ints>(), c["on_edges"].get<Doubles>(), std::stoll(bins)),
        want.get<double>(), kTolerance)
        << bins;
  }
}

TEST(Calibration, OfZScores) {
  Doubles z;  // the middles of 200 equal shares of a normal distribution
  for (int i = 0; i < 200; ++i) z.push_back(stats::normal_quantile((i + 0.5) / 200));
  EXPECT_NEAR(interval_coverage(z), 0.95, 0.005);
  EXPECT_NEAR(quantile_calibration_error(z), 0, 1e-12);
  for (double& value : z) value *= 100;  // as if sigma were 100 times too small: half is below each quantile
  EXPECT_NEAR(quantile_calibration_error(z, 4), 0.5 / 3, 0.01);
  EXPECT_EQ(interval_coverage(Doubles{-1.96, 0, 3, -7}), 0.5);
  EXPECT_THROW(interval_coverage(Doubles{}), Error);
  EXPECT_THROW(quantile_calibration_error(z, 1), Error);
}

TEST(Brier, EqualsScikitLearn) {
  const Json& c = golden("calibration");
  EXPECT_NEAR(brier_score(c["correct"].get<Ints>(), c["confidence"].get<Doubles>()), c["brier"].get<double>(),
              kTolerance);
  EXPECT_NEAR(brier_score_multiclass(c["truth"].get<Ints>(), c["probabilities"].get<Doubles>(), 4),
              c["brier_multiclass"].get<double>(), kTolerance);
}

TEST(Agreement, FleissEqualsStatsmodels) {
  for (const Json& c : golden("agreement")["fleiss"])
    expect_number(fleiss_kappa(c["table"].get<std::vector<Ints>>()), c["kappa"]);
}

TEST(Agreement, AlphaEqualsKrippendorff) {
  const AlphaMetric metrics[] = {AlphaMetric::kNominal, AlphaMetric::kOrdinal, AlphaMetric::kInterval,
                                 AlphaMetric::kRatio};
  for (const Json& c : golden("agreement")["alpha"]) {
    std::vector<std::vector<std::optional<double>>> ratings;
    for (const Json& row : c["ratings"]) {
      ratings.emplace_back();
      for (const Json& value : row) {
        ratings.back().push_back(value.is_null() ? std::nullopt : std::optional<double>(value.get<double>()));
      }
    }
    for (size_t k = 0; k < std::size(metrics); ++k)
      EXPECT_NEAR(krippendorff_alpha(ratings, metrics[k]), c["alpha"][k].get<double>(), 1e-10) << k;
  }
}

TEST(Likelihood, EqualsTorch) {
  const Json& c = golden("likelihood");
  const TokenLikelihood sum =
      token_likelihood(c["logits"].get<std::vector<float>>(), c["targets"].get<Ints>());
  EXPECT_EQ(sum.tokens, c["tokens"].get<int64_t>());
  EXPECT_NEAR(sum.negative_log_likelihood / c["nll"].get<double>(), 1, 1e-13);
  // torchmetrics keeps its sum in float.
  EXPECT_NEAR(perplexity(sum.negative_log_likelihood, sum.tokens) / c["perplexity"].get<double>(), 1, 1e-5);
}

// The same at any offset, also where it is far larger than the loss.
TEST(Likelihood, OfLogitsWithAnOffset) {
  for (const float offset : {0.0f, 1e6f, -1e16f, 1e30f}) {
    const TokenLikelihood sum = token_likelihood(std::vector<float>{offset, offset, offset}, {{1}});
    EXPECT_NEAR(sum.negative_log_likelihood, std::log(3.0), 1e-14) << offset;
  }
}

TEST(PassAtK, EqualsEvalplus) {
  for (const Json& c : golden("pass_at_k")) {
    EXPECT_NEAR(pass_at_k(c[0].get<int64_t>(), c[1].get<int64_t>(), c[2].get<int64_t>()), c[3].get<double>(),
                kTolerance)
        << c.dump();
  }
}

}  // namespace
}  // namespace roux::kit
