// Agreement of raters beyond chance. Pure, in double. 1 is full agreement, 0 what chance gives; negative
// values are possible. Wrong shapes and values are misuse (Error).
#ifndef ROUX_RECIPES_KIT_EVAL_AGREEMENT_H_
#define ROUX_RECIPES_KIT_EVAL_AGREEMENT_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "recipes/kit/eval/classification.h"

namespace roux::kit {

// Cohen's kappa of two raters [Cohen 1960, 1968] from the table of their classes (confusion_matrix). Weights:
// none, linear or quadratic in the distance of the classes' numbers; classes that nobody chose count for the
// distance. NaN, as scikit-learn, where chance alone agrees (both raters use one and the same class).
enum class KappaWeights { kNone, kLinear, kQuadratic };
double cohen_kappa(const ConfusionMatrix& m, KappaWeights weights = KappaWeights::kNone);

// Fleiss' kappa [Fleiss 1971]. counts[i][c]: raters who gave item i class c; each item has the same number of
// raters, at least 2. NaN, as statsmodels, where only one class is used.
double fleiss_kappa(const std::vector<std::vector<int64_t>>& counts);

// Krippendorff's alpha [Krippendorff 2011]. ratings[r][i]: value of rater r for item i, nullopt = missing;
// items with fewer than two values don't count. Values are finite; at least two different ones, and one item
// with two values, otherwise Error. kRatio takes differences relative to sums; a negative value is an
// Error then. Time: items x raters^2, and for kRatio also the square of the number of different values;
// memory grows with the ratings only.
enum class AlphaMetric { kNominal, kOrdinal, kInterval, kRatio };
double krippendorff_alpha(const std::vector<std::vector<std::optional<double>>>& ratings, AlphaMetric metric);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_AGREEMENT_H_
