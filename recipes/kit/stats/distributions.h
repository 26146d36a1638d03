// Tails and quantiles of the distributions that tests and intervals need. Thin, so that only one file pays
// for Boost.Math's headers. All in f64; thread-safe. Parameters out of range throw roux::Error.
#ifndef ROUX_RECIPES_KIT_STATS_DISTRIBUTIONS_H_
#define ROUX_RECIPES_KIT_STATS_DISTRIBUTIONS_H_

#include <cstdint>

namespace roux::stats {

double normal_cdf(double z);
double normal_quantile(double p);   // 0 < p < 1
double normal_two_sided(double z);  // P(|Z| >= |z|)

double student_cdf(double t, double degrees);
double student_quantile(double p, double degrees);
double student_two_sided(double t, double degrees);  // P(|T| >= |t|)

double f_upper(double f, double degrees1, double degrees2);  // P(F >= f)
double chi_square_upper(double x, double degrees);           // P(X >= x)

// P(X <= k) and P(X >= k) of `trials` draws with probability p.
double binomial_lower(int64_t k, int64_t trials, double p);
double binomial_upper(int64_t k, int64_t trials, double p);
double binomial_pmf(int64_t k, int64_t trials, double p);

double beta_quantile(double p, double a, double b);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_DISTRIBUTIONS_H_
