// Correlation coefficients with two-sided p-values. All in f64; thread-safe.
//
// Both samples have the same length and finite values; anything else throws roux::Error. A constant sample
// has no correlation: coefficient and p-value are NaN then.
#ifndef ROUX_RECIPES_KIT_STATS_CORRELATION_H_
#define ROUX_RECIPES_KIT_STATS_CORRELATION_H_

#include <span>

namespace roux::stats {

struct Correlation {
  double coefficient = 0;
  double p_value = 1;
};

// Product-moment correlation; p-value of t = r sqrt((n - 2) / (1 - r^2)) with n - 2 degrees of freedom. n >=
// 2; for n = 2 the p-value is 1.
Correlation pearson(std::span<const double> x, std::span<const double> y);

// Pearson correlation of average ranks; p-value from the same t approximation. n >= 3.
Correlation spearman(std::span<const double> x, std::span<const double> y);

// Kendall's tau-b = (P - Q) / sqrt((n0 - n1) (n0 - n2)), with P, Q concordant and discordant pairs, n0 = n (n
// - 1) / 2 and n1, n2 the pairs tied in x and y. p-value: exact (inversion counts of permutations) without
// ties and n <= 33, otherwise normal with the tie-corrected variance. [Kendall 1970] n >= 2.
Correlation kendall_tau(std::span<const double> x, std::span<const double> y);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_CORRELATION_H_
