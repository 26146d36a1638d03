// Metrics of classifiers: accuracy, precision, recall, F1 and their averages, MCC. All functions are pure, in
// double. Lists of different length, empty ones and classes outside of the stated range are misuse (Error).
#ifndef ROUX_RECIPES_KIT_EVAL_CLASSIFICATION_H_
#define ROUX_RECIPES_KIT_EVAL_CLASSIFICATION_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace roux::kit {

// counts[t * classes + p]: items of class t that were predicted as p. Classes are 0 .. classes - 1.
struct ConfusionMatrix {
  int64_t classes = 0;
  std::vector<int64_t> counts;
  int64_t at(int64_t truth, int64_t predicted) const { return counts[truth * classes + predicted]; }
};
// Lists of one length that are not empty; 1 to 32768 classes (8 GiB of counts). Anything else is misuse
// (Error).
ConfusionMatrix confusion_matrix(absl::Span<const int64_t> truth, absl::Span<const int64_t> predicted,
                                 int64_t classes);

double accuracy(absl::Span<const int64_t> truth, absl::Span<const int64_t> predicted);

// Precision, recall and F1 of one class, or averaged: macro (each class alike), weighted (by its true items).
// A class with an empty denominator counts 0, as scikit-learn with zero_division=0. Classes that occur
// neither as truth nor as prediction are left out of the averages. Of two classes class_scores(m, 1) is what
// scikit-learn calls binary.
struct PrecisionRecall {
  double precision = 0, recall = 0, f1 = 0;
};
PrecisionRecall class_scores(const ConfusionMatrix& m, int64_t label);
PrecisionRecall macro_scores(const ConfusionMatrix& m);
PrecisionRecall weighted_scores(const ConfusionMatrix& m);
PrecisionRecall micro_scores(const ConfusionMatrix& m);  // all three are the accuracy

// Matthews' correlation of any number of classes [Gorodkin 2004]; 0 where it is not defined.
double matthews_correlation(const ConfusionMatrix& m);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_CLASSIFICATION_H_
