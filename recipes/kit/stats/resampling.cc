#include "recipes/kit/stats/resampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "recipes/kit/stats/check.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

// Rearrangements with the observed value must count as extreme although their sums round differently.
constexpr double kSlack = 1e-12;

std::vector<int64_t> identity(int64_t n) {
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

void resample(std::vector<int64_t>& indices, RandomStream& random) {
  const auto n = static_cast<int64_t>(indices.size());
  for (int64_t& index : indices) index = random.below(n);
}

double quantile_of_sorted(const std::vector<double>& sorted, double p) {
  const double position = p * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<size_t>(position);
  const size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (position - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

Interval percentile(double estimate, std::vector<double> values, double confidence) {
  std::sort(values.begin(), values.end());
  return {estimate, quantile_of_sorted(values, 0.5 - confidence / 2),
          quantile_of_sorted(values, 0.5 + confidence / 2)};
}

void check_bootstrap(int64_t n, const BootstrapOptions& options, const char* name) {
  ROUX_CHECK(n >= 1 && options.resamples >= 1)
      << name << ": n is " << n << ", resamples are " << options.resamples << ", needed both >= 1";
  check_confidence(options.confidence, name);
}

// Sorting and counting go wrong in silence on NaN (the correlation of a resample that happens to be constant,
// say).
double checked(double value, const char* name) {
  ROUX_CHECK(std::isfinite(value)) << name << ": the statistic is " << value
                                   << ", needed a finite value on every resample and rearrangement";
  return value;
}

IndexStatistic mean_over(std::span<const double> x) {
  return [x](std::span<const int64_t> indices) {
    double sum = 0;
    for (int64_t i : indices) sum += x[i];
    return sum / static_cast<double>(indices.size());
  };
}

double monte_carlo_p(int64_t extreme, int64_t resamples) {
  return static_cast<double>(extreme + 1) / static_cast<double>(resamples + 1);
}

void check_resamples(int64_t resamples, const char* name) {
  ROUX_CHECK(resamples >= 1) << name << ": resamples are " << resamples << ", needed >= 1";
}

// C(n, k), or `limit` + 1 if larger.
int64_t combinations(int64_t n, int64_t k, int64_t limit) {
  double count = 1;
  for (int64_t i = 1; i <= k; ++i) {
    count = count * static_cast<double>(n - k + i) / static_cast<double>(i);
    if (count > 4 * static_cast<double>(limit)) return limit + 1;
  }
  return std::min(limit + 1, static_cast<int64_t>(std::llround(count)));
}

// Calls visit(sum of the chosen values) for every choice of k of them. The smaller side of the split is the
// one that is enumerated, so a step costs min(k, n - k).
template <class F>
void for_each_subset_sum(const std::vector<double>& values, int64_t k, F visit) {
  const auto n = static_cast<int64_t>(values.size());
  const bool complement = k > n - k;
  const int64_t size = complement ? n - k : k;
  const double total = std::accumulate(values.begin(), values.end(), 0.0);
  std::vector<int64_t> chosen = identity(size);  // ascending
  while (true) {
    double sum = 0;
    for (int64_t i : chosen) sum += values[i];
    visit(complement ? total - sum : sum);
    int64_t last = size - 1;  // the rightmost that can still move
    while (last >= 0 && chosen[last] == n - size + last) --last;
    if (last < 0) return;
    ++chosen[last];
    for (int64_t i = last + 1; i < size; ++i) chosen[i] = chosen[i - 1] + 1;
  }
}

// Counts of rearranged statistics on either side of the observed one, ties counted on both.
struct Tails {
  double observed;
  double slack;
  int64_t above = 0;
  int64_t below = 0;
  void add(double value) {
    above += value >= observed - slack;
    below += value <= observed + slack;
  }
};

}  // namespace

Interval bootstrap_interval(int64_t n, const IndexStatistic& statistic, RandomStream& random,
                            const BootstrapOptions& options) {
  check_bootstrap(n, options, "bootstrap_interval");
  std::vector<int64_t> indices = identity(n);
  const double estimate = checked(statistic(indices), "bootstrap_interval");
  std::vector<double> values(options.resamples);
  for (double& value : values) {
    resample(indices, random);
    value = checked(statistic(indices), "bootstrap_interval");
  }
  return percentile(estimate, std::move(values), options.confidence);
}

Interval bootstrap_mean(std::span<const double> x, RandomStream& random, const BootstrapOptions& options) {
  check_sample(x, 1, "bootstrap_mean");
  return bootstrap_interval(static_cast<int64_t>(x.size()), mean_over(x), random, options);
}

PairedBootstrap paired_bootstrap(int64_t n, const IndexStatistic& a, const IndexStatistic& b,
                                 RandomStream& random, const BootstrapOptions& options) {
  check_bootstrap(n, options, "paired_bootstrap");
  std::vector<int64_t> indices = identity(n);
  const double estimate = checked(a(indices) - b(indices), "paired_bootstrap");
  std::vector<double> values(options.resamples);
  int64_t above = 0;
  int64_t below = 0;
  for (double& value : values) {
    resample(indices, random);
    value = checked(a(indices) - b(indices), "paired_bootstrap");
    above += value > 0;
    below += value < 0;
  }
  const int64_t m = options.resamples;
  PairedBootstrap result;
  result.difference = percentile(estimate, std::move(values), options.confidence);
  result.share_above = static_cast<double>(above) / static_cast<double>(m);
  result.p_value = std::min(1.0, 2 * monte_carlo_p(m - std::max(above, below), m));
  return result;
}

PairedBootstrap paired_bootstrap_mean(std::span<const double> a, std::span<const double> b,
                                      RandomStream& random, const BootstrapOptions& options) {
  check_same_length(a, b, 1, "paired_bootstrap_mean");
  return paired_bootstrap(static_cast<int64_t>(a.size()), mean_over(a), mean_over(b), random, options);
}

ResamplingTest sign_flip_test(std::span<const double> differences, RandomStream& random, int64_t resamples) {
  check_sample(differences, 1, "sign_flip_test");
  check_resamples(resamples, "sign_flip_test");
  const size_t n = differences.size();
  double sum = 0;
  double size = 0;
  for (double d : differences) sum += d, size += std::abs(d);
  checked(size, "sign_flip_test");
  const double threshold = std::abs(sum) - kSlack * size;
  ResamplingTest test{.statistic = sum / static_cast<double>(n)};
  test.exact = n <= 20;
  test.rearrangements = test.exact ? int64_t{1} << n : resamples;
  int64_t extreme = 0;
  for (int64_t pattern = 0; pattern < test.rearrangements; ++pattern) {
    double flipped = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < n; ++i) {
      if (i % 32 == 0) bits = test.exact ? static_cast<uint32_t>(pattern) : random.next_word();
      flipped += (bits >> (i % 32)) & 1 ? -differences[i] : differences[i];
    }
    extreme += std::abs(flipped) >= threshold;
  }
  test.p_value = test.exact ? static_cast<double>(extreme) / static_cast<double>(test.rearrangements)
                            : monte_carlo_p(extreme, resamples);
  return test;
}

ResamplingTest permutation_test(std::span<const double> a, std::span<const double> b, RandomStream& random,
                                int64_t resamples) {
  constexpr int64_t kEnumerated = 200000;
  check_sample(a, 1, "permutation_test");
  check_sample(b, 1, "permutation_test");
  check_resamples(resamples, "permutation_test");
  const size_t k = a.size();
  std::vector<double> pooled(a.begin(), a.end());
  pooled.insert(pooled.end(), b.begin(), b.end());
  double total = 0;
  double size = 0;
  for (double v : pooled) total += v, size += std::abs(v);
  checked(size, "permutation_test");
  const auto n = static_cast<int64_t>(pooled.size());
  // The difference of means rises with the sum of the first sample, which is enough to compare.
  Tails tails{.observed = std::accumulate(a.begin(), a.end(), 0.0), .slack = kSlack * size};
  ResamplingTest test{.statistic = tails.observed / static_cast<double>(k) -
                                   (total - tails.observed) / static_cast<double>(b.size())};
  const int64_t splits = combinations(n, static_cast<int64_t>(k), kEnumerated);
  test.exact = splits <= kEnumerated;
  test.rearrangements = test.exact ? splits : resamples;
  if (test.exact) {
    for_each_subset_sum(pooled, static_cast<int64_t>(k), [&](double sum) { tails.add(sum); });
    test.p_value =
        2.0 * static_cast<double>(std::min(tails.above, tails.below)) / static_cast<double>(splits);
  } else {
    for (int64_t r = 0; r < resamples; ++r) {
      for (size_t i = 0; i < k; ++i)
        std::swap(pooled[i], pooled[i + random.below(n - static_cast<int64_t>(i))]);
      tails.add(std::accumulate(pooled.begin(), pooled.begin() + static_cast<int64_t>(k), 0.0));
    }
    test.p_value = 2 * monte_carlo_p(std::min(tails.above, tails.below), resamples);
  }
  test.p_value = std::min(1.0, test.p_value);
  return test;
}

ResamplingTest pairing_test(int64_t n, const IndexStatistic& statistic, RandomStream& random,
                            int64_t resamples) {
  ROUX_CHECK(n >= 2) << "pairing_test: n is " << n << ", needed >= 2";
  check_resamples(resamples, "pairing_test");
  std::vector<int64_t> order = identity(n);
  ResamplingTest test{.statistic = checked(statistic(order), "pairing_test")};
  const double threshold = std::abs(test.statistic) * (1 - kSlack);
  int64_t extreme = 0;
  test.exact = n <= 8;
  if (test.exact) {
    do {
      extreme += std::abs(checked(statistic(order), "pairing_test")) >= threshold;
      ++test.rearrangements;
    } while (std::next_permutation(order.begin(), order.end()));
    test.p_value = static_cast<double>(extreme) / static_cast<double>(test.rearrangements);
    return test;
  }
  for (int64_t r = 0; r < resamples; ++r) {
    shuffle(order, random);
    extreme += std::abs(checked(statistic(order), "pairing_test")) >= threshold;
  }
  test.rearrangements = resamples;
  test.p_value = monte_carlo_p(extreme, resamples);
  return test;
}

}  // namespace roux::stats
