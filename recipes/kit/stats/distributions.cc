#include "recipes/kit/stats/distributions.h"

#include <algorithm>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "tensor/error.h"

// The special functions are called directly rather than through boost/math/distributions: half the compile
// time, and tails are computed as complements, so a p-value of 1e-20 keeps its digits.

namespace roux::stats {
namespace {

// A special function of Boost with its own exceptions (no convergence, an intermediate overflow) as ours.
template <class F>
double guarded(const char* name, double x, double a, double b, F f) {
  double value = std::numeric_limits<double>::quiet_NaN();
  std::string reason = "the result is not finite";
  try {
    value = f();
  } catch (const std::exception& e) {
    reason = e.what();
  }
  ROUX_CHECK(std::isfinite(value)) << name << ": no value at " << x << " with parameters " << a << ", " << b
                                   << ": " << reason;
  return value;
}

double ibeta(double a, double b, double x, const char* name) {
  return guarded(name, x, a, b, [&] { return boost::math::ibeta(a, b, x); });
}

double ibetac(double a, double b, double x, const char* name) {
  return guarded(name, x, a, b, [&] { return boost::math::ibetac(a, b, x); });
}

void check_probability(double p, const char* name) {
  ROUX_CHECK(p > 0 && p < 1) << name << ": probability is " << p << ", needed a value inside (0, 1)";
}

void check_degrees(double degrees, const char* name) {
  ROUX_CHECK(degrees > 0 && std::isfinite(degrees))
      << name << ": degrees of freedom are " << degrees << ", needed > 0 and finite";
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
  return square < degrees ? ibetac(0.5, degrees / 2, square / (degrees + square), "student")
                          : ibeta(degrees / 2, 0.5, degrees / (degrees + square), "student");
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
  const double tail = std::min(p, 1 - p);
  const double half = degrees / 2;
  const double x = guarded("student_quantile", p, degrees, 0,
                           [&] { return boost::math::ibeta_inv(half, 0.5, 2 * tail, &complement); });
  // Where x underflows, I_x(h, 1/2) = x^h / (h B(h, 1/2)) to the last digit, solved in logarithms.
  const double t = x > 1e-290 ? std::sqrt(degrees * complement / x)
                              : std::sqrt(degrees) * std::exp(-(std::log(2 * tail) + std::log(half) +
                                                                std::log(boost::math::beta(half, 0.5))) /
                                                              degrees);
  return p < 0.5 ? -t : t;
}

double f_upper(double f, double degrees1, double degrees2) {
  check_degrees(degrees1, "f_upper");
  check_degrees(degrees2, "f_upper");
  if (!(f > 0)) return std::isnan(f) ? f : 1;
  if (std::isinf(f)) return 0;
  const double a = degrees1 * f;
  return a < degrees2 ? ibetac(degrees1 / 2, degrees2 / 2, a / (a + degrees2), "f_upper")
                      : ibeta(degrees2 / 2, degrees1 / 2, degrees2 / (a + degrees2), "f_upper");
}

double chi_square_upper(double x, double degrees) {
  check_degrees(degrees, "chi_square_upper");
  if (!(x > 0)) return std::isnan(x) ? x : 1;
  if (std::isinf(x)) return 0;
  // Far below the mean (Chernoff's bound of the lower tail is under 1e-17) Boost's series overflows.
  const double ratio = x / degrees;
  if (ratio < 1 && degrees / 2 * (ratio - 1 - std::log(ratio)) > 40) return 1;
  return guarded("chi_square_upper", x, degrees, 0, [&] { return boost::math::gamma_q(degrees / 2, x / 2); });
}

double binomial_lower(int64_t k, int64_t trials, double p) {
  check_binomial(k, trials, p, "binomial_lower");
  if (k == trials || p == 0) return 1;
  if (p == 1) return 0;
  return ibetac(static_cast<double>(k + 1), static_cast<double>(trials - k), p, "binomial_lower");
}

double binomial_upper(int64_t k, int64_t trials, double p) {
  check_binomial(k, trials, p, "binomial_upper");
  if (k == 0 || p == 1) return 1;
  if (p == 0) return 0;
  return ibeta(static_cast<double>(k), static_cast<double>(trials - k + 1), p, "binomial_upper");
}

double binomial_pmf(int64_t k, int64_t trials, double p) {
  check_binomial(k, trials, p, "binomial_pmf");
  if (p == 0 || p == 1) return k == (p == 0 ? 0 : trials) ? 1 : 0;
  const auto n = static_cast<double>(trials);
  const auto successes = static_cast<double>(k);
  return guarded("binomial_pmf", successes, n, p, [&] {
    return boost::math::ibeta_derivative(successes + 1, n - successes + 1, p) / (n + 1);
  });
}

double beta_quantile(double p, double a, double b) {
  check_probability(p, "beta_quantile");
  ROUX_CHECK(a > 0 && b > 0 && std::isfinite(a + b))
      << "beta_quantile: shapes are " << a << " and " << b << ", needed > 0 and finite";
  return guarded("beta_quantile", p, a, b, [&] { return boost::math::ibeta_inv(a, b, p); });
}

}  // namespace roux::stats
