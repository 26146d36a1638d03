#include "recipes/kit/stats/samplers.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"
#include "tensor/error.h"
#include "tests/golden/stats.h"

namespace roux::stats {
namespace {

using Vector = std::vector<double>;

TEST(GammaTest, MeanAndVarianceAreTheShape) {
  constexpr int kDraws = 100000;
  for (double shape : {0.05, 0.5, 1.0, 2.5, 40.0}) {
    RandomStream random(1);
    double sum = 0, squares = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double x = sample_gamma(shape, random);
      ASSERT_GE(x, 0);
      sum += x, squares += x * x;
    }
    const double mean = sum / kDraws;
    // Five standard errors; the variance's own is shape * sqrt((2 + 6 / shape) / n).
    EXPECT_NEAR(mean, shape, 5 * std::sqrt(shape / kDraws)) << shape;
    EXPECT_NEAR(squares / kDraws - mean * mean, shape, 5 * shape * std::sqrt((2 + 6 / shape) / kDraws))
        << shape;
  }
}

// Counts of draws between the deciles, which SciPy gave: chi-square with 9 degrees, 0.1 % of which lie
// above 27.9.
void expect_deciles(const double* deciles, const std::function<double()>& draw) {
  constexpr int kDraws = 20000;
  double counts[10] = {};
  for (int i = 0; i < kDraws; ++i) ++counts[std::upper_bound(deciles, deciles + 9, draw()) - deciles];
  double statistic = 0;
  for (double c : counts) statistic += (c - kDraws / 10) * (c - kDraws / 10) / (kDraws / 10);
  EXPECT_LT(statistic, 27.9);
}

TEST(GammaTest, AgreesWithSciPysQuantiles) {
  RandomStream random(11);
  const double shapes[] = {0.3, 1, 2.5, 40};
  for (int k = 0; k < 4; ++k)
    expect_deciles(golden::kGammaDeciles + 9 * k, [&] { return sample_gamma(shapes[k], random); });
}

TEST(DirichletTest, MarginAgreesWithSciPysQuantiles) {
  RandomStream random(12);
  expect_deciles(golden::kBetaDeciles, [&] { return sample_dirichlet(Vector{0.4, 1.5, 0.6}, random)[0]; });
}

// Also weights of none, and far apart.
TEST(AliasTest, DrawsTheWeights) {
  for (const std::vector<double>& weights : std::vector<std::vector<double>>{{1},
                                                                             {1, 1},
                                                                             {0, 1},
                                                                             {3, 0, 1, 0},
                                                                             {1e-12, 1, 1e12},
                                                                             {0.1, 0.2, 0.3, 0.4, 0, 5, 0.1},
                                                                             {1, 2, 3, 4, 5, 6, 7, 8}}) {
    const AliasSampler sampler(weights);
    RandomStream random(11, weights.size());
    std::vector<int64_t> counts(weights.size());
    constexpr int kDraws = 40000;
    for (int i = 0; i < kDraws; ++i) ++counts[sampler(random)];
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (size_t i = 0; i < weights.size(); ++i) {
      const double p = weights[i] / sum;
      EXPECT_TRUE(weights[i] > 0 || counts[i] == 0) << i;
      EXPECT_NEAR(counts[i], kDraws * p, 4.5 * std::sqrt(kDraws * p * (1 - p)) + 1e-3) << i;
    }
  }
  EXPECT_THROW(AliasSampler(std::vector<double>{}), Error);
  EXPECT_THROW(AliasSampler(std::vector<double>{0, 0}), Error);
  EXPECT_THROW(AliasSampler(std::vector<double>{1, -1}), Error);
}

TEST(ZipfTest, ProbabilitiesAgreeWithTheFormula) {
  const ZipfSampler zipf(12, 1.3);
  for (int64_t k = 1; k <= 12; ++k) EXPECT_NEAR(zipf.probability(k) / golden::kZipf[k - 1], 1, 1e-14);
  // Also where a difference of sums near 1 would have no digits left.
  const ZipfSampler steep(1000, 6);
  EXPECT_NEAR(steep.probability(1000) / steep.probability(1) * 1e18, 1, 1e-12);
}

TEST(GammaTest, ShapeOneIsExponential) {
  RandomStream random(2);
  int beyond = 0;
  for (int i = 0; i < 50000; ++i) beyond += sample_gamma(1, random) > 1.5;
  EXPECT_NEAR(beyond / 50000.0, std::exp(-1.5), 0.01);
}

TEST(DirichletTest, MomentsAndSimplex) {
  const Vector alpha = {0.3, 1, 4};
  RandomStream random(3);
  constexpr int kDraws = 50000;
  Vector sums(3), squares(3);
  for (int i = 0; i < kDraws; ++i) {
    const Vector x = sample_dirichlet(alpha, random);
    double total = 0;
    for (int j = 0; j < 3; ++j) total += x[j], sums[j] += x[j], squares[j] += x[j] * x[j];
    ASSERT_NEAR(total, 1, 1e-14);
  }
  for (int j = 0; j < 3; ++j) {
    const double mean = alpha[j] / 5.3;
    const double variance = mean * (1 - mean) / 6.3;
    EXPECT_NEAR(sums[j] / kDraws, mean, 5 * std::sqrt(variance / kDraws));
    EXPECT_NEAR(squares[j] / kDraws - mean * mean, variance, 0.003);
  }
}

TEST(DirichletTest, TinyAlphasStayOnTheSimplex) {
  RandomStream random(4);
  for (int i = 0; i < 100; ++i) {
    double total = 0;
    for (double v : sample_dirichlet(Vector(5, 1e-4), random)) {
      ASSERT_TRUE(std::isfinite(v));
      total += v;
    }
    EXPECT_NEAR(total, 1, 1e-14);
  }
}

TEST(ZipfTest, FrequenciesFollowThePower) {
  const ZipfSampler zipf(100, 1.2);
  double sum = 0;
  for (int64_t k = 1; k <= 100; ++k) sum += zipf.probability(k);
  EXPECT_NEAR(sum, 1, 1e-14);
  EXPECT_NEAR(zipf.probability(1) / zipf.probability(8), std::pow(8, 1.2), 1e-9);
  EXPECT_EQ(zipf.probability(0), 0);
  EXPECT_EQ(zipf.probability(101), 0);
  RandomStream random(5);
  Vector counts(101);
  for (int i = 0; i < 100000; ++i) ++counts[zipf(random)];
  for (int64_t k : {1, 2, 5, 40, 100}) {
    const double expected = 1e5 * zipf.probability(k);
    EXPECT_NEAR(counts[k], expected, 5 * std::sqrt(expected)) << k;
  }
  EXPECT_NEAR(ZipfSampler(4, 0).probability(3), 0.25, 1e-15);
  EXPECT_EQ(ZipfSampler(1, 2)(random), 1);
}

TEST(TemperatureTest, SharesAndLimits) {
  const Vector sizes = {100, 400, 0, 1600};
  const Vector plain = temperature_shares(sizes, 1);
  EXPECT_NEAR(plain[0], 100.0 / 2100, 1e-15);
  EXPECT_EQ(plain[2], 0);
  const Vector root = temperature_shares(sizes, 2);  // 10 : 20 : 0 : 40
  EXPECT_NEAR(root[0], 1.0 / 7, 1e-15);
  EXPECT_NEAR(root[3], 4.0 / 7, 1e-15);
  const Vector flat = temperature_shares(sizes, std::numeric_limits<double>::infinity());
  EXPECT_NEAR(flat[0], 1.0 / 3, 1e-15);
  EXPECT_EQ(flat[2], 0);
  EXPECT_NEAR(temperature_shares(sizes, 0.01)[3], 1, 1e-12);
}

TEST(MixtureTest, SharesAreExactInEveryBlockAndEveryPowerOfTwoOfBlocks) {
  const Vector shares = {0.5, 0.3, 0.137, 0.06, 0.003, 0};
  for (int64_t block : {1, 16, 64, 100}) {
    const MixtureSampler sampler(shares, 9, block);
    Vector counts(6), in_block(6);
    int64_t next_power = 1;
    for (int64_t i = 0; i < 256 * block; ++i) {
      const int64_t domain = sampler(i);
      ++counts[domain], ++in_block[domain];
      if ((i + 1) % block != 0) continue;
      for (int d = 0; d < 6; ++d) {
        ASSERT_LT(std::abs(in_block[d] - shares[d] * static_cast<double>(block)), 1 + 1e-9);
        in_block[d] = 0;
      }
      if ((i + 1) / block != next_power) continue;
      next_power *= 2;
      for (int d = 0; d < 6; ++d) {
        EXPECT_LT(std::abs(counts[d] - shares[d] * static_cast<double>(i + 1)), 1 + 1e-9)
            << d << " after " << i + 1;
      }
    }
    EXPECT_EQ(counts[5], 0);
  }
}

TEST(MixtureTest, IsAPureFunctionOfSeedAndIndex) {
  const Vector shares = {1, 2, 3};
  const MixtureSampler one(shares, 1), same(shares, 1), other(shares, 2);
  int differences = 0;
  for (int64_t i = 500; i-- > 0;) {
    EXPECT_EQ(one(i), same(i));
    differences += one(i) != other(i);
  }
  EXPECT_GT(differences, 100);
  EXPECT_NEAR(one.shares()[2], 0.5, 1e-15);
}

TEST(MixtureTest, OrderInsideABlockIsRandom) {
  const MixtureSampler sampler(Vector{1, 1}, 3, 4);
  double first = 0;
  for (int64_t b = 0; b < 2000; ++b) first += static_cast<double>(sampler(4 * b));
  EXPECT_NEAR(first, 1000, 5 * std::sqrt(500.0));
}

TEST(SamplersTest, MisuseThrows) {
  RandomStream random(6);
  EXPECT_THROW(sample_gamma(0, random), Error);
  EXPECT_THROW(sample_dirichlet(Vector{1, -1}, random), Error);
  EXPECT_THROW(sample_dirichlet(Vector{}, random), Error);
  EXPECT_THROW(ZipfSampler(0, 1), Error);
  EXPECT_THROW(temperature_shares(Vector{0, 0}, 1), Error);
  EXPECT_THROW(temperature_shares(Vector{1}, 0), Error);
  EXPECT_THROW(MixtureSampler(Vector{1, -1}, 0), Error);
  EXPECT_THROW(MixtureSampler(Vector{1}, 0, 0), Error);
  EXPECT_THROW(MixtureSampler(Vector{1}, 0)(-1), Error);
}

}  // namespace
}  // namespace roux::stats
