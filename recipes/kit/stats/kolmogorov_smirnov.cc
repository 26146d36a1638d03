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

// P(K >= x) of Kolmogorov's limiting distribution; both series converge fast on their side of 1.
double kolmogorov_upper(double x) {
  if (x <= 0) return 1;
  double sum = 0;
  if (x < 1) {
    for (int k = 1; k < 20; k += 2) {
      sum += std::exp(-k * k * std::numbers::pi * std::numbers::pi / (8 * x * x));
    }
    return 1 - std::sqrt(2 * std::numbers::pi) / x * sum;
  }
  for (int k = 1; k < 20; ++k) sum += (k % 2 == 1 ? 2 : -2) * std::exp(-2.0 * k * k * x * x);
  return std::clamp(sum, 0.0, 1.0);
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
  if (d >= 1) return {d, 0};
  if (sorted.size() <= 140) {
    return {d, std::clamp(1 - one_sample_cdf(static_cast<int64_t>(sorted.size()), d), 0.0, 1.0)};
  }
  const double root = std::sqrt(n);
  return {d, kolmogorov_upper((root + 0.12 + 0.11 / root) * d)};
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
  const double scale =
      std::sqrt(static_cast<double>(na) * static_cast<double>(nb) / static_cast<double>(na + nb));
  return {d, kolmogorov_upper(scale * d)};
}

}  // namespace roux::stats
