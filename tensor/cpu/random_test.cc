// Distributions, at fixed seeds: each check fails for one seed in a million if the draws are what they claim
// (the limit of a Kolmogorov-Smirnov distance is that of Massart (1990), sqrt(ln(2 / p) / 2n); those of
// chi-square sums are chi2.isf(1e-6, df) of SciPy 1.17.1; means are within 4.9 standard errors).
#include "tensor/ops/random.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <vector>

#include "gtest/gtest.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

constexpr int64_t kDraws = 40000;
using Distribution = std::function<double(double)>;

void expect_distribution(const Tensor& draws, const Distribution& cdf) {
  std::vector<double> x = draws.to_vector<double>();
  std::sort(x.begin(), x.end());
  const double n = static_cast<double>(x.size());
  double distance = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double at = cdf(x[i]);
    distance = std::max(
        {distance, std::abs(at - static_cast<double>(i) / n), std::abs(static_cast<double>(i + 1) / n - at)});
  }
  EXPECT_LT(distance, std::sqrt(std::log(2e6) / (2 * n)));
}

void expect_moments(const Tensor& draws, double mean, double variance, double fourth_moment) {
  const std::vector<double> x = draws.to_vector<double>();
  const double n = static_cast<double>(x.size());
  double sum = 0, squares = 0;
  for (const double v : x) {
    sum += v;
    squares += (v - mean) * (v - mean);
  }
  EXPECT_NEAR(sum / n, mean, 4.9 * std::sqrt(variance / n));
  EXPECT_NEAR(squares / n, variance, 4.9 * std::sqrt((fourth_moment - variance * variance) / n));
}

// Counts by outcome against n p; df = outcomes - 1.
void expect_frequencies(const std::map<std::vector<int64_t>, double>& probabilities,
                        const std::vector<std::vector<int64_t>>& outcomes, double limit) {
  std::map<std::vector<int64_t>, double> counts;
  for (const auto& outcome : outcomes) {
    ASSERT_TRUE(probabilities.count(outcome));
    ++counts[outcome];
  }
  double sum = 0, total = 0;
  for (const auto& [outcome, p] : probabilities) {
    const double expected = p * static_cast<double>(outcomes.size());
    sum += (counts[outcome] - expected) * (counts[outcome] - expected) / expected;
    total += p;
  }
  EXPECT_NEAR(total, 1, 1e-9);
  EXPECT_LT(sum, limit);
}
std::vector<std::vector<int64_t>> rows_of(const Tensor& x) {
  std::vector<std::vector<int64_t>> rows;
  for (int64_t i = 0; i < x.size(0); ++i) rows.push_back(select(x, 0, i).to_vector<int64_t>());
  return rows;
}

// The regularised lower incomplete gamma function, by its power series.
double gamma_cdf(double a, double x) {
  if (x <= 0) return 0;
  double term = 1 / a, sum = term;
  for (double k = 1; term > sum * 1e-16; ++k) sum += term *= x / (a + k);
  return sum * std::exp(a * std::log(x) - x - std::lgamma(a));
}

TEST(Random, ExponentialAndGumbel) {
  Generator generator(11);
  const Tensor e = exponential({kDraws}, 2, generator);
  expect_distribution(e, [](double x) { return 1 - std::exp(-2 * x); });
  expect_moments(e, 0.5, 0.25, 9.0 / 16);
  const Tensor g = gumbel({kDraws}, generator);
  expect_distribution(g, [](double x) { return std::exp(-std::exp(-x)); });
  const double variance = M_PI * M_PI / 6;  // excess kurtosis 12 / 5
  expect_moments(g, 0.57721566490153286, variance, 5.4 * variance * variance);
}

TEST(Random, Gamma) {
  Generator generator(12);
  for (const double a : {0.3, 0.99, 1.0, 2.5, 40.0}) {
    const Tensor x = gamma(full({kDraws}, a, kF64), generator);
    expect_distribution(x, [a](double v) { return gamma_cdf(a, v); });
    expect_moments(x, a, a, 3 * a * a + 6 * a);
    expect_distribution(log_gamma(full({kDraws}, a), generator),
                        [a](double v) { return gamma_cdf(a, std::exp(v)); });
  }
  // Large: nearly normal.
  const double large = 1e6;
  expect_moments(gamma(full({kDraws}, large, kF64), generator), large, large, 3 * large * large + 6 * large);
  // Small: far below what f32 holds, and the logarithm is -exponential / a nearly always.
  const double small = 1e-3;
  expect_distribution(log_gamma(full({kDraws}, small), generator),
                      [small](double v) { return std::exp(small * v - std::lgamma(1 + small)); });
}

