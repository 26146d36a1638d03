// How well scores rank positives above negatives. Pure, in double. Labels are 0 or 1; scores may be infinite
// but must be numbers. Lists of different length and other values are misuse (Error).
#ifndef ROUX_RECIPES_KIT_EVAL_RANKING_H_
#define ROUX_RECIPES_KIT_EVAL_RANKING_H_

#include <cstdint>

#include "absl/types/span.h"

namespace roux::kit {

// Area under the ROC curve: P(score of a positive > score of a negative) + half the ties. Needs both labels.
double roc_auc(absl::Span<const int64_t> truth, absl::Span<const double> scores);

// Average precision, the area under the precision-recall curve by steps: sum over thresholds of precision
// times the recall gained there; equal scores are one threshold. 0 without a positive. As scikit-learn.
double average_precision(absl::Span<const int64_t> truth, absl::Span<const double> scores);

// Share of positives among the k items with the highest scores; a score that is tied over the cut counts with
// the share of positives among its items (the mean over all orders of them). 1 <= k <= items.
double precision_at(absl::Span<const int64_t> truth, absl::Span<const double> scores, int64_t k);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_RANKING_H_
