#include "recipes/kit/stats/resampling.h"

#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "recipes/kit/stats/correlation.h"
#include "tensor/error.h"
#include "tests/golden/stats.h"

namespace roux::stats {
namespace {

using Vector = std::vector<double>;

const Vector kFlip(std::begin(golden::kFlip), std::end(golden::kFlip));
const Vector kA(std::begin(golden::kPermA), std::end(golden::kPermA));
const Vector kB(std::begin(golden::kPermB), std::end(golden::kPermB));

TEST(RandomStreamTest, IsThePhiloxSequenceAndResumes) {
  RandomStream random(7, 3);
  for (uint64_t block = 0; block < 3; ++block) {
    const PhiloxWords words = philox(7, 3, block);
    for (uint32_t word : words.word) EXPECT_EQ(random.next_word(), word);
  }
  random.uniform();
  RandomStream resumed(random.state());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(resumed.normal(), random.normal());
  EXPECT_EQ(resumed.state(), random.state());
  EXPECT_NE(RandomStream(7, 3).uniform(), RandomStream(7, 4).uniform());
  EXPECT_NE(RandomStream(7, 3).uniform(), RandomStream(8, 3).uniform());
}

TEST(RandomStreamTest, MomentsOfItsDistributions) {
  constexpr int kDraws = 200000;
  RandomStream random(1);
  double uniform = 0, normal = 0, square = 0, fourth = 0, exponential = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = random.uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    uniform += u;
    const double z = random.normal();
    normal += z, square += z * z, fourth += z * z * z * z;
    exponential += random.exponential();
  }
  // Five standard errors each.
  const double root = std::sqrt(1.0 / kDraws);
  EXPECT_NEAR(uniform / kDraws, 0.5, 5 * root * std::sqrt(1.0 / 12));
  EXPECT_NEAR(normal / kDraws, 0, 5 * root);
  EXPECT_NEAR(square / kDraws, 1, 5 * root * std::sqrt(2.0));
  EXPECT_NEAR(fourth / kDraws, 3, 5 * root * std::sqrt(96.0));
  EXPECT_NEAR(exponential / kDraws, 1, 5 * root);
}

TEST(RandomStreamTest, BelowAndPermutationsAreUniform) {
  RandomStream random(2);
  int counts[7] = {};
  for (int i = 0; i < 70000; ++i) ++counts[random.below(7)];
  for (int count : counts) EXPECT_NEAR(count, 10000, 5 * std::sqrt(10000.0 * 6 / 7));
  int first[4] = {};
  for (int i = 0; i < 4000; ++i) {
    const std::vector<int64_t> order = random_permutation(4, random);
    EXPECT_EQ(std::set<int64_t>(order.begin(), order.end()).size(), 4u);
    ++first[order[0]];
  }
  for (int count : first) EXPECT_NEAR(count, 1000, 5 * std::sqrt(750.0));
  EXPECT_EQ(random.below(1), 0);
  EXPECT_THROW(random.below(0), Error);
}

TEST(SignFlipTest, ExactAgreesWithSciPy) {
  RandomStream random(1);
  const ResamplingTest test = sign_flip_test(kFlip, random);
  EXPECT_TRUE(test.exact);
  EXPECT_EQ(test.rearrangements, 2048);
  EXPECT_NEAR(test.statistic, golden::kFlipTest[0], 1e-14);
  EXPECT_NEAR(test.p_value, golden::kFlipTest[1], 1e-14);
}

TEST(SignFlipTest, KnownValues) {
  RandomStream random(1);
  // Five differences of one sign: only all-plus and all-minus are as extreme.
  EXPECT_EQ(sign_flip_test(Vector{0.1, 0.2, 0.3, 0.1, 0.7}, random).p_value, 2.0 / 32);
  EXPECT_EQ(sign_flip_test(Vector{1, -1}, random).p_value, 1);
  EXPECT_EQ(sign_flip_test(Vector{0, 0}, random).p_value, 1);
  // Monte Carlo on the same data repeated comes near the normal approximation 2 * (1 - Phi(|sum| / sqrt(sum
  // of squares))).
  Vector many;
  double sum = 0, squares = 0;
  for (int r = 0; r < 4; ++r) {
    for (double d : kFlip) many.push_back(0.5 * d), sum += 0.5 * d, squares += 0.25 * d * d;
  }
  const ResamplingTest large = sign_flip_test(many, random, 20000);
  EXPECT_FALSE(large.exact);
  EXPECT_NEAR(large.p_value, std::erfc(std::abs(sum) / std::sqrt(2 * squares)), 0.01);
}

TEST(PermutationTest, ExactAgreesWithSciPy) {
  RandomStream random(1);
  const ResamplingTest test = permutation_test(kA, kB, random);
  EXPECT_TRUE(test.exact);
  EXPECT_EQ(test.rearrangements, 11440);
  EXPECT_NEAR(test.statistic, golden::kPermTest[0], 1e-14);
  EXPECT_NEAR(test.p_value, golden::kPermTest[1], 1e-14);
}

TEST(PermutationTest, MonteCarloComesNearTheExactValue) {
  RandomStream random(3);
  Vector a, b;
  for (int i = 0; i < 15; ++i) a.push_back(random.normal()), b.push_back(random.normal() + 0.6);
  const ResamplingTest one = permutation_test(a, b, random, 20000);
  const ResamplingTest two = permutation_test(a, b, random, 20000);
  EXPECT_FALSE(one.exact);
  EXPECT_NEAR(one.p_value, two.p_value, 0.02);
  RandomStream again(5), once_more(5);
  EXPECT_EQ(permutation_test(a, b, again, 500).p_value, permutation_test(a, b, once_more, 500).p_value);
}

TEST(PairingTest, ExactMatchesKendallsEnumeration) {
  const Vector x = {1, 2, 3, 4, 5, 6, 7};
  const Vector y = {2, 1, 4, 3, 7, 5, 6};
  RandomStream random(1);
  const auto statistic = [&](std::span<const int64_t> order) {
    Vector permuted;
    for (int64_t i : order) permuted.push_back(y[i]);
    return kendall_tau(x, permuted).coefficient;
  };
  const ResamplingTest test = pairing_test(7, statistic, random);
  EXPECT_TRUE(test.exact);
  EXPECT_EQ(test.rearrangements, 5040);
  EXPECT_NEAR(test.p_value, kendall_tau(x, y).p_value, 1e-12);
}

TEST(BootstrapTest, IntervalOfAMeanIsNearTheNormalOne) {
  RandomStream random(4);
  Vector x;
  for (int i = 0; i < 400; ++i) x.push_back(random.normal() + 3);
  const Interval boot = bootstrap_mean(x, random, {.resamples = 4000});
  const Interval student = student_interval(x);
  EXPECT_NEAR(boot.estimate, student.estimate, 1e-12);
  EXPECT_NEAR(boot.low, student.low, 0.012);
  EXPECT_NEAR(boot.high, student.high, 0.012);
  const Interval constant = bootstrap_mean(Vector(5, 2.0), random);
  EXPECT_EQ(constant.low, 2);
  EXPECT_EQ(constant.high, 2);
}

TEST(BootstrapTest, ResamplesUnitsWithReplacement) {
  // The share of resamples of n units in which a given unit appears is 1 - (1 - 1/n)^n.
  RandomStream random(5);
  int64_t with_first = 0;
  bootstrap_interval(6,
                     [&](std::span<const int64_t> indices) {
                       EXPECT_EQ(indices.size(), 6u);
                       bool found = false;
                       for (int64_t i : indices) found |= i == 0;
                       with_first += found;
                       return 0.0;
                     },
                     random, {.resamples = 20000});
  EXPECT_NEAR(static_cast<double>(with_first) / 20001, 1 - std::pow(5.0 / 6, 6), 0.017);
}

TEST(BootstrapTest, PairedComparesOnTheSameUnits) {
  RandomStream random(6);
  Vector a, b;
  for (int i = 0; i < 100; ++i) {
    b.push_back(10 * random.normal());  // common difficulty hides the difference from unpaired tests
    a.push_back(b.back() + 0.1 + 0.1 * random.normal());
  }
  const PairedBootstrap better = paired_bootstrap_mean(a, b, random);
  EXPECT_GT(better.difference.low, 0);
  EXPECT_EQ(better.share_above, 1);
  EXPECT_NEAR(better.p_value, 2.0 / 1001, 1e-12);
  const PairedBootstrap same = paired_bootstrap_mean(b, b, random);
  EXPECT_EQ(same.share_above, 0);
  EXPECT_EQ(same.p_value, 1);
}

TEST(BootstrapTest, StatisticMustBeFinite) {
  RandomStream random(1);
  const Vector x = {1, 1, 2}, y = {3, 1, 2};
  const auto correlation = [&](std::span<const int64_t> indices) {  // NaN where a resample is constant
    Vector a, b;
    for (int64_t i : indices) a.push_back(x[i]), b.push_back(y[i]);
    return pearson(a, b).coefficient;
  };
  EXPECT_THROW(bootstrap_interval(3, correlation, random), Error);
  EXPECT_THROW(pairing_test(
                   3, [](std::span<const int64_t>) { return std::sqrt(-1.0); }, random),
               Error);
}

TEST(PermutationTest, OneAgainstManyIsQuick) {
  RandomStream random(1);
  Vector many(150000);
  for (size_t i = 0; i < many.size(); ++i) many[i] = static_cast<double>(i);
  const ResamplingTest test = permutation_test(Vector{149999.5}, many, random);
  EXPECT_TRUE(test.exact);
  EXPECT_NEAR(test.p_value, 2.0 / 150001, 1e-15);
  EXPECT_EQ(permutation_test(many, Vector{149999.5}, random).p_value, test.p_value);
}

TEST(BootstrapTest, MisuseThrows) {
  RandomStream random(7);
  EXPECT_THROW(bootstrap_mean(Vector{}, random), Error);
  EXPECT_THROW(bootstrap_mean(kA, random, {.resamples = 0}), Error);
  EXPECT_THROW(bootstrap_mean(kA, random, {.confidence = 1.5}), Error);
  EXPECT_THROW(paired_bootstrap_mean(kA, kB, random), Error);
  EXPECT_THROW(permutation_test(kA, Vector{}, random), Error);
  EXPECT_THROW(sign_flip_test(Vector{}, random), Error);
}

}  // namespace
}  // namespace roux::stats