TEST(Random, BetaAndDirichlet) {
  Generator generator(13);
  const Distribution beta_2_3 = [](double x) { return x * x * (6 - 8 * x + 3 * x * x); };
  expect_distribution(beta(full({kDraws}, 2), full({kDraws}, 3), generator), beta_2_3);
  const Tensor x = dirichlet(expand(tensor({2, 1, 2}), {kDraws, 3}), generator);
  expect_distribution(select(x, 1, 0), beta_2_3);
  expect_distribution(select(x, 1, 1), [](double v) { return 1 - std::pow(1 - v, 4); });
  expect_distribution(select(x, 1, 2), beta_2_3);
  // Of small concentrations one element takes nearly all, and none is NaN.
  const std::vector<double> peaks =
      amax(dirichlet(full({kDraws, 3}, 1e-4), generator), -1).to_vector<double>();
  EXPECT_GT(std::count_if(peaks.begin(), peaks.end(), [](double peak) { return peak > 0.99 && peak <= 1; }),
            kDraws * 0.99);
}

TEST(Random, Integers) {
  Generator generator(14);
  std::map<std::vector<int64_t>, double> even;
  for (int64_t v = -3; v < 7; ++v) even[{v}] = 0.1;
  expect_frequencies(even, rows_of(randint({kDraws, 1}, -3, 7, generator)), 44.8);
  // Wide ranges: the scaled value is uniform.
  const int64_t low = -(int64_t{1} << 62), high = int64_t{1} << 62;
  expect_distribution(cast(randint({kDraws}, low, high, generator), kF64),
                      [&](double x) { return (x - static_cast<double>(low)) * 0x1p-63; });
  const std::vector<int64_t> all =
      randint({1000}, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), generator)
          .to_vector<int64_t>();
  EXPECT_GT(std::count_if(all.begin(), all.end(), [](int64_t v) { return v < 0; }), 400);
  EXPECT_GT(std::count_if(all.begin(), all.end(), [](int64_t v) { return v > 0; }), 400);
}

TEST(Random, Bernoulli) {
  Generator generator(15);
  for (const double p : {0.02, 0.5, 0.9}) {
    const Tensor x = cast(bernoulli(full({kDraws, 1}, p), generator), kI64);
    expect_frequencies({{{0}, 1 - p}, {{1}, p}}, rows_of(x), 23.9);
  }
}

TEST(Random, Permutations) {
  Generator generator(16);
  std::map<std::vector<int64_t>, double> even;
  std::vector<int64_t> order = {0, 1, 2, 3, 4};
  do {
    even[order] = 1.0 / 120;
  } while (std::next_permutation(order.begin(), order.end()));
  std::vector<std::vector<int64_t>> drawn;
  for (int64_t i = 0; i < 12000; ++i) drawn.push_back(randperm(5, generator).to_vector<int64_t>());
  expect_frequencies(even, drawn, 207.1);
}

TEST(Random, WithoutReplacement) {
  Generator generator(17);
  const std::vector<double> p = {0.1, 0.2, 0.3, 0.4};
  std::map<std::vector<int64_t>, double> pairs;
  for (int64_t i = 0; i < 4; ++i) {
    for (int64_t j = 0; j < 4; ++j) {
      const double first = p[static_cast<size_t>(i)];
      if (i != j) pairs[{i, j}] = first * p[static_cast<size_t>(j)] / (1 - first);
    }
  }
  const Tensor logits = expand(log(tensor(p, {4})), {kDraws, 4});
  expect_frequencies(pairs, rows_of(categorical_without_replacement(logits, 2, generator)), 48.8);
  // What has no weight is never drawn.
  const Tensor some = tensor({0, -INFINITY, 1, -INFINITY, 2});
  for (int i = 0; i < 100; ++i) {
    std::vector<int64_t> drawn = categorical_without_replacement(some, 3, generator).to_vector<int64_t>();
    std::sort(drawn.begin(), drawn.end());
    EXPECT_EQ(drawn, (std::vector<int64_t>{0, 2, 4}));
  }
}

TEST(Random, GumbelSoftmaxChoosesWithTheProbabilitiesOfItsLogits) {
  Generator generator(18);
  const std::vector<double> p = {0.1, 0.2, 0.7};
  const Tensor logits = expand(log(tensor(p, {3})), {kDraws, 3});
  const Tensor hard = gumbel_softmax(logits, 0.5, generator, true);
  expect_frequencies({{{1, 0, 0}, 0.1}, {{0, 1, 0}, 0.2}, {{0, 0, 1}, 0.7}}, rows_of(cast(hard, kI64)), 27.6);
}

}  // namespace
}  // namespace roux
