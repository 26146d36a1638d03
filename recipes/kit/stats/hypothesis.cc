#include "recipes/kit/stats/hypothesis.h"

#include <algorithm>
#include <cmath>

#include "recipes/kit/stats/check.h"
#include "recipes/kit/stats/distributions.h"
#include "recipes/kit/stats/moments.h"
#include "recipes/kit/stats/ranks.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

// P(rank sum <= w): the share of the 2^n choices of signs with each sum of ranks, built one rank at a time.
// Ranks of ties are halves, so sums are counted in halves.
double signed_rank_lower(const std::vector<double>& ranks, double w) {
  const auto n = static_cast<int64_t>(ranks.size());
  std::vector<double> share(n * (n + 1) + 1, 0.0);
  share[0] = 1;
  int64_t largest = 0;
  for (double rank : ranks) {
    const int64_t step = std::llround(2 * rank);
    largest += step;
    for (int64_t sum = largest; sum >= 0; --sum)
      share[sum] = 0.5 * (share[sum] + (sum >= step ? share[sum - step] : 0));
  }
  double total = 0;
  for (int64_t sum = 0; sum <= std::llround(2 * w); ++sum) total += share[sum];
  return total;
}

// sum t^3 - t over groups of t equal values
double tie_sum(std::span<const double> x) {
  double sum = 0;
  for (int64_t count : tie_counts(x)) {
    const auto t = static_cast<double>(count);
    sum += t * t * t - t;
  }
  return sum;
}

void check_p_values(std::span<const double> p, const char* name) {
  check_sample(p, 0, name);
  for (size_t i = 0; i < p.size(); ++i) {
    ROUX_CHECK(p[i] >= 0 && p[i] <= 1)
        << name << ": p-value " << i << " is " << p[i] << ", needed a value in [0, 1]";
  }
}

}  // namespace

TestResult wilcoxon_test(std::span<const double> differences) {
  check_sample(differences, 1, "wilcoxon_test");
  std::vector<double> sizes;
  std::vector<bool> positive;
  for (double d : differences) {
    if (d == 0) continue;
    sizes.push_back(std::abs(d));
    positive.push_back(d > 0);
  }
  if (sizes.empty()) return {0, 1};
  const std::vector<double> ranks = average_ranks(sizes);
  double plus = 0;
  double minus = 0;
  for (size_t i = 0; i < sizes.size(); ++i) (positive[i] ? plus : minus) += ranks[i];
  const double w = std::min(plus, minus);
  const double ties = tie_sum(sizes);
  const auto n = static_cast<double>(sizes.size());
  if (sizes.size() <= (ties == 0 ? 50 : 13)) return {w, std::min(1.0, 2 * signed_rank_lower(ranks, w))};
  const double variance = n * (n + 1) * (2 * n + 1) / 24 - ties / 48;
  return {w, normal_two_sided((w - n * (n + 1) / 4) / std::sqrt(variance))};
}

TestResult mann_whitney_test(std::span<const double> a, std::span<const double> b) {
  check_sample(a, 1, "mann_whitney_test");
  check_sample(b, 1, "mann_whitney_test");
  std::vector<double> pooled(a.begin(), a.end());
  pooled.insert(pooled.end(), b.begin(), b.end());
  const std::vector<double> ranks = average_ranks(pooled);
  const auto na = static_cast<double>(a.size());
  const auto nb = static_cast<double>(b.size());
  const double n = na + nb;
  double u = -na * (na + 1) / 2;
  for (size_t i = 0; i < a.size(); ++i) u += ranks[i];
  const double variance = na * nb / 12 * (n + 1 - tie_sum(pooled) / (n * (n - 1)));
  if (variance == 0) return {u, 1};
  const double distance = std::max(0.0, std::abs(u - na * nb / 2) - 0.5);
  return {u, normal_two_sided(distance / std::sqrt(variance))};
}

TestResult welch_test(std::span<const double> a, std::span<const double> b) {
  check_sample(a, 2, "welch_test");
  check_sample(b, 2, "welch_test");
  const double unit = std::max(unit_of(a), unit_of(b));
  const Moments ma = moments(a, unit);
  const Moments mb = moments(b, unit);
  const double variance = ma.variance_of_mean + mb.variance_of_mean;
  ROUX_CHECK(variance > 0) << "welch_test: both samples are constant (" << a[0] << " and " << b[0]
                           << "), so there is no t value";
  const double degrees = welch_degrees(ma, static_cast<double>(a.size()), mb, static_cast<double>(b.size()));
  const double t = (ma.mean - mb.mean) / std::sqrt(variance);
  return {t, student_two_sided(t, degrees)};
}

TestResult mcnemar_test(int64_t only_a, int64_t only_b, bool exact) {
  ROUX_CHECK(only_a >= 0 && only_b >= 0)
      << "mcnemar_test: counts are " << only_a << " and " << only_b << ", needed both >= 0";
  const int64_t smaller = std::min(only_a, only_b);
  const int64_t total = only_a + only_b;
  if (exact) return {static_cast<double>(smaller), std::min(1.0, 2 * binomial_lower(smaller, total, 0.5))};
  if (total == 0) return {0, 1};
  const double difference = static_cast<double>(std::abs(only_a - only_b)) - 1;
  const double statistic = difference * difference / static_cast<double>(total);
  return {statistic, chi_square_upper(statistic, 1)};
}

