#include "recipes/kit/stats/distributions.h"

#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <numbers>

#include "tensor/error.h"

// The special functions are called directly rather than through boost/math/distributions: half the compile
// time, and tails are computed as complements, so a p-value of 1e-20 keeps its digits.

namespace roux::stats {
namespace {

void check_probability(double p, const char* name) {
  ROUX_CHECK(p > 0 && p < 1) << name << ": probability is " << p << ", needed a value inside (0, 1)";
}

void check_degrees(double degrees, const char* name) {
  ROUX_CHECK(degrees > 0) << name << ": degrees of freedom are " << degrees << ", needed > 0";
}

void check_binomial(int64_t k, int64_t trials, double p, const char* name) {
  ROUX_CHECK(trials >= 0 && k >= 0 && k <= trials)
      << name << ": successes are " << k << " of " << trials << ", needed 0 <= successes <= trials";
  ROUX_CHECK(p >= 0 && p <= 1) << name << ": probability is " << p << ", needed a value inside [0, 1]";
}

}  // namespace

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

double normal_quantile(double p) {
  check_probability(p, "normal_quantile");
  return -std::numbers::sqrt2 * boost::math::erfc_inv(2 * p);
}

double normal_two_sided(double z) { return std::erfc(std::abs(z) / std::numbers::sqrt2); }

double student_two_sided(double t, double degrees) {
  check_degrees(degrees, "student");
  if (std::isnan(t)) return t;
  const double square = t * t;
  if (std::isinf(square)) return 0;
  // P(|T| >= |t|) = I_{n/(n+t^2)}(n/2, 1/2); the complementary argument is used where it is the smaller one.
  return square < degrees ? boost::math::ibetac(0.5, degrees / 2, square / (degrees + square))
                          : boost::math::ibeta(degrees / 2, 0.5, degrees / (degrees + square));
}

double student_cdf(double t, double degrees) {
  const double tail = 0.5 * student_two_sided(t, degrees);
  return t > 0 ? 1 - tail : tail;
}

double student_quantile(double p, double degrees) {
  check_probability(p, "student_quantile");
  check_degrees(degrees, "student_quantile");
  if (p == 0.5) return 0;
  double complement = 0;
  const double x = boost::math::ibeta_inv(degrees / 2, 0.5, 2 * std::min(p, 1 - p), &complement);
  const double t = std::sqrt(degrees * complement / x);
  return p < 0.5 ? -t : t;
}

double f_upper(double f, double degrees1, double degrees2) {
  check_degrees(degrees1, "f_upper");
  check_degrees(degrees2, "f_upper");
  if (!(f > 0)) return std::isnan(f) ? f : 1;
  if (std::isinf(f)) return 0;
  const double a = degrees1 * f;
  return a < degrees2 ? boost::math::ibetac(degrees1 / 2, degrees2 / 2, a / (a + degrees2))
                      : boost::math::ibeta(degrees2 / 2, degrees1 / 2, degrees2 / (a + degrees2));
}

double chi_square_upper(double x, double degrees) {
  check_degrees(degrees, "chi_square_upper");
  if (!(x > 0)) return std::isnan(x) ? x : 1;
  if (std::isinf(x)) return 0;
  return boost::math::gamma_q(degrees / 2, x / 2);
}

double binomial_lower(int64_t k, int64_t trials, double p) {
  check_binomial(k, trials, p, "binomial_lower");
  if (k == trials || p == 0) return 1;
  if (p == 1) return 0;
  return boost::math::ibetac(static_cast<double>(k + 1), static_cast<double>(trials - k), p);
}

double binomial_upper(int64_t k, int64_t trials, double p) {
  check_binomial(k, trials, p, "binomial_upper");
  if (k == 0 || p == 1) return 1;
  if (p == 0) return 0;
  return boost::math::ibeta(static_cast<double>(k), static_cast<double>(trials - k + 1), p);
}

double binomial_pmf(int64_t k, int64_t trials, double p) {
  check_binomial(k, trials, p, "binomial_pmf");
  if (p == 0 || p == 1) return k == (p == 0 ? 0 : trials) ? 1 : 0;
  const auto n = static_cast<double>(trials);
  const auto successes = static_cast<double>(k);
  return boost::math::ibeta_derivative(successes + 1, n - successes + 1, p) / (n + 1);
}

double beta_quantile(double p, double a, double b) {
  check_probability(p, "beta_quantile");
  ROUX_CHECK(a > 0 && b > 0) << "beta_quantile: shapes are " << a << " and " << b << ", needed > 0";
  return boost::math::ibeta_inv(a, b, p);
}

}  // namespace roux::stats
