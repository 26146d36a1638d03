#include "recipes/kit/stats/linear_algebra.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "recipes/kit/stats/check.h"
#include "tensor/error.h"
#include "tensor/lapack.h"

namespace roux::stats {
namespace {

void check_matrix(const Matrix& a, const char* name) {
  constexpr int64_t kLargest = std::numeric_limits<int>::max();
  ROUX_CHECK(a.rows >= 1 && a.cols >= 1 && a.rows <= kLargest && a.cols <= kLargest)
      << name << ": a is f64[" << a.rows << "," << a.cols << "], needed 1 to " << kLargest
      << " rows and columns";
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

// Powers of two that bring the largest entry of each column near 1, so that the rank does not depend on the
// columns' units; multiplying by them is exact.
std::vector<double> column_scales(const Matrix& a) {
  std::vector<double> largest(a.cols, 0.0);
  for (int64_t i = 0; i < a.rows; ++i) {
    for (int64_t j = 0; j < a.cols; ++j) largest[j] = std::max(largest[j], std::abs(a(i, j)));
  }
  for (double& v : largest) v = v > 0 ? std::ldexp(1.0, -std::clamp(std::ilogb(v), -1000, 1000)) : 1.0;
  return largest;
}

// A QR decomposition with column pivoting of a matrix with scaled columns.
class PivotedQr {
 public:
  PivotedQr(const Matrix& a, const std::vector<double>& scales)
      : m_(static_cast<int>(a.rows)),
        n_(static_cast<int>(a.cols)),
        qr_(a.values.size()),
        pivots_(a.cols, 0),
        tau_(std::min(a.rows, a.cols)) {
    for (int64_t j = 0; j < a.cols; ++j) {
      for (int64_t i = 0; i < a.rows; ++i) qr_[j * a.rows + i] = a(i, j) * scales[j];
    }
    int info = 0;
    lapack::with_work([&](double* work, const int* size) {
      lapack::dgeqp3(&m_, &n_, qr_.data(), &m_, pivots_.data(), tau_.data(), work, size, &info);
    });
    ROUX_INVARIANT(info == 0);
    const double least = std::numeric_limits<double>::epsilon() * std::max(m_, n_) * std::abs(r(0, 0));
    while (rank_ < static_cast<int64_t>(tau_.size()) && std::abs(r(rank_, rank_)) > least) ++rank_;
  }

  int64_t rank() const { return rank_; }
  int64_t column(int64_t k) const { return pivots_[k] - 1; }  // of A, which the k-th column of R belongs to
  double r(int64_t i, int64_t j) const { return qr_[j * m_ + i]; }

  // Q' b
  std::vector<double> project(std::span<const double> b) const {
    std::vector<double> c(b.begin(), b.end());
    const int k = static_cast<int>(tau_.size());
    const int columns = 1;
    const int size = 64;  // one column needs little work space
    std::vector<double> work(size);
    int info = 0;
    lapack::dormqr("L", "T", &m_, &columns, &k, qr_.data(), &m_, tau_.data(), c.data(), &m_, work.data(),
                   &size, &info, 1, 1);
    ROUX_INVARIANT(info == 0);
    return c;
  }

  // (R'R)^-1 of a full-rank R: the upper triangle of [cols, cols], column-major.
  std::vector<double> inverse_square() const {
    std::vector<double> inverse(static_cast<size_t>(n_) * n_);
    for (int64_t j = 0; j < n_; ++j) {
      for (int64_t i = 0; i <= j; ++i) inverse[j * n_ + i] = r(i, j);
    }
    int info = 0;
    lapack::dpotri("U", &n_, inverse.data(), &n_, &info, 1);
    ROUX_INVARIANT(info == 0);
    return inverse;
  }

 private:
  int m_, n_;
  std::vector<double> qr_;
  std::vector<int> pivots_;
  std::vector<double> tau_;
  int64_t rank_ = 0;
};

// The Cholesky factor of `a`; row-major lower is column-major upper, so nothing is transposed.
std::vector<double> cholesky(const Matrix& a, const char* name) {
  std::vector<double> factor = a.values;
  const int n = static_cast<int>(a.rows);
  int info = 0;
  lapack::dpotrf("U", &n, factor.data(), &n, &info, 1);
  ROUX_CHECK(info == 0) << name << ": the matrix is not positive definite: its leading " << info << " x "
                        << info << " part is not";
  return factor;
}

}  // namespace

LeastSquares least_squares(const Matrix& a, std::span<const double> b) {
  check_right_side(a, b, "least_squares");
  const std::vector<double> scales = column_scales(a);
  const PivotedQr qr(a, scales);
  LeastSquares result{.x = std::vector<double>(a.cols, 0.0), .rank = qr.rank()};
  std::vector<double> y = qr.project(b);
  for (int64_t i = qr.rank() - 1; i >= 0; --i) {  // R y = Q' b over the independent columns
    for (int64_t j = i + 1; j < qr.rank(); ++j) y[i] -= qr.r(i, j) * y[j];
    y[i] /= qr.r(i, i);
    result.x[qr.column(i)] = y[i] * scales[qr.column(i)];
  }
  if (result.rank < a.cols) return result;
  const std::vector<double> inverse = qr.inverse_square();
  result.normal_inverse = Matrix(a.cols, a.cols);
  for (int64_t i = 0; i < a.cols; ++i) {
    for (int64_t j = 0; j < a.cols; ++j) {
      const double entry = inverse[std::max(i, j) * a.cols + std::min(i, j)];
      result.normal_inverse(qr.column(i), qr.column(j)) = entry * scales[qr.column(i)] * scales[qr.column(j)];
    }
  }
  return result;
}

std::vector<double> solve_positive_definite(const Matrix& a, std::span<const double> b) {
  check_square(a, "solve_positive_definite");
  check_right_side(a, b, "solve_positive_definite");
  const std::vector<double> factor = cholesky(a, "solve_positive_definite");
  std::vector<double> x(b.begin(), b.end());
  const int n = static_cast<int>(a.rows);
  const int columns = 1;
  int info = 0;
  lapack::dpotrs("U", &n, &columns, factor.data(), &n, x.data(), &n, &info, 1);
  ROUX_INVARIANT(info == 0);
  return x;
}

Matrix invert_positive_definite(const Matrix& a) {
  check_square(a, "invert_positive_definite");
  Matrix inverse(a.rows, a.cols, cholesky(a, "invert_positive_definite"));
  const int n = static_cast<int>(a.rows);
  int info = 0;
  lapack::dpotri("U", &n, inverse.values.data(), &n, &info, 1);
  ROUX_INVARIANT(info == 0);
  for (int64_t i = 0; i < a.rows; ++i) {
    for (int64_t j = i + 1; j < a.cols; ++j) inverse(i, j) = inverse(j, i);
  }
  return inverse;
}

}  // namespace roux::stats
