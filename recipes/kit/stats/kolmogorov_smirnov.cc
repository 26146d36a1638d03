// The two Kolmogorov-Smirnov tests of hypothesis.h: their exact distributions need code of their own.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "recipes/kit/stats/check.h"
#include "recipes/kit/stats/hypothesis.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

// P(D_n >= d) of the one-sided statistic, exactly: d sum_j C(n, j) (d + j/n)^(j-1) (1 - d - j/n)^(n-j). All
// terms are positive, so small probabilities keep their digits; logarithms in long double, as they reach n
// log n. [Smirnov 1944; Birnbaum & Tingey 1951]
double one_sided_upper(int64_t n, double d) {
  const auto size = static_cast<long double>(n);
  const auto distance = static_cast<long double>(d);
  long double log_choose = 0;
  long double sum = 0;
  for (int64_t j = 0; j <= n; ++j) {
    const auto k = static_cast<long double>(j);
    const long double below = distance + k / size;
    const long double above = 1 - distance - k / size;
    if (above <= 0) break;
    sum += std::exp(log_choose + (k - 1) * std::log(below) + (size - k) * std::log(above));
    log_choose += std::log((size - k) / (k + 1));
  }
  return static_cast<double>(distance * sum);
}

// P(D_n < d) by the first four terms of its expansion in 1 / sqrt(n), each a theta function in the form that
// converges fast for small z = d sqrt(n).                                                       [Pelz & Good
// 1976]
double expanded_cdf(double n, double d) {
  constexpr double kPi2 = std::numbers::pi * std::numbers::pi;
  const double z = d * std::sqrt(n);
  const double z2 = z * z;
  const double z4 = z2 * z2;
  const double z6 = z4 * z2;
  double terms[4] = {};
  for (int k = 1; k < 40; ++k) {
    const double odd = (2 * k - 1) * (2 * k - 1) * kPi2 / 4;
    const double weight = std::exp(-odd / (2 * z2));
    terms[0] += weight;
    terms[1] += weight * (odd - z2);
    terms[2] += weight * (6 * z6 + 2 * z4 + (2 * z4 - 5 * z2) * odd + (1 - 2 * z2) * odd * odd);
    terms[3] += weight * (-30 * z6 - 90 * z4 * z4 + (135 * z4 - 96 * z6) * odd +
                          (212 * z4 - 60 * z2) * odd * odd + (5 - 30 * z2) * odd * odd * odd);
    const double even = k * k * kPi2;
    const double even_weight = std::exp(-even / (2 * z2));
    terms[2] -= 2 * z4 * even * even_weight;
    terms[3] += 30 * z4 * even * (3 * z2 - even) * even_weight;
  }
  const double root = std::sqrt(n);
  return std::sqrt(2 * std::numbers::pi) *
         (terms[0] / z + terms[1] / (6 * z4 * root) + terms[2] / (72 * z6 * z * n) +
          terms[3] / (6480 * z6 * z4 * n * root));
}

using SquareMatrix = std::vector<double>;  // m * m, row by row, with a decimal exponent kept beside it

SquareMatrix multiply(const SquareMatrix& a, const SquareMatrix& b, int64_t m) {
  SquareMatrix c(m * m, 0.0);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t k = 0; k < m; ++k) {
      for (int64_t j = 0; j < m; ++j) c[i * m + j] += a[i * m + k] * b[k * m + j];
    }
  }
  return c;
}

// Keeps the middle entry, the one that is read in the end, in range.
void rescale(SquareMatrix& a, int64_t m, int& exponent) {
  if (a[(m / 2) * m + m / 2] <= 1e140) return;
  for (double& v : a) v *= 1e-140;
  exponent += 140;
}

// P(D_n < d), exactly.                                                         [Marsaglia, Tsang & Wang 2003]
double one_sample_cdf(int64_t n, double d) {
  const double nd = static_cast<double>(n) * d;
  const auto k = static_cast<int64_t>(nd) + 1;
  const int64_t m = 2 * k - 1;
  const double h = static_cast<double>(k) - nd;
  SquareMatrix base(m * m, 0.0);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < m; ++j) base[i * m + j] = i - j + 1 >= 0 ? 1 : 0;
  }
  for (int64_t i = 0; i < m; ++i) {
    base[i * m] -= std::pow(h, static_cast<double>(i + 1));
    base[(m - 1) * m + i] -= std::pow(h, static_cast<double>(m - i));
  }
  base[(m - 1) * m] += 2 * h - 1 > 0 ? std::pow(2 * h - 1, static_cast<double>(m)) : 0;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < m; ++j) {
      for (int64_t g = 1; g <= i - j + 1; ++g) base[i * m + j] /= static_cast<double>(g);
    }
  }
  SquareMatrix power(m * m, 0.0);  // base^n by squaring
  for (int64_t i = 0; i < m; ++i) power[i * m + i] = 1;
  int power_exponent = 0;
  int base_exponent = 0;
  for (int64_t bits = n; bits > 0; bits /= 2) {
    if (bits % 2 == 1) {
      power = multiply(power, base, m);
      power_exponent += base_exponent;
      rescale(power, m, power_exponent);
    }
    base = multiply(base, base, m);
    base_exponent *= 2;
    rescale(base, m, base_exponent);
  }
  double s = power[(k - 1) * m + k - 1];
  for (int64_t i = 1; i <= n; ++i) {
    s *= static_cast<double>(i) / static_cast<double>(n);
    if (s < 1e-140) {
      s *= 1e140;
      power_exponent -= 140;
    }
  }
  return s * std::pow(10.0, power_exponent);
}

