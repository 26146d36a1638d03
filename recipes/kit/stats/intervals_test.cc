#include "recipes/kit/stats/intervals.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "recipes/kit/stats/regression.h"
#include "tensor/error.h"
#include "tests/golden/stats.h"

namespace roux::stats {
namespace {

using Vector = std::vector<double>;

const Vector kA(std::begin(golden::kIntervalA), std::end(golden::kIntervalA));
const Vector kB(std::begin(golden::kIntervalB), std::end(golden::kIntervalB));
const Vector kC(std::begin(golden::kIntervalC), std::end(golden::kIntervalC));

void expect_interval(const Interval& actual, const double* expected) {
  EXPECT_NEAR(actual.low, expected[0], 1e-10);
  EXPECT_NEAR(actual.high, expected[1], 1e-10);
}

TEST(IntervalsTest, AgreeWithSciPy) {
  expect_interval(student_interval(kA), golden::kStudent);
  expect_interval(paired_interval(kA, kB, 0.99), golden::kPaired);
  expect_interval(welch_interval(kA, kC, 0.9), golden::kWelch);
  const int64_t wilson[][2] = {{0, 10}, {3, 10}, {10, 10}, {47, 120}, {1, 1}};
  for (int i = 0; i < 5; ++i) {
    expect_interval(wilson_interval(wilson[i][0], wilson[i][1]), golden::kWilson + 2 * i);
  }
}

TEST(IntervalsTest, KnownIdentities) {
  // Two values: the half width is t_1(0.975) = tan(0.475 pi) times half their distance.
  const Interval two = student_interval(Vector{1, 3});
  EXPECT_EQ(two.estimate, 2);
  EXPECT_NEAR(two.high - 2, std::tan(0.475 * M_PI), 1e-9);
  const Interval equal = student_interval(Vector{4, 4, 4});
  EXPECT_EQ(equal.low, 4);
  EXPECT_EQ(equal.high, 4);
  EXPECT_EQ(welch_interval(Vector{1, 1}, Vector{3, 3}).high, -2);
  // A paired interval is blind to what both sides share.
  Vector a = kA, b = kB;
  for (size_t i = 0; i < a.size(); ++i) a[i] += 100.0 * i, b[i] += 100.0 * i;
  EXPECT_NEAR(paired_interval(a, b).low, paired_interval(kA, kB).low, 1e-10);
  for (int64_t n = 1; n <= 200; ++n) {
    for (double confidence : {0.8, 0.95, 0.999}) {
      EXPECT_EQ(wilson_interval(0, n, confidence).low, 0);
      EXPECT_EQ(wilson_interval(n, n, confidence).high, 1);
    }
  }
}

TEST(IntervalsTest, UnitsAndConstants) {
  for (double unit : {1e-300, 1e300}) {
    const Interval small = student_interval(Vector{1 * unit, 2 * unit, 4 * unit});
    EXPECT_NEAR(small.high / unit, student_interval(Vector{1, 2, 4}).high, 1e-13);
    const Interval welch = welch_interval(Vector{1 * unit, 2 * unit, 4 * unit}, Vector{1 * unit, 9 * unit});
    EXPECT_NEAR(welch.low / unit, welch_interval(Vector{1, 2, 4}, Vector{1, 9}).low, 1e-12);
  }
  const Interval flat = student_interval(Vector(7, 0.1));
  EXPECT_EQ(flat.low, 0.1);
  EXPECT_EQ(flat.high, 0.1);
  EXPECT_TRUE(std::isinf(r_squared(Vector(7, 0.1), Vector(7, 0.2))));
}

TEST(IntervalsTest, MisuseThrows) {
  EXPECT_THROW(student_interval(Vector{1}), Error);
  EXPECT_THROW(student_interval(kA, 1), Error);
  EXPECT_THROW(paired_interval(kA, kC), Error);
  EXPECT_THROW(wilson_interval(3, 2), Error);
  EXPECT_THROW(wilson_interval(0, 0), Error);
}

TEST(RegressionTest, AgreesWithScikitLearn) {
  const Vector truth(std::begin(golden::kTruth), std::end(golden::kTruth));
  const Vector predicted(std::begin(golden::kPredicted), std::end(golden::kPredicted));
  EXPECT_NEAR(r_squared(truth, predicted), golden::kRegression[0], 1e-13);
  EXPECT_NEAR(mape(truth, predicted), golden::kRegression[1], 1e-13);
  EXPECT_NEAR(mean_relative_error(truth, predicted), golden::kRegression[2], 1e-13);
  EXPECT_NEAR(mean_squared_error(truth, predicted), golden::kRegression[3], 1e-13);
}

TEST(RegressionTest, LimitsAndMisuse) {
  const Vector t = {1, 2, 3};
  EXPECT_EQ(r_squared(t, t), 1);
  EXPECT_EQ(r_squared(t, Vector{2, 2, 2}), 0);
  EXPECT_EQ(r_squared(Vector{2, 2}, Vector{2, 2}), 1);
  EXPECT_EQ(r_squared(Vector{2, 2}, Vector{2, 3}), -INFINITY);
  EXPECT_THROW(mape(Vector{0, 1}, Vector{1, 1}), Error);
  EXPECT_THROW(r_squared(t, Vector{1}), Error);
}

}  // namespace
}  // namespace roux::stats
