#include "recipes/kit/stats/correlation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "recipes/kit/stats/check.h"
#include "recipes/kit/stats/distributions.h"
#include "recipes/kit/stats/moments.h"
#include "recipes/kit/stats/ranks.h"

namespace roux::stats {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double product_moment(std::span<const double> x, std::span<const double> y) {
  const double unit_x = unit_of(x);
  const double unit_y = unit_of(y);
  const double mean_x = mean_of(x) / unit_x;
  const double mean_y = mean_of(y) / unit_y;
  double xx = 0;
  double yy = 0;
  double xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double dx = x[i] / unit_x - mean_x;
    const double dy = y[i] / unit_y - mean_y;
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  if (xx == 0 || yy == 0) return kNaN;
  // One root of the product: it is exact for perfectly correlated ranks.
  return std::clamp(xy / std::sqrt(xx * yy), -1.0, 1.0);
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

// Indices in ascending order of x, equal x in ascending order of y.
std::vector<int64_t> order_by_both(std::span<const double> x, std::span<const double> y) {
  std::vector<int64_t> order = argsort(y);
  std::stable_sort(order.begin(), order.end(), [x](int64_t a, int64_t b) { return x[a] < x[b]; });
  return order;
}

double pairs_tied_in_both(std::span<const double> x, std::span<const double> y) {
  const std::vector<int64_t> order = order_by_both(x, y);
  double pairs = 0;
  double run = 0;  // earlier values equal to this one
  for (size_t i = 1; i < order.size(); ++i) {
    const bool same = x[order[i]] == x[order[i - 1]] && y[order[i]] == y[order[i - 1]];
    run = same ? run + 1 : 0;
    pairs += run;
  }
  return pairs;
}

// Pairs with x_i < x_j and y_i > y_j: the inversions of y in the order of x, counted while merging.
int64_t discordant_pairs(std::span<const double> x, std::span<const double> y) {
  std::vector<double> values;
  for (int64_t i : order_by_both(x, y)) values.push_back(y[i]);
  std::vector<double> merged(values.size());
  const auto n = static_cast<int64_t>(values.size());
  int64_t inversions = 0;
  for (int64_t width = 1; width < n; width *= 2) {
    for (int64_t begin = 0; begin < n; begin += 2 * width) {
      const int64_t middle = std::min(begin + width, n);
      const int64_t end = std::min(begin + 2 * width, n);
      int64_t left = begin;
      int64_t right = middle;
      for (int64_t k = begin; k < end; ++k) {
        const bool take_left = left < middle && (right == end || values[left] <= values[right]);
        if (!take_left) inversions += middle - left;
        merged[k] = values[take_left ? left++ : right++];
      }
    }
    std::swap(values, merged);
  }
  return inversions;
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
  const double pairs = n * (n - 1) / 2;
  const TieSums tx = tie_sums(x);
  const TieSums ty = tie_sums(y);
  if (tx.pairs == pairs || ty.pairs == pairs) return {kNaN, kNaN};
  // Pairs tied in both were taken away twice.
  const double untied = pairs - tx.pairs - ty.pairs + pairs_tied_in_both(x, y);
  const auto discordant = static_cast<double>(discordant_pairs(x, y));
  const double difference = untied - 2 * discordant;
  const double tau = std::clamp(difference / std::sqrt((pairs - tx.pairs) * (pairs - ty.pairs)), -1.0, 1.0);
  const bool ties = tx.pairs > 0 || ty.pairs > 0;
  if (!ties && (x.size() <= 33 || std::min(discordant, pairs - discordant) <= 1)) {
    return {tau, kendall_exact(static_cast<int64_t>(x.size()), std::llround(discordant))};
  }
  const double ordered = n * (n - 1);
  const double variance = (ordered * (2 * n + 5) - tx.variance - ty.variance) / 18 +
                          2 * tx.pairs * ty.pairs / ordered +
                          (n > 2 ? tx.triples * ty.triples / (9 * ordered * (n - 2)) : 0);
  return {tau, normal_two_sided(difference / std::sqrt(variance))};
}

}  // namespace roux::stats
