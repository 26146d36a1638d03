#include "recipes/kit/stats/distributions.h"

#include <cmath>
#include <iterator>

#include "gtest/gtest.h"
#include "tensor/error.h"
#include "tests/golden/stats.h"

namespace roux::stats {
namespace {

// Relative agreement: tails as small as 1e-60 must keep their digits.
void expect_close(double actual, double expected) {
  EXPECT_NEAR(actual, expected, 1e-10 * std::abs(expected) + 1e-300);
}

TEST(DistributionsTest, AgreeWithSciPy) {
  const double p[] = {1e-12, 0.025, 0.5, 0.9, 0.999999};
  for (size_t i = 0; i < std::size(p); ++i) {
    EXPECT_NEAR(normal_quantile(p[i]), golden::kNormalQuantile[i], 1e-10);
  }
  const double degrees[] = {1, 2.5, 30, 1e6};
  const double levels[] = {1e-6, 0.3, 0.975};
  const double t[] = {0.1, 2, 40};
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 4; ++j) {
      expect_close(student_quantile(levels[i], degrees[j]), golden::kStudentQuantile[4 * i + j]);
      expect_close(student_two_sided(t[i], degrees[j]), golden::kStudentTwoSided[4 * i + j]);
      expect_close(student_two_sided(-t[i], degrees[j]), golden::kStudentTwoSided[4 * i + j]);
    }
  }
  const double f[] = {0.2, 3, 50};
  const double f_degrees[][2] = {{1, 10}, {4, 3}, {20, 200}};
  const double x[] = {0.1, 5, 200};
  const double chi_degrees[] = {1, 4.5, 60};
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      expect_close(f_upper(f[i], f_degrees[j][0], f_degrees[j][1]), golden::kFUpper[3 * i + j]);
      expect_close(chi_square_upper(x[i], chi_degrees[j]), golden::kChiSquareUpper[3 * i + j]);
    }
  }
}

TEST(DistributionsTest, BinomialAgreesWithSciPy) {
  const struct {
    int64_t k, n;
    double p;
  } cases[] = {{3, 10, 0.4}, {0, 7, 0.2}, {55, 100, 0.5}, {7, 7, 0.9}};
  for (int i = 0; i < 4; ++i) {
    const auto& c = cases[i];
    expect_close(binomial_lower(c.k, c.n, c.p), golden::kBinomial[3 * i]);
    expect_close(binomial_upper(c.k, c.n, c.p), golden::kBinomial[3 * i + 1]);
    expect_close(binomial_pmf(c.k, c.n, c.p), golden::kBinomial[3 * i + 2]);
  }
}

TEST(DistributionsTest, QuantileInvertsTheCdf) {
  for (double p : {0.001, 0.2, 0.5, 0.77, 0.995}) {
    EXPECT_NEAR(normal_cdf(normal_quantile(p)), p, 1e-14);
    for (double degrees : {1.0, 3.0, 17.5}) {
      EXPECT_NEAR(student_cdf(student_quantile(p, degrees), degrees), p, 1e-13);
      EXPECT_NEAR(student_quantile(p, degrees), -student_quantile(1 - p, degrees), 1e-9);
    }
  }
  // One degree of freedom is the Cauchy distribution; two Student tails squared are F(1, n).
  EXPECT_NEAR(student_quantile(0.75, 1), 1, 1e-13);
  EXPECT_NEAR(f_upper(4, 1, 12), student_two_sided(2, 12), 1e-14);
}

TEST(DistributionsTest, ExtremeArgumentsHaveAnAnswerOrAnError) {
  EXPECT_EQ(chi_square_upper(1e-10, 1e6), 1);  // Boost alone complains of an overflow
  // One degree of freedom: t = -cot(pi p). With half a degree t^2 comes near the largest f64.
  EXPECT_NEAR(student_quantile(1e-200, 1) * 3.14159265358979323846e-200, -1, 1e-12);
  EXPECT_NEAR(student_two_sided(student_quantile(1e-75, 0.5), 0.5) / 2e-75, 1, 1e-8);
  EXPECT_THROW(student_two_sided(1, INFINITY), Error);
  EXPECT_THROW(beta_quantile(1e-300, 3, 3), Error);  // Boost does not converge
}

TEST(DistributionsTest, EdgesAndMisuse) {
  EXPECT_EQ(binomial_lower(5, 5, 0.3), 1);
  EXPECT_EQ(binomial_upper(0, 5, 0.3), 1);
  EXPECT_EQ(binomial_pmf(0, 5, 0), 1);
  EXPECT_EQ(binomial_pmf(2, 5, 1), 0);
  EXPECT_EQ(student_two_sided(INFINITY, 3), 0);
  EXPECT_EQ(student_two_sided(0, 3), 1);
  EXPECT_EQ(f_upper(0, 1, 2), 1);
  EXPECT_EQ(chi_square_upper(0, 3), 1);
  EXPECT_TRUE(std::isnan(student_two_sided(NAN, 3)));
  EXPECT_THROW(normal_quantile(0), Error);
  EXPECT_THROW(student_quantile(0.5, -1), Error);
  EXPECT_THROW(binomial_lower(6, 5, 0.5), Error);
  EXPECT_THROW(binomial_lower(2, 5, 1.5), Error);
}

}  // namespace
}  // namespace roux::stats
