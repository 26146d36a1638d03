// Metrics of classifiers and raters: accuracy, F1 family, MCC, AUC, calibration, agreement. All functions are
// pure, in double. Lists of different length and values outside of the stated ranges are misuse (Error).
#ifndef ROUX_RECIPES_KIT_EVAL_CLASSIFICATION_H_
#define ROUX_RECIPES_KIT_EVAL_CLASSIFICATION_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"

namespace roux::kit {

// counts[t * classes + p]: items of class t that were predicted as p. Classes are 0 .. classes - 1.
struct ConfusionMatrix {
  int64_t classes = 0;
  std::vector<int64_t> counts;
  int64_t at(int64_t truth, int64_t predicted) const { return counts[truth * classes + predicted]; }
};
ConfusionMatrix confusion_matrix(absl::Span<const int64_t> truth, absl::Span<const int64_t> predicted,
                                 int64_t classes);

double accuracy(absl::Span<const int64_t> truth, absl::Span<const int64_t> predicted);

// Precision, recall and F1 of one class, or averaged: macro (each class alike), weighted (by its true items).
// A class with an empty denominator counts 0, as scikit-learn with zero_division=0. Classes that occur
// neither as truth nor as prediction are left out of the averages.
struct PrecisionRecall {
  double precision = 0, recall = 0, f1 = 0;
};
PrecisionRecall class_scores(const ConfusionMatrix& m, int64_t label);
PrecisionRecall macro_scores(const ConfusionMatrix& m);
PrecisionRecall weighted_scores(const ConfusionMatrix& m);
PrecisionRecall micro_scores(const ConfusionMatrix& m);  // all three are the accuracy

// Matthews' correlation of any number of classes [Gorodkin 2004]; 0 where it is not defined.
double matthews_correlation(const ConfusionMatrix& m);

// Area under the ROC curve = P(score of a positive > score of a negative) + half the ties. Needs both
// classes.
double roc_auc(absl::Span<const int64_t> truth, absl::Span<const double> scores);

// Expected calibration error: bins of equal width on (0, 1], |accuracy - mean confidence| weighted by bin
// size [Guo et al. 2017]. correct[i] is 0 or 1.
double expected_calibration_error(absl::Span<const int64_t> correct, absl::Span<const double> confidence,
                                  int64_t bins = 15);

double root_mean_squared_error(absl::Span<const double> truth, absl::Span<const double> predicted);

// Cohen's kappa of two raters; weights: none, linear or quadratic in the distance of the classes.
enum class KappaWeights { kNone, kLinear, kQuadratic };
double cohen_kappa(const ConfusionMatrix& m, KappaWeights weights = KappaWeights::kNone);

// Fleiss' kappa. counts[i][c]: raters who gave item i class c; each item needs the same number of raters, at
// least 2.
double fleiss_kappa(const std::vector<std::vector<int64_t>>& counts);

// Krippendorff's alpha. ratings[r][i]: value of rater r for item i, nullopt = missing; items with fewer than
// two values don't count. Metric: nominal, ordinal or interval.
enum class AlphaMetric { kNominal, kOrdinal, kInterval };
double krippendorff_alpha(const std::vector<std::vector<std::optional<double>>>& ratings, AlphaMetric metric);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_CLASSIFICATION_H_
