#include "recipes/kit/stats/hypothesis.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "recipes/kit/stats/distributions.h"
#include "recipes/kit/stats/random.h"
#include "tensor/error.h"
#include "tests/golden/stats.h"

namespace roux::stats {
namespace {

using Vector = std::vector<double>;

template <size_t N>
Vector vec(const double (&values)[N]) {
  return {values, values + N};
}

void expect_test(const TestResult& test, const double* expected) {
  EXPECT_NEAR(test.statistic, expected[0], 1e-10 * (1 + std::abs(expected[0])));
  EXPECT_NEAR(test.p_value, expected[1], 1e-9 * expected[1] + 1e-14);
}

TEST(WilcoxonTest, AgreesWithSciPy) {
  Vector x = vec(golden::kWilcoxonX);
  expect_test(wilcoxon_test(x), golden::kWilcoxon);
  for (double extra : {0.0, 0.0, 0.1}) x.push_back(extra);
  for (double& v : x) v = std::nearbyint(2 * v) / 2;
  expect_test(wilcoxon_test(x), golden::kWilcoxon + 2);
  expect_test(wilcoxon_test(vec(golden::kWilcoxonLong)), golden::kWilcoxon + 4);
  expect_test(wilcoxon_test(vec(golden::kWilcoxonShort)), golden::kWilcoxonShortTest);
}

TEST(WilcoxonTest, ExactUpTo50AndWithTiesUpTo13) {
  const Vector all = vec(golden::kWilcoxonLimitX);
  const size_t sizes[] = {50, 51, 13, 14, 50, 51};
  for (int k = 0; k < 6; ++k) {
    Vector x(all.begin(), all.begin() + sizes[k]);
    if (k >= 2) {
      for (double& v : x) v = std::copysign(std::max(0.5, std::nearbyint(2 * std::abs(v)) / 2), v);
    }
    SCOPED_TRACE(sizes[k]);
    expect_test(wilcoxon_test(x), golden::kWilcoxonLimit + 2 * k);
  }
}

TEST(WilcoxonTest, KnownValues) {
  // All of one sign: only one of 2^n rankings is as extreme on this side.
  EXPECT_NEAR(wilcoxon_test(Vector{1, 2, 3, 4, 5, 6}).p_value, 2.0 / 64, 1e-15);
  EXPECT_EQ(wilcoxon_test(Vector{2, 2}).p_value,
            0.5);  // tied, and still one sign of 4 patterns on either side
  EXPECT_EQ(wilcoxon_test(Vector{0, 0}).p_value, 1);
  EXPECT_EQ(wilcoxon_test(Vector{3}).p_value, 1);
  EXPECT_THROW(wilcoxon_test(Vector{}), Error);
}

TEST(KolmogorovSmirnovTest, IsExactAbove140) {
  // Marsaglia, Tsang and Wang's matrix in mpmath with 60 digits; SciPy's own value is off by 5e-6 from 141
  // on.
  const double expected[][2] = {
      {140, 0.255304844597373}, {141, 0.255355717906299}, {200, 0.257653179779212}, {300, 0.259878005257529}};
  for (const auto& [size, p_value] : expected) {
    const double d = 1 / std::sqrt(size);
    Vector x;
    for (int i = 1; i <= size; ++i) x.push_back(std::max(0.0, i / size - d));
    const TestResult test = kolmogorov_smirnov_test(x, [](double v) { return v; });
    EXPECT_NEAR(test.statistic, d, 1e-15);
    EXPECT_NEAR(test.p_value / p_value, 1, 1e-11) << size;
  }
}

TEST(TwoSampleTest, MannWhitneyAndWelchAgreeWithSciPy) {
  expect_test(mann_whitney_test(vec(golden::kTwoA), vec(golden::kTwoB)), golden::kMannWhitney);
  expect_test(welch_test(vec(golden::kTwoA), vec(golden::kTwoB)), golden::kWelchTest);
  EXPECT_EQ(mann_whitney_test(Vector{1, 1}, Vector{1}).p_value, 1);
  EXPECT_THROW(welch_test(Vector{1, 1}, Vector{2, 2}), Error);
  // 0.1 cannot be written in binary, and its sums round: constant all the same.
  EXPECT_THROW(welch_test(Vector(7, 0.1), Vector(3, 0.1)), Error);
  // t values have no unit, so neither huge nor tiny numbers change them.
  const TestResult plain = welch_test(Vector{1, 2, 4}, Vector{3, 5, 9, 9});
  for (double unit : {1e-300, 1e-160, 1e160, 1e300}) {
    Vector a = {1, 2, 4}, b = {3, 5, 9, 9};
    for (double& v : a) v *= unit;
    for (double& v : b) v *= unit;
    EXPECT_NEAR(welch_test(a, b).statistic, plain.statistic, 1e-13);
    EXPECT_NEAR(welch_test(a, b).p_value, plain.p_value, 1e-13);
  }
}

TEST(McnemarTest, AgreesWithStatsmodels) {
  const int64_t pairs[][2] = {{3, 12}, {0, 5}, {7, 7}, {40, 61}};
  for (int i = 0; i < 4; ++i) {
    expect_test(mcnemar_test(pairs[i][0], pairs[i][1]), golden::kMcnemar + 4 * i);
    expect_test(mcnemar_test(pairs[i][0], pairs[i][1], false), golden::kMcnemar + 4 * i + 2);
  }
  EXPECT_EQ(mcnemar_test(0, 0).p_value, 1);
  EXPECT_EQ(mcnemar_test(0, 0, false).p_value, 1);
  EXPECT_THROW(mcnemar_test(-1, 2), Error);
}

TEST(BinomialTest, AgreesWithSciPy) {
  const struct {
    int64_t k, n;
    double p;
  } cases[] = {{3, 10, 0.5},     {0, 7, 0.2},    {9, 10, 0.31}, {55, 100, 0.5},
               {430, 1000, 0.4}, {2, 400, 0.03}, {7, 7, 0.9}};
  for (int i = 0; i < 7; ++i) {
    EXPECT_NEAR(binomial_test(cases[i].k, cases[i].n, cases[i].p).p_value / golden::kBinomialTest[i], 1, 1e-9)
        << i;
  }
}

TEST(BinomialTest, SumsTheOutcomesThatAreNoMoreLikely) {
  for (int64_t n : {1, 2, 9, 30}) {
    for (double p : {0.0, 0.03, 0.37, 0.5, 0.91, 1.0}) {
      for (int64_t k = 0; k <= n; ++k) {
        double sum = 0;
        const double observed = binomial_pmf(k, n, p);
        for (int64_t j = 0; j <= n; ++j) {
          if (binomial_pmf(j, n, p) <= observed * (1 + 1e-7)) sum += binomial_pmf(j, n, p);
        }
        EXPECT_NEAR(binomial_test(k, n, p).p_value, sum, 1e-12) << k << " of " << n << ", p " << p;
      }
    }
  }
  EXPECT_THROW(binomial_test(3, 2), Error);
  EXPECT_THROW(binomial_test(1, 2, 1.5), Error);
}

TEST(ChiSquareTest, AgreesWithSciPy) {
  const Vector observed = {16, 18, 16, 14, 12, 12};
  expect_test(chi_square_test(observed, Vector{16, 16, 16, 16, 16, 8}), golden::kChiSquare);
  const Matrix tables[] = {Matrix(2, 3, {10, 20, 30, 6, 9, 17}), Matrix(2, 2, {12, 5, 3, 11})};
  for (int i = 0; i < 4; ++i) {
    const IndependenceTest test = chi_square_independence(tables[i / 2], i % 2 == 0);
    expect_test({test.statistic, test.p_value}, golden::kIndependence + 2 * i);
  }
  EXPECT_EQ(chi_square_independence(tables[0]).degrees, 2);
  // Rows in proportion are independent.
  EXPECT_NEAR(chi_square_independence(Matrix(2, 2, {1, 2, 10, 20}), false).statistic, 0, 1e-14);
  EXPECT_THROW(chi_square_test(observed, Vector{1, 1, 1, 1, 1, 1}), Error);
  EXPECT_THROW(chi_square_independence(Matrix(2, 2, {0, 0, 1, 2})), Error);
  EXPECT_THROW(chi_square_independence(Matrix(1, 2, {1, 2})), Error);
  EXPECT_THROW(chi_square_test(Vector{1, 2, 3}, Vector{1, 2, 3}, 2), Error);
  EXPECT_THROW(chi_square_test(Vector{1, 2, 3}, Vector{1, 2, 3}, -1), Error);
}

TEST(KolmogorovSmirnovTest, AgreesWithSciPy) {
  const Vector x = vec(golden::kKsX);
  const Vector y = vec(golden::kKsY);
  Vector shifted = x;
  for (double& v : shifted) v += 0.6;
  expect_test(kolmogorov_smirnov_test(x, normal_cdf), golden::kKsOne);
  expect_test(kolmogorov_smirnov_test(Vector(x.begin(), x.begin() + 5), normal_cdf), golden::kKsOne + 2);
  expect_test(kolmogorov_smirnov_test(shifted, normal_cdf), golden::kKsOne + 4);
  expect_test(kolmogorov_smirnov_test(x, y), golden::kKsTwo);
  expect_test(kolmogorov_smirnov_test(x, Vector(y.begin(), y.begin() + 7)), golden::kKsTwo + 2);
  expect_test(kolmogorov_smirnov_test(x, Vector(y.begin(), y.begin() + 30)), golden::kKsTwo + 4);
}

TEST(KolmogorovSmirnovTest, KnownValues) {
  const auto uniform = [](double v) { return v; };
  // One value u: D = max(u, 1 - u), P(D >= d) = 2 (1 - d).
  EXPECT_NEAR(kolmogorov_smirnov_test(Vector{0.3}, uniform).statistic, 0.7, 1e-15);
  EXPECT_NEAR(kolmogorov_smirnov_test(Vector{0.3}, uniform).p_value, 0.6, 1e-14);
  // Disjoint samples of 3 and 3: 2 of the 20 orders are as extreme.
  EXPECT_NEAR(kolmogorov_smirnov_test(Vector{1, 2, 3}, Vector{4, 5, 6}).p_value, 0.1, 1e-14);
  EXPECT_EQ(kolmogorov_smirnov_test(Vector{1, 2}, Vector{1, 2}).p_value, 1);
  // Two values: P(D >= d) = 2 (1 - d)^2 for d >= 1/2.
  EXPECT_NEAR(kolmogorov_smirnov_test(Vector{0.1, 0.2}, uniform).p_value, 2 * 0.2 * 0.2, 1e-14);
  // The matrix formula ends at 1000 values: the expansion beyond continues it, and both are far from the
  // limit.
  const auto spread = [](int64_t n, double d) {
    Vector x;
    for (int64_t i = 1; i <= n; ++i)
      x.push_back(std::max(0.0, static_cast<double>(i) / static_cast<double>(n) - d));
    return x;
  };
  const double z = 1.1;
  const auto p = [&](double n) {
    return kolmogorov_smirnov_test(spread(static_cast<int64_t>(n), z / std::sqrt(n)), uniform).p_value;
  };
  EXPECT_NEAR(p(1000) - p(999), p(1001) - p(1000), 3e-8);
  EXPECT_THROW(kolmogorov_smirnov_test(Vector{2}, uniform), Error);
  EXPECT_THROW(kolmogorov_smirnov_test(Vector{}, Vector{1}), Error);
}

TEST(KolmogorovSmirnovTest, TailsKeepTheirDigits) {
  const double cases[][2] = {{30, 0.5},     {140, 0.45},   {500, 0.12},  {1000, 0.1},
                             {50000, 0.02}, {5000, 0.018}, {5000, 0.011}};
  for (int i = 0; i < 7; ++i) {
    const auto [n, d] = cases[i];
    Vector x;  // whose distribution function is d above the uniform one wherever it can be
    for (double k = 1; k <= n; ++k) x.push_back(std::max(0.0, k / n - d));
    const TestResult test = kolmogorov_smirnov_test(x, [](double v) { return v; });
    EXPECT_NEAR(test.statistic, d, 1e-14);
    EXPECT_NEAR(test.p_value / golden::kKsTail[i], 1, 1e-8) << n;
  }
}

TEST(KolmogorovSmirnovTest, PValuesAreUniformUnderTheHypothesis) {
  RandomStream random(2);
  int small = 0;
  for (int trial = 0; trial < 400; ++trial) {
    Vector x;
    for (int i = 0; i < 200; ++i) x.push_back(random.uniform());
    small += kolmogorov_smirnov_test(x, [](double v) { return v; }).p_value < 0.2;
  }
  EXPECT_NEAR(small, 80, 5 * std::sqrt(400 * 0.2 * 0.8));
}

TEST(MultipleTestsTest, AgreeWithStatsmodels) {
  const Vector p = vec(golden::kManyP);
  const Vector h = holm(p);
  const Vector bh = benjamini_hochberg(p);
  for (size_t i = 0; i < p.size(); ++i) {
    EXPECT_NEAR(h[i], golden::kHolm[i], 1e-15);
    EXPECT_NEAR(bh[i], golden::kBenjaminiHochberg[i], 1e-15);
  }
  EXPECT_TRUE(holm(Vector{}).empty());
  EXPECT_THROW(holm(Vector{1.5}), Error);
}

}  // namespace
}  // namespace roux::stats
