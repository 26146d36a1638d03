#include "recipes/kit/stats/linear_models.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "recipes/kit/stats/decomposition.h"
#include "recipes/kit/stats/linear_algebra.h"
#include "recipes/kit/stats/random.h"
#include "tensor/error.h"
#include "tests/golden/stats.h"

namespace roux::stats {
namespace {

using Vector = std::vector<double>;

const Matrix kX(25, 3, Vector(std::begin(golden::kOlsX), std::end(golden::kOlsX)));
const Vector kY(std::begin(golden::kOlsY), std::end(golden::kOlsY));

void expect_close(double actual, double expected) {
  EXPECT_NEAR(actual, expected, 1e-10 * (1 + std::abs(expected)));
}

Matrix columns(const Matrix& x, int64_t count) {
  Matrix part(x.rows, count);
  for (int64_t i = 0; i < x.rows; ++i) {
    for (int64_t j = 0; j < count; ++j) part(i, j) = x(i, j);
  }
  return part;
}

Matrix random_matrix(int64_t rows, int64_t cols, uint64_t seed) {
  RandomStream random(seed);
  Matrix m(rows, cols);
  for (double& v : m.values) v = random.normal();
  return m;
}

void expect_fit(const OlsFit& fit, const double* rows, const double* model) {
  for (size_t j = 0; j < fit.coefficients.size(); ++j) {
    const double actual[] = {fit.coefficients[j], fit.standard_errors[j],
                             fit.t_values[j],     fit.p_values[j],
                             fit.low[j],          fit.high[j]};
    for (int k = 0; k < 6; ++k) expect_close(actual[k], rows[6 * j + k]);
    EXPECT_NEAR(fit.p_values[j] / rows[6 * j + 3], 1, 1e-8);
  }
  const double actual[] = {fit.r_squared, fit.adjusted_r_squared, fit.f_value, fit.f_p_value,
                           fit.residual_sum};
  for (int k = 0; k < 5; ++k) expect_close(actual[k], model[k]);
}

TEST(OlsTest, AgreesWithStatsmodels) {
  const OlsFit full = ols(kX, kY);
  expect_fit(full, golden::kOls, golden::kOlsModel);
  expect_fit(ols(kX, kY, {.intercept = false}), golden::kOlsPlain, golden::kOlsPlainModel);
  const FTest nested = nested_f_test(ols(columns(kX, 1), kY), full);
  expect_close(nested.f_value, golden::kNestedF[0]);
  expect_close(nested.p_value, golden::kNestedF[1]);
}

TEST(OlsTest, KnownIdentities) {
  const OlsFit fit = ols(kX, kY);
  // Residuals are orthogonal to every column and to the intercept.
  for (int64_t j = -1; j < 3; ++j) {
    double product = 0;
    for (int64_t i = 0; i < 25; ++i) product += fit.residuals[i] * (j < 0 ? 1 : kX(i, j));
    EXPECT_NEAR(product, 0, 1e-12);
  }
  // One regressor: F = t^2, and both have the same p-value.
  const OlsFit one = ols(columns(kX, 1), kY);
  EXPECT_NEAR(one.f_value, one.t_values[1] * one.t_values[1], 1e-10);
  EXPECT_NEAR(one.f_p_value, one.p_values[1], 1e-12);
  const Vector predicted = predict(fit, kX);
  for (int64_t i = 0; i < 25; ++i) EXPECT_NEAR(predicted[i] + fit.residuals[i], kY[i], 1e-13);
}

TEST(OlsTest, UnitsOfColumnsDoNotMatter) {
  const OlsFit plain = ols(kX, kY);
  Matrix scaled = kX;
  for (int64_t i = 0; i < 25; ++i) scaled(i, 0) *= 1e-20, scaled(i, 1) *= 1e30;
  const OlsFit fit = ols(scaled, kY);
  const double units[] = {1, 1e20, 1e-30, 1};
  for (int j = 0; j < 4; ++j) {
    EXPECT_NEAR(fit.coefficients[j] / units[j], plain.coefficients[j], 1e-12);
    EXPECT_NEAR(fit.standard_errors[j] / units[j], plain.standard_errors[j], 1e-12);
    EXPECT_NEAR(fit.p_values[j], plain.p_values[j], 1e-12);
  }
}

TEST(OlsTest, DegenerateTargets) {
  // No features: the mean and its standard error.
  const OlsFit mean = ols(Matrix(4, 0), Vector{1, 2, 3, 6});
  ASSERT_EQ(mean.coefficients.size(), 1u);
  EXPECT_NEAR(mean.coefficients[0], 3, 1e-15);
  EXPECT_NEAR(mean.standard_errors[0], std::sqrt(14.0 / 3 / 4), 1e-15);
  EXPECT_TRUE(std::isnan(mean.f_value));
  EXPECT_NEAR(nested_f_test(mean, ols(Matrix(4, 1, {1, 2, 3, 5}), Vector{1, 2, 3, 6})).f_value,
              ols(Matrix(4, 1, {1, 2, 3, 5}), Vector{1, 2, 3, 6}).f_value, 1e-9);
  // Nothing varies, so there is nothing to explain.
  EXPECT_TRUE(std::isnan(ols(Matrix(4, 1, {1, 2, 3, 5}), Vector(4, 0.1)).r_squared));
  EXPECT_THROW(ols(Matrix(4, 0), Vector{1, 2, 3, 6}, {.intercept = false}), Error);
}

TEST(OlsTest, MisuseThrows) {
  Matrix dependent = kX;
  for (int64_t i = 0; i < 25; ++i) dependent(i, 2) = 2 * kX(i, 0) - kX(i, 1);
  EXPECT_THROW(ols(dependent, kY), Error);
  EXPECT_THROW(ols(random_matrix(4, 3, 1), Vector{1, 2, 3, 4}), Error);
  EXPECT_THROW(ols(kX, Vector{1, 2}), Error);
  EXPECT_THROW(predict(ols(kX, kY), random_matrix(3, 2, 1)), Error);
}

TEST(RidgeTest, AgreesWithScikitLearn) {
  for (bool intercept : {true, false}) {
    const LinearModel model = ridge(kX, kY, 2.5, intercept);
    const double* expected = intercept ? golden::kRidge : golden::kRidgePlain;
    expect_close(model.intercept, expected[0]);
    for (int j = 0; j < 3; ++j) expect_close(model.weights[j], expected[j + 1]);
  }
}

TEST(RidgeTest, Limits) {
  const OlsFit plain = ols(kX, kY);
  const LinearModel none = ridge(kX, kY, 0);
  const LinearModel all = ridge(kX, kY, 1e14);
  for (int j = 0; j < 3; ++j) {
    EXPECT_NEAR(none.weights[j], plain.coefficients[j + 1], 1e-12);
    EXPECT_NEAR(all.weights[j], 0, 1e-11);
  }
  // One column: w = x'y / (x'x + penalty), also where the penalty dwarfs the data.
  for (double penalty : {1e-3, 1.0, 1e12}) {
    const LinearModel one = ridge(Matrix(3, 1, {1e-6, -2e-6, 3e-6}), Vector{1, 2, 4}, penalty, false);
    EXPECT_NEAR(one.weights[0] * (14e-12 + penalty) / 9e-6, 1, 1e-14);
  }
  // More features than rows is no problem with a penalty.
  EXPECT_EQ(ridge(random_matrix(4, 9, 2), Vector{1, 2, 3, 4}, 0.1).weights.size(), 9u);
  EXPECT_THROW(ridge(kX, kY, -1), Error);
  EXPECT_THROW(ridge(random_matrix(4, 9, 2), Vector{1, 2, 3, 4}, 0), Error);
}

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix c(a.rows, b.cols);
  for (int64_t i = 0; i < a.rows; ++i) {
    for (int64_t k = 0; k < a.cols; ++k) {
      for (int64_t j = 0; j < b.cols; ++j) c(i, j) += a(i, k) * b(k, j);
    }
  }
  return c;
}

Matrix transposed(const Matrix& a) {
  Matrix t(a.cols, a.rows);
  for (int64_t i = 0; i < a.rows; ++i) {
    for (int64_t j = 0; j < a.cols; ++j) t(j, i) = a(i, j);
  }
  return t;
}

void expect_equal(const Matrix& a, const Matrix& b, double tolerance) {
  ASSERT_EQ(a.rows, b.rows);
  ASSERT_EQ(a.cols, b.cols);
  for (size_t i = 0; i < a.values.size(); ++i) EXPECT_NEAR(a.values[i], b.values[i], tolerance);
}

Matrix eye(int64_t n) {
  Matrix i(n, n);
  for (int64_t k = 0; k < n; ++k) i(k, k) = 1;
  return i;
}

TEST(LinearAlgebraTest, FactorisationsRebuildTheMatrix) {
  for (const auto& [rows, cols] :
       std::vector<std::pair<int64_t, int64_t>>{{6, 4}, {4, 6}, {5, 5}, {1, 3}, {3, 1}}) {
    const Matrix a = random_matrix(rows, cols, 3);
    const Svd s = svd(a);
    Matrix scaled = s.vt;
    for (int64_t i = 0; i < scaled.rows; ++i) {
      for (int64_t j = 0; j < scaled.cols; ++j) scaled(i, j) *= s.singular[i];
      EXPECT_GE(s.singular[std::max<int64_t>(i - 1, 0)], s.singular[i]);
    }
    expect_equal(product(s.u, scaled), a, 1e-13);
    expect_equal(product(transposed(s.u), s.u), eye(s.u.cols), 1e-13);
    expect_equal(product(s.vt, transposed(s.vt)), eye(s.vt.rows), 1e-13);
    // Eigenvalues of A'A are the squared singular values.
    const SymmetricEigen eigen = symmetric_eigen(product(transposed(a), a));
    for (size_t k = 0; k < s.singular.size(); ++k)
      EXPECT_NEAR(eigen.values[k], s.singular[k] * s.singular[k], 1e-12);
    expect_equal(product(eigen.vectors, transposed(eigen.vectors)), eye(cols), 1e-13);
  }
}

TEST(LinearAlgebraTest, PositiveDefiniteSystems) {
  const Matrix root = random_matrix(7, 5, 4);
  const Matrix a = product(transposed(root), root);
  const Vector b = {1, -2, 3, 0, 5};
  const Vector x = solve_positive_definite(a, b);
  expect_equal(product(a, Matrix(5, 1, x)), Matrix(5, 1, b), 1e-11);
  expect_equal(product(a, invert_positive_definite(a)), eye(5), 1e-11);
  EXPECT_THROW(solve_positive_definite(Matrix(2, 2, {1, 2, 2, 1}), Vector{1, 1}), Error);
  EXPECT_THROW(invert_positive_definite(Matrix(2, 3)), Error);
}

TEST(LinearAlgebraTest, LeastSquaresOfDependentColumns) {
  Matrix a = random_matrix(8, 3, 5);
  for (int64_t i = 0; i < 8; ++i) a(i, 2) = a(i, 0) + a(i, 1);
  Vector b(8);
  for (int64_t i = 0; i < 8; ++i) b[i] = 2 * a(i, 0) - a(i, 1);
  const LeastSquares solution = least_squares(a, b);
  EXPECT_EQ(solution.rank, 2);
  EXPECT_TRUE(solution.normal_inverse.values.empty());
  // Equal columns of whole numbers, whose last pivot is rounding and not 0; the residual is that of one of
  // them.
  const Matrix twins(8, 3, {-1, 0, -1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 0, -1, 0, 0, 2, 0});
  const Matrix one(8, 2, {-1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0, -1, 0, 2});
  const Vector c = {1, -2, 0.3, 4, 5, -1.1, 0.7, 2};
  const LeastSquares both = least_squares(twins, c);
  EXPECT_EQ(both.rank, 2);
  expect_equal(product(twins, Matrix(3, 1, both.x)), product(one, Matrix(2, 1, least_squares(one, c).x)),
               1e-13);
  expect_equal(product(a, Matrix(3, 1, solution.x)), Matrix(8, 1, b), 1e-12);
}

}  // namespace
}  // namespace roux::stats
