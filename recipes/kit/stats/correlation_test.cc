#include "recipes/kit/stats/correlation.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"
#include "recipes/kit/stats/ranks.h"
#include "tensor/error.h"
#include "tests/golden/stats.h"

namespace roux::stats {
namespace {

using Vector = std::vector<double>;

const Vector kX(std::begin(golden::kCorrX), std::end(golden::kCorrX));
const Vector kY(std::begin(golden::kCorrY), std::end(golden::kCorrY));

void expect_all(const Vector& x, const Vector& y, const double* expected) {
  const Correlation actual[] = {pearson(x, y), spearman(x, y), kendall_tau(x, y)};
  for (int i = 0; i < 3; ++i) {
    EXPECT_NEAR(actual[i].coefficient, expected[2 * i], 1e-12) << i;
    EXPECT_NEAR(actual[i].p_value / expected[2 * i + 1], 1, 1e-10) << i;
  }
}

TEST(CorrelationTest, AgreesWithSciPy) {
  expect_all(kX, kY, golden::kCorrLong);
  expect_all(Vector(kX.begin(), kX.begin() + 9), Vector(kY.begin(), kY.begin() + 9), golden::kCorrShort);
  Vector x = kX;
  Vector y = kY;
  for (double& v : x) v = std::nearbyint(v);
  for (double& v : y) v = std::nearbyint(2 * v) / 2;
  expect_all(x, y, golden::kCorrTied);
}

TEST(CorrelationTest, KnownIdentities) {
  Vector up(8);
  std::iota(up.begin(), up.end(), 1.0);
  Vector down(up.rbegin(), up.rend());
  Vector cubes = up;
  for (double& v : cubes) v = v * v * v;
  EXPECT_EQ(pearson(up, up).coefficient, 1);
  EXPECT_EQ(pearson(up, down).coefficient, -1);
  EXPECT_EQ(spearman(up, cubes).coefficient, 1);
  EXPECT_EQ(kendall_tau(up, cubes).coefficient, 1);
  EXPECT_LT(pearson(up, cubes).coefficient, 1);
  EXPECT_NEAR(kendall_tau(up, cubes).p_value, 2.0 / 40320, 1e-18);  // 2 / 8!
  // Invariant under monotone transforms (ranks) and positive affine ones (Pearson).
  Vector scaled = kX;
  Vector powered = kX;
  for (double& v : scaled) v = 3 * v + 7;
  for (double& v : powered) v = std::exp(v);
  EXPECT_NEAR(pearson(scaled, kY).coefficient, pearson(kX, kY).coefficient, 1e-14);
  EXPECT_EQ(spearman(powered, kY).coefficient, spearman(kX, kY).coefficient);
  EXPECT_EQ(kendall_tau(powered, kY).coefficient, kendall_tau(kX, kY).coefficient);
}

TEST(CorrelationTest, ExactKendallCountsPermutations) {
  // Of the 24 permutations of 4, those with k inversions number 1, 3, 5, 6, 5, 3, 1.
  Vector x = {1, 2, 3, 4};
  Vector y = x;
  do {
    const double tau = kendall_tau(x, y).coefficient;
    const auto inversions = static_cast<int>(std::lround((1 - tau) * 3));
    const double expected[] = {2.0 / 24, 8.0 / 24, 18.0 / 24, 1, 18.0 / 24, 8.0 / 24, 2.0 / 24};
    EXPECT_NEAR(kendall_tau(x, y).p_value, expected[inversions], 1e-14);
  } while (std::next_permutation(y.begin(), y.end()));
}

TEST(CorrelationTest, ConstantSampleHasNone) {
  const Vector flat(5, 2.0);
  const Vector x = {1, 2, 3, 4, 5};
  for (const Correlation& c : {pearson(flat, x), spearman(x, flat), kendall_tau(flat, x)}) {
    EXPECT_TRUE(std::isnan(c.coefficient));
    EXPECT_TRUE(std::isnan(c.p_value));
  }
}

TEST(CorrelationTest, KeepsItsDigitsWhateverTheUnit) {
  for (double unit : {1e-300, 1e-160, 1e160, 1e305}) {
    Vector scaled = kX;
    for (double& v : scaled) v *= unit;
    EXPECT_NEAR(pearson(scaled, kY).coefficient, golden::kCorrLong[0], 1e-12) << unit;
  }
  // 0.1 is no binary number and its sums round; a sample of it is constant all the same.
  EXPECT_TRUE(std::isnan(pearson(Vector(7, 0.1), Vector{1, 2, 3, 4, 5, 6, 7}).coefficient));
  // Perfectly ordered ranks correlate by exactly 1, so that the p-value is 0.
  EXPECT_EQ(spearman(Vector{1, 5, 2}, Vector{10, 30, 20}).p_value, 0);
}

TEST(CorrelationTest, KendallCountsThePairsOfManyValues) {
  Vector x, y;
  for (int i = 0; i < 400; ++i) {
    x.push_back((i * 37) % 23);
    y.push_back((i * i) % 31);
  }
  double concordant = 0, tied_x = 0, tied_y = 0;
  for (int i = 0; i < 400; ++i) {
    for (int j = 0; j < i; ++j) {
      const double product = (x[i] - x[j]) * (y[i] - y[j]);
      concordant += product > 0 ? 1 : product < 0 ? -1 : 0;
      tied_x += x[i] == x[j];
      tied_y += y[i] == y[j];
    }
  }
  const double pairs = 400 * 399 / 2;
  EXPECT_NEAR(kendall_tau(x, y).coefficient, concordant / std::sqrt((pairs - tied_x) * (pairs - tied_y)),
              1e-15);
}

TEST(CorrelationTest, MisuseThrows) {
  EXPECT_THROW(pearson(Vector{1, 2}, Vector{1, 2, 3}), Error);
  EXPECT_THROW(spearman(Vector{1, 2}, Vector{1, 2}), Error);
  EXPECT_THROW(kendall_tau(Vector{1, NAN, 2}, Vector{1, 2, 3}), Error);
}

TEST(RanksTest, TiesShareTheirMean) {
  EXPECT_EQ(average_ranks(Vector{10, 20, 10, 5, 20, 20}), (Vector{2.5, 5, 2.5, 1, 5, 5}));
  EXPECT_EQ(tie_counts(Vector{10, 20, 10, 5, 20, 20}), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(argsort(Vector{3, 1, 2, 1}), (std::vector<int64_t>{1, 3, 2, 0}));
  EXPECT_TRUE(average_ranks(Vector{}).empty());
}

}  // namespace
}  // namespace roux::stats
