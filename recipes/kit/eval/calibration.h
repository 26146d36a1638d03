// Whether stated probabilities are met. Pure, in double. Lists of different length and values out of range
// are misuse (Error).
#ifndef ROUX_RECIPES_KIT_EVAL_CALIBRATION_H_
#define ROUX_RECIPES_KIT_EVAL_CALIBRATION_H_

#include <cstdint>

#include "absl/types/span.h"

namespace roux::kit {

// Expected calibration error [Guo et al. 2017]: bins ((b-1)/bins, b/bins] of confidence, |accuracy - mean
// confidence| weighted by the share of the bin. correct[i] is 0 or 1, confidence[i] in 0 .. 1. Packages that
// close bins at the lower end (torchmetrics, netcal) differ for confidences that lie on an edge.
double expected_calibration_error(absl::Span<const int64_t> correct, absl::Span<const double> confidence,
                                  int64_t bins = 15);

// Brier score of probabilities of label 1 [Brier 1950]: mean squared difference, 0 .. 1.
double brier_score(absl::Span<const int64_t> truth, absl::Span<const double> probabilities);

// The same over classes: probabilities is [items, classes] in row-major order with rows that sum to 1 (to
// 1e-6); mean over items of the sum of squares, 0 .. 2. As scikit-learn with scale_by_half=False.
double brier_score_multiclass(absl::Span<const int64_t> truth, absl::Span<const double> probabilities,
                              int64_t classes);

// Of predicted Gaussians by their z-scores (y - mean) / sigma: the share with |z| <= half_width (1.96: 95 %
// of a calibrated one), and the mean over `levels` - 1 equally spaced quantiles p of |share with z at or
// below the quantile - p|  [Kuleshov et al. 2018].
double interval_coverage(absl::Span<const double> z, double half_width = 1.96);
double quantile_calibration_error(absl::Span<const double> z, int64_t levels = 20);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_CALIBRATION_H_
