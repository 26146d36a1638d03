#include "recipes/kit/stats/linear_algebra.h"

#include <Eigen/Cholesky>
#include <Eigen/QR>

#include "recipes/kit/stats/check.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Map<const RowMajor> view(const Matrix& a) { return {a.values.data(), a.rows, a.cols}; }

Eigen::Map<const Eigen::VectorXd> view(std::span<const double> b) {
  return {b.data(), static_cast<Eigen::Index>(b.size())};
}

Matrix copy(const Eigen::Ref<const Eigen::MatrixXd>& a) {
  Matrix result(a.rows(), a.cols());
  Eigen::Map<RowMajor>(result.values.data(), a.rows(), a.cols()) = a;
  return result;
}

std::vector<double> copy_vector(const Eigen::VectorXd& x) { return {x.data(), x.data() + x.size()}; }

void check_matrix(const Matrix& a, const char* name) {
  ROUX_CHECK(a.rows >= 1 && a.cols >= 1)
      << name << ": a is f64[" << a.rows << "," << a.cols << "], needed at least one row and column";
  check_sample(a.values, a.rows * a.cols, name);
}

void check_right_side(const Matrix& a, std::span<const double> b, const char* name) {
  check_matrix(a, name);
  ROUX_CHECK(static_cast<int64_t>(b.size()) == a.rows) << name << ": rows differ: a is f64[" << a.rows << ","
                                                       << a.cols << "], b has " << b.size() << " values";
  check_sample(b, 1, name);
}

void check_square(const Matrix& a, const char* name) {
  check_matrix(a, name);
  ROUX_CHECK(a.rows == a.cols) << name << ": a is f64[" << a.rows << "," << a.cols
                               << "], needed a square matrix";
}

Eigen::LLT<Eigen::MatrixXd> cholesky(const Matrix& a, const char* name) {
  Eigen::LLT<Eigen::MatrixXd> factor{Eigen::MatrixXd(view(a))};
  ROUX_CHECK(factor.info() == Eigen::Success) << name << ": the matrix is not positive definite";
  return factor;
}

}  // namespace

LeastSquares least_squares(const Matrix& a, std::span<const double> b) {
  check_right_side(a, b, "least_squares");
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr{Eigen::MatrixXd(view(a))};
  LeastSquares result;
  result.x = copy_vector(qr.solve(view(b)));
  result.rank = qr.rank();
  if (result.rank < a.cols) return result;
  // (A'A)^-1 = P R^-1 R^-T P'
  const Eigen::MatrixXd r_inverse = qr.matrixR().topRows(a.cols).triangularView<Eigen::Upper>().solve(
      Eigen::MatrixXd::Identity(a.cols, a.cols));
  const Eigen::MatrixXd permuted = qr.colsPermutation() * r_inverse;
  result.normal_inverse = copy(permuted * permuted.transpose());
  return result;
}

std::vector<double> solve_positive_definite(const Matrix& a, std::span<const double> b) {
  check_square(a, "solve_positive_definite");
  check_right_side(a, b, "solve_positive_definite");
  return copy_vector(cholesky(a, "solve_positive_definite").solve(view(b)));
}

Matrix invert_positive_definite(const Matrix& a) {
  check_square(a, "invert_positive_definite");
  return copy(cholesky(a, "invert_positive_definite").solve(Eigen::MatrixXd::Identity(a.rows, a.rows)));
}

}  // namespace roux::stats
