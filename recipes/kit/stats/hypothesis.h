// Classical hypothesis tests. p-values are two-sided unless the name says otherwise. All in f64; thread-safe;
// bad input throws roux::Error. Tests that re-arrange the data are in resampling.h, correlations with
// p-values in correlation.h.
#ifndef ROUX_RECIPES_KIT_STATS_HYPOTHESIS_H_
#define ROUX_RECIPES_KIT_STATS_HYPOTHESIS_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "recipes/kit/stats/matrix.h"

namespace roux::stats {

struct TestResult {
  double statistic = 0;
  double p_value = 1;
};

// Wilcoxon signed-rank test of paired differences around 0. Zeros are dropped. Statistic: the smaller of the
// two rank sums. Exact distribution with at most 50 differences left (with ties: 13), as SciPy chooses, else
// normal with the tie correction and no continuity correction. All differences 0: p-value 1. [Wilcoxon 1945]
TestResult wilcoxon_test(std::span<const double> differences);

// Mann-Whitney U of two independent samples: statistic U of a, normal approximation with tie and continuity
// corrections.
TestResult mann_whitney_test(std::span<const double> a, std::span<const double> b);

// Welch's t test: do two independent samples have equal means? Each n >= 2, not both constant.
TestResult welch_test(std::span<const double> a, std::span<const double> b);

// McNemar's test on the discordant pairs: only_a right by a alone, only_b by b alone. Exact (binomial,
// statistic the smaller count), or chi-square with continuity correction. [McNemar 1947]
TestResult mcnemar_test(int64_t only_a, int64_t only_b, bool exact = true);

// Is the success probability p? Exact: the probability of all outcomes at most as likely as the observed one.
// Statistic: the observed share.
TestResult binomial_test(int64_t successes, int64_t trials, double p = 0.5);

// Pearson's goodness of fit: sum (observed - expected)^2 / expected with n - 1 - fitted >= 1 degrees.
// expected > 0; both must have the same total (relative 1e-8).
TestResult chi_square_test(std::span<const double> observed, std::span<const double> expected,
                           int64_t fitted = 0);

struct IndependenceTest {
  double statistic = 0;
  double p_value = 1;
  int64_t degrees = 0;
  Matrix expected;
};

// Are rows and columns of a contingency table of counts independent? Every row and column total > 0. Yates'
// correction, where asked for, applies to 2 x 2 tables only.
IndependenceTest chi_square_independence(const Matrix& counts, bool yates = true);

// Kolmogorov-Smirnov: is x from the continuous distribution with this cdf? Statistic D = sup |F_n - F|; the
// p-value is exact: twice Smirnov's one-sided tail where n D^2 >= 4, else the matrix formula of Marsaglia,
// Tsang & Wang (2003) up to n = 1000. Only beyond, the expansion of Pelz & Good (1976) with an error of
// about 1e-8.
TestResult kolmogorov_smirnov_test(std::span<const double> x, const std::function<double(double)>& cdf);

// Two samples: D = sup |F_a - F_b|; exact p-value by counting lattice paths while |a| * |b| <= 4000000, else
// that of one sample of |a| |b| / (|a| + |b|) values. With ties the p-value is conservative.
TestResult kolmogorov_smirnov_test(std::span<const double> a, std::span<const double> b);

// p-values adjusted for many tests: Holm controls the family-wise error, Benjamini-Hochberg the false
// discovery rate.
std::vector<double> holm(std::span<const double> p_values);
std::vector<double> benjamini_hochberg(std::span<const double> p_values);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_HYPOTHESIS_H_
