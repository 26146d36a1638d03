// Confidence intervals of means, differences and shares. All in f64; thread-safe; bad input throws
// roux::Error.
#ifndef ROUX_RECIPES_KIT_STATS_INTERVALS_H_
#define ROUX_RECIPES_KIT_STATS_INTERVALS_H_

#include <cstdint>
#include <span>

namespace roux::stats {

struct Interval {
  double estimate = 0;
  double low = 0;
  double high = 0;
};

// Mean of independent values, n >= 2: mean -+ t_{n-1} * s / sqrt(n).
Interval student_interval(std::span<const double> x, double confidence = 0.95);

// Mean of the pairwise differences a[i] - b[i] (the same seed on both sides), n >= 2.
Interval paired_interval(std::span<const double> a, std::span<const double> b, double confidence = 0.95);

// Difference of the means of two unpaired samples with unequal variances, each n >= 2; degrees of freedom by
// Welch-Satterthwaite.
Interval welch_interval(std::span<const double> a, std::span<const double> b, double confidence = 0.95);

// Share of successes among trials >= 1, 0 <= successes <= trials.                                    [Wilson
// 1927]
Interval wilson_interval(int64_t successes, int64_t trials, double confidence = 0.95);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_INTERVALS_H_
