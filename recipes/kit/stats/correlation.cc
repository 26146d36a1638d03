#include "recipes/kit/stats/correlation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "recipes/kit/stats/check.h"
#include "recipes/kit/stats/distributions.h"
#include "recipes/kit/stats/ranks.h"

namespace roux::stats {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double mean_of(std::span<const double> x) {
  double sum = 0;
  for (double v : x) sum += v;
  return sum / static_cast<double>(x.size());
}

double product_moment(std::span<const double> x, std::span<const double> y) {
  const double mean_x = mean_of(x);
  const double mean_y = mean_of(y);
  double xx = 0;
  double yy = 0;
  double xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  if (xx == 0 || yy == 0) return kNaN;
  return std::clamp(xy / std::sqrt(xx) / std::sqrt(yy), -1.0, 1.0);
}

Correlation with_t_p_value(double r, size_t n) {
  if (std::isnan(r)) return {kNaN, kNaN};
  if (n == 2) return {r, 1.0};
  const double degrees = static_cast<double>(n) - 2;
  if (std::abs(r) == 1) return {r, 0.0};
  return {r, student_two_sided(r * std::sqrt(degrees / ((1 - r) * (1 + r))), degrees)};
}

// Two-sided exact p-value of `discordant` among n (n - 1) / 2 pairs: the number of permutations of n with k
// inversions follows the recursion of Mahonian numbers; divided by n! as it is built, so nothing overflows.
double kendall_exact(int64_t n, int64_t discordant) {
  const int64_t pairs = n * (n - 1) / 2;
  const int64_t tail = std::min(discordant, pairs - discordant);
  if (2 * tail == pairs) return 1;
  std::vector<double> share(tail + 1, 0.0);
  share[0] = 1;
  for (int64_t m = 2; m <= n; ++m) {
    double window = 0;
    std::vector<double> next(tail + 1);
    for (int64_t k = 0; k <= tail; ++k) {
      window += share[k] - (k >= m ? share[k - m] : 0);
      next[k] = window / static_cast<double>(m);
    }
    share = std::move(next);
  }
  double sum = 0;
  for (double s : share) sum += s;
  return std::clamp(2 * sum, 0.0, 1.0);
}

struct TieSums {
  double pairs = 0;     // sum t (t - 1) / 2
  double triples = 0;   // sum t (t - 1) (t - 2)
  double variance = 0;  // sum t (t - 1) (2 t + 5)
};

TieSums tie_sums(std::span<const double> x) {
  TieSums sums;
  for (int64_t count : tie_counts(x)) {
    const auto t = static_cast<double>(count);
    sums.pairs += t * (t - 1) / 2;
    sums.triples += t * (t - 1) * (t - 2);
    sums.variance += t * (t - 1) * (2 * t + 5);
  }
  return sums;
}

}  // namespace

Correlation pearson(std::span<const double> x, std::span<const double> y) {
  check_same_length(x, y, 2, "pearson");
  return with_t_p_value(product_moment(x, y), x.size());
}

Correlation spearman(std::span<const double> x, std::span<const double> y) {
  check_same_length(x, y, 3, "spearman");
  return with_t_p_value(product_moment(average_ranks(x), average_ranks(y)), x.size());
}

Correlation kendall_tau(std::span<const double> x, std::span<const double> y) {
  check_same_length(x, y, 2, "kendall_tau");
  const auto n = static_cast<double>(x.size());
  int64_t concordant = 0;
  int64_t discordant = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    for (size_t j = i + 1; j < x.size(); ++j) {
      const bool up_x = x[i] < x[j];
      const bool up_y = y[i] < y[j];
      if (x[i] == x[j] || y[i] == y[j]) continue;
      ++(up_x == up_y ? concordant : discordant);
    }
  }
  const double pairs = n * (n - 1) / 2;
  const TieSums tx = tie_sums(x);
  const TieSums ty = tie_sums(y);
  if (tx.pairs == pairs || ty.pairs == pairs) return {kNaN, kNaN};
  const auto difference = static_cast<double>(concordant - discordant);
  const double tau = std::clamp(difference / std::sqrt((pairs - tx.pairs) * (pairs - ty.pairs)), -1.0, 1.0);
  const bool ties = tx.pairs > 0 || ty.pairs > 0;
  if (!ties && (x.size() <= 33 || std::min<double>(discordant, pairs - discordant) <= 1)) {
    return {tau, kendall_exact(static_cast<int64_t>(x.size()), discordant)};
  }
  const double ordered = n * (n - 1);
  const double variance = (ordered * (2 * n + 5) - tx.variance - ty.variance) / 18 +
                          2 * tx.pairs * ty.pairs / ordered +
                          (n > 2 ? tx.triples * ty.triples / (9 * ordered * (n - 2)) : 0);
  return {tau, normal_two_sided(difference / std::sqrt(variance))};
}

}  // namespace roux::stats