// P(D_n >= d) of the two-sided statistic.
double one_sample_upper(int64_t n, double d) {
  if (d >= 1) return 0;
  // Both one-sided statistics exceed d with a probability of about exp(-8 n d^2) only, 1e-10 of the tail
  // here.
  if (static_cast<double>(n) * d * d >= 4) return std::min(1.0, 2 * one_sided_upper(n, d));
  const double cdf = n <= 1000 ? one_sample_cdf(n, d) : expanded_cdf(static_cast<double>(n), d);
  return std::clamp(1 - cdf, 0.0, 1.0);
}

// P(D >= distance / (na * nb)): one minus the share of lattice paths from (0, 0) to (na, nb) that stay
// strictly inside the band |i * nb - j * na| < distance. Shares of paths, so nothing overflows: the path to
// (i, j) came from the left with probability i / (i + j).
double two_sample_upper(int64_t na, int64_t nb, int64_t distance) {
  std::vector<double> outside(nb + 1, 0.0);  // share of paths to (i, j) that have left the band
  for (int64_t i = 0; i <= na; ++i) {
    for (int64_t j = 0; j <= nb; ++j) {
      if (std::abs(i * nb - j * na) >= distance) {
        outside[j] = 1;
      } else if (i + j > 0) {
        const double from_left = static_cast<double>(i) / static_cast<double>(i + j);
        outside[j] = (i > 0 ? from_left * outside[j] : 0) + (j > 0 ? (1 - from_left) * outside[j - 1] : 0);
      }
    }
  }
  return outside[nb];
}

}  // namespace

TestResult kolmogorov_smirnov_test(std::span<const double> x, const std::function<double(double)>& cdf) {
  check_sample(x, 1, "kolmogorov_smirnov_test");
  std::vector<double> sorted(x.begin(), x.end());
  std::sort(sorted.begin(), sorted.end());
  const auto n = static_cast<double>(sorted.size());
  double d = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    const double f = cdf(sorted[i]);
    ROUX_CHECK(f >= 0 && f <= 1) << "kolmogorov_smirnov_test: cdf(" << sorted[i] << ") is " << f
                                 << ", needed a value in [0, 1]";
    d = std::max({d, static_cast<double>(i + 1) / n - f, f - static_cast<double>(i) / n});
  }
  return {d, one_sample_upper(static_cast<int64_t>(sorted.size()), d)};
}

TestResult kolmogorov_smirnov_test(std::span<const double> a, std::span<const double> b) {
  check_sample(a, 1, "kolmogorov_smirnov_test");
  check_sample(b, 1, "kolmogorov_smirnov_test");
  std::vector<double> sa(a.begin(), a.end());
  std::vector<double> sb(b.begin(), b.end());
  std::sort(sa.begin(), sa.end());
  std::sort(sb.begin(), sb.end());
  const auto na = static_cast<int64_t>(sa.size());
  const auto nb = static_cast<int64_t>(sb.size());
  int64_t distance = 0;  // of the two step functions, in units of 1 / (na * nb)
  for (int64_t i = 0, j = 0; i < na && j < nb;) {
    const double at = std::min(sa[i], sb[j]);
    while (i < na && sa[i] <= at) ++i;
    while (j < nb && sb[j] <= at) ++j;
    distance = std::max(distance, std::abs(i * nb - j * na));
  }
  const double d = static_cast<double>(distance) / (static_cast<double>(na) * static_cast<double>(nb));
  if (na * nb <= 4000000) return {d, two_sample_upper(na, nb, distance)};
  const double effective = static_cast<double>(na) * static_cast<double>(nb) / static_cast<double>(na + nb);
  return {d, one_sample_upper(std::llround(effective), d)};
}

}  // namespace roux::stats
