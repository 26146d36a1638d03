// Textbook algorithms on small matrices, in long double: what the linalg family is compared with.
#ifndef ROUX_TESTS_OPS_LINALG_REFERENCE_H_
#define ROUX_TESTS_OPS_LINALG_REFERENCE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace roux::testing {

using Real = long double;
struct Matrix {
  int64_t rows, cols;
  std::vector<Real> v;
  Matrix(int64_t m, int64_t n) : rows(m), cols(n), v(static_cast<size_t>(m * n)) {}
  Real& operator()(int64_t i, int64_t j) { return v[static_cast<size_t>(i * cols + j)]; }
  Real operator()(int64_t i, int64_t j) const { return v[static_cast<size_t>(i * cols + j)]; }
};
inline Matrix identity(int64_t m, int64_t n) {
  Matrix x(m, n);
  for (int64_t i = 0; i < std::min(m, n); ++i) x(i, i) = 1;
  return x;
}
inline Matrix product(const Matrix& a, const Matrix& b) {
  Matrix c(a.rows, b.cols);
  for (int64_t i = 0; i < a.rows; ++i) {
    for (int64_t k = 0; k < a.cols; ++k) {
      for (int64_t j = 0; j < b.cols; ++j) c(i, j) += a(i, k) * b(k, j);
    }
  }
  return c;
}
inline Matrix flipped(const Matrix& a) {
  Matrix c(a.cols, a.rows);
  for (int64_t i = 0; i < a.rows; ++i) {
    for (int64_t j = 0; j < a.cols; ++j) c(j, i) = a(i, j);
  }
  return c;
}
// Elimination with partial pivoting; the determinant too.
inline Matrix eliminated(Matrix a, Matrix b, Real* determinant = nullptr) {
  Real det = 1;
  for (int64_t k = 0; k < a.rows; ++k) {
    int64_t pivot = k;
    for (int64_t i = k + 1; i < a.rows; ++i) {
      if (std::abs(a(i, k)) > std::abs(a(pivot, k))) pivot = i;
    }
    for (int64_t j = 0; j < a.cols; ++j) std::swap(a(k, j), a(pivot, j));
    for (int64_t j = 0; j < b.cols; ++j) std::swap(b(k, j), b(pivot, j));
    det *= pivot == k ? a(k, k) : -a(k, k);
    for (int64_t i = 0; i < a.rows; ++i) {
      const Real f = i == k ? 0 : a(i, k) / a(k, k);
      for (int64_t j = 0; j < a.cols; ++j) a(i, j) -= f * a(k, j);
      for (int64_t j = 0; j < b.cols; ++j) b(i, j) -= f * b(k, j);
    }
  }
  for (int64_t i = 0; i < b.rows; ++i) {
    for (int64_t j = 0; j < b.cols; ++j) b(i, j) /= a(i, i);
  }
  if (determinant) *determinant = det;
  return b;
}
// a+ of a matrix of full rank, by the normal equations.
inline Matrix pseudoinverse(const Matrix& a) {
  const Matrix at = flipped(a);
  if (a.rows >= a.cols) return eliminated(product(at, a), at);
  return flipped(eliminated(product(a, at), a));
}
// Eigenvalues (ascending) and vectors (columns, with a positive diagonal), by Jacobi's rotations.
inline std::pair<std::vector<Real>, Matrix> jacobi(Matrix a) {
  const int64_t n = a.rows;
  Matrix v = identity(n, n);
  for (int sweep = 0; sweep < 40; ++sweep) {
    for (int64_t p = 0; p < n; ++p) {
      for (int64_t q = p + 1; q < n; ++q) {
        if (a(p, q) == 0) continue;
        const Real angle = std::atan2(2 * a(p, q), a(q, q) - a(p, p)) / 2, c = std::cos(angle),
                   s = std::sin(angle);
        const auto turn = [&](Real& x, Real& y) {
          const Real old = x;
          x = c * old - s * y;
          y = s * old + c * y;
        };
        for (int64_t k = 0; k < n; ++k) turn(a(k, p), a(k, q));
        for (int64_t k = 0; k < n; ++k) turn(a(p, k), a(q, k));
        for (int64_t k = 0; k < n; ++k) turn(v(k, p), v(k, q));
      }
    }
  }
  std::vector<int64_t> order(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) order[static_cast<size_t>(i)] = i;
  std::sort(order.begin(), order.end(), [&](int64_t i, int64_t j) { return a(i, i) < a(j, j); });
  std::pair<std::vector<Real>, Matrix> result{{}, Matrix(n, n)};
  for (int64_t j = 0; j < n; ++j) {
    const int64_t from = order[static_cast<size_t>(j)];
    result.first.push_back(a(from, from));
    for (int64_t i = 0; i < n; ++i) result.second(i, j) = v(i, from) * (v(j, from) < 0 ? -1 : 1);
  }
  return result;
}

}  // namespace roux::testing

#endif  // ROUX_TESTS_OPS_LINALG_REFERENCE_H_