TestResult binomial_test(int64_t successes, int64_t trials, double p) {
  ROUX_CHECK(trials >= 1 && successes >= 0 && successes <= trials)
      << "binomial_test: successes are " << successes << " of " << trials
      << ", needed trials >= 1 and 0 <= successes <= trials";
  ROUX_CHECK(p >= 0 && p <= 1) << "binomial_test: p is " << p << ", needed a value inside [0, 1]";
  const double share = static_cast<double>(successes) / static_cast<double>(trials);
  const double expected = p * static_cast<double>(trials);
  if (static_cast<double>(successes) == expected) return {share, 1};
  // On the other side of the mode the pmf is monotone: its outcomes that are no more likely begin where the
  // count of likelier ones ends, which bisection finds.
  const double limit = binomial_pmf(successes, trials, p) * (1 + 1e-7);
  const bool below = static_cast<double>(successes) < expected;
  const auto outcome = [&](int64_t i) { return below ? trials - i : i; };  // i-th from the far end
  int64_t low = 0;
  int64_t high =
      below ? trials - static_cast<int64_t>(std::ceil(expected)) + 1 : static_cast<int64_t>(expected) + 1;
  while (low < high) {  // outcomes 0 .. low - 1 from the far end are no more likely than the observed one
    const int64_t middle = low + (high - low) / 2;
    if (binomial_pmf(outcome(middle), trials, p) <= limit) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  double p_value = below ? binomial_lower(successes, trials, p) : binomial_upper(successes, trials, p);
  if (low > 0) {
    p_value +=
        below ? binomial_upper(outcome(low - 1), trials, p) : binomial_lower(outcome(low - 1), trials, p);
  }
  return {share, std::min(1.0, p_value)};
}

TestResult chi_square_test(std::span<const double> observed, std::span<const double> expected,
                           int64_t fitted) {
  check_same_length(observed, expected, 2, "chi_square_test");
  ROUX_CHECK(fitted >= 0 && fitted < static_cast<int64_t>(observed.size()) - 1)
      << "chi_square_test: fitted parameters are " << fitted << " for " << observed.size()
      << " cells, needed 0 to cells - 2";
  double statistic = 0;
  double observed_total = 0;
  double expected_total = 0;
  for (size_t i = 0; i < observed.size(); ++i) {
    ROUX_CHECK(expected[i] > 0 && observed[i] >= 0)
        << "chi_square_test: cell " << i << " has observed " << observed[i] << " and expected " << expected[i]
        << ", needed >= 0 and > 0";
    statistic += (observed[i] - expected[i]) * (observed[i] - expected[i]) / expected[i];
    observed_total += observed[i];
    expected_total += expected[i];
  }
  ROUX_CHECK(std::abs(observed_total - expected_total) <= 1e-8 * expected_total)
      << "chi_square_test: totals differ: observed " << observed_total << ", expected " << expected_total;
  const auto degrees = static_cast<double>(static_cast<int64_t>(observed.size()) - 1 - fitted);
  return {statistic, chi_square_upper(statistic, degrees)};
}

IndependenceTest chi_square_independence(const Matrix& counts, bool yates) {
  ROUX_CHECK(counts.rows >= 2 && counts.cols >= 2) << "chi_square_independence: table is [" << counts.rows
                                                   << "," << counts.cols << "], needed at least [2,2]";
  check_sample(counts.values, 1, "chi_square_independence");
  std::vector<double> rows(counts.rows), cols(counts.cols);
  double total = 0;
  for (int64_t i = 0; i < counts.rows; ++i) {
    for (int64_t j = 0; j < counts.cols; ++j) {
      const double count = counts(i, j);
      ROUX_CHECK(count >= 0) << "chi_square_independence: count [" << i << "," << j << "] is " << count
                             << ", needed >= 0";
      rows[i] += count, cols[j] += count, total += count;
    }
  }
  for (double margin : rows) ROUX_CHECK(margin > 0) << "chi_square_independence: a row has total 0; drop it";
  for (double margin : cols)
    ROUX_CHECK(margin > 0) << "chi_square_independence: a column has total 0; drop it";
  IndependenceTest test{.degrees = (counts.rows - 1) * (counts.cols - 1),
                        .expected = Matrix(counts.rows, counts.cols)};
  for (int64_t i = 0; i < counts.rows; ++i) {
    for (int64_t j = 0; j < counts.cols; ++j) {
      const double expected = test.expected(i, j) = rows[i] * cols[j] / total;
      const double distance = std::abs(counts(i, j) - expected);
      const double corrected = distance - (yates && test.degrees == 1 ? std::min(0.5, distance) : 0);
      test.statistic += corrected * corrected / expected;
    }
  }
  test.p_value = chi_square_upper(test.statistic, static_cast<double>(test.degrees));
  return test;
}

std::vector<double> holm(std::span<const double> p_values) {
  check_p_values(p_values, "holm");
  const std::vector<int64_t> order = argsort(p_values);
  std::vector<double> adjusted(p_values.size());
  double running = 0;
  for (size_t k = 0; k < order.size(); ++k) {
    running = std::max(running, static_cast<double>(order.size() - k) * p_values[order[k]]);
    adjusted[order[k]] = std::min(1.0, running);
  }
  return adjusted;
}

std::vector<double> benjamini_hochberg(std::span<const double> p_values) {
  check_p_values(p_values, "benjamini_hochberg");
  const std::vector<int64_t> order = argsort(p_values);
  std::vector<double> adjusted(p_values.size());
  double running = 1;
  for (size_t k = order.size(); k-- > 0;) {
    running = std::min(running,
                       static_cast<double>(order.size()) / static_cast<double>(k + 1) * p_values[order[k]]);
    adjusted[order[k]] = running;
  }
  return adjusted;
}

}  // namespace roux::stats
