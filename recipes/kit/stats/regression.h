// How well predictions meet the truth: R^2 and relative errors. All in f64; thread-safe.
//
// Both spans have the same length >= 1 and finite values; anything else throws roux::Error.
#ifndef ROUX_RECIPES_KIT_STATS_REGRESSION_H_
#define ROUX_RECIPES_KIT_STATS_REGRESSION_H_

#include <span>

namespace roux::stats {

// 1 - sum (t - p)^2 / sum (t - mean t)^2. Negative when worse than the mean. Constant truth: 1 if met
// exactly, else -infinity.
double r_squared(std::span<const double> truth, std::span<const double> prediction);

// Mean absolute percentage error as a fraction: mean |p - t| / |t|. A true value of 0 throws.
double mape(std::span<const double> truth, std::span<const double> prediction);

// Signed twin of mape: mean (p - t) / |t|. Positive when predictions are too high.
double mean_relative_error(std::span<const double> truth, std::span<const double> prediction);

// Mean (p - t)^2.
double mean_squared_error(std::span<const double> truth, std::span<const double> prediction);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_REGRESSION_H_
