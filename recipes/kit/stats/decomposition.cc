#include "recipes/kit/stats/decomposition.h"

#include <algorithm>
#include <limits>

#include "recipes/kit/stats/check.h"
#include "tensor/error.h"
#include "tensor/lapack.h"

namespace roux::stats {
namespace {

void check_matrix(const Matrix& a, const char* name) {
  // Work spaces are counted in 32 bits too, and grow with the square of the smaller side.
  constexpr int64_t kLargest = std::numeric_limits<int>::max();
  const int64_t smaller = std::min(a.rows, a.cols);
  ROUX_CHECK(a.rows >= 1 && a.cols >= 1 && a.rows <= kLargest && a.cols <= kLargest && smaller <= 16000)
      << name << ": a is f64[" << a.rows << "," << a.cols
      << "], needed at least one row and column, and at most 16000 of the fewer";
  check_sample(a.values, a.rows * a.cols, name);
}

}  // namespace

SymmetricEigen symmetric_eigen(const Matrix& a) {
  check_matrix(a, "symmetric_eigen");
  ROUX_CHECK(a.rows == a.cols) << "symmetric_eigen: a is f64[" << a.rows << "," << a.cols
                               << "], needed a square matrix";
  SymmetricEigen result{.values = std::vector<double>(a.rows), .vectors = a};
  double* vectors = result.vectors.values.data();
  const int n = static_cast<int>(a.rows);
  const int int_size = 3 + 5 * n;
  int info = 0;
  std::vector<int> int_work(int_size);
  // Row-major lower is column-major upper; eigenvector k comes back as column k, which is row k to us.
  lapack::with_work([&](double* work, const int* size) {
    lapack::dsyevd("V", "U", &n, vectors, &n, result.values.data(), work, size, int_work.data(), &int_size,
                   &info, 1, 1);
  });
  ROUX_CHECK(info == 0) << "symmetric_eigen: the iteration did not converge";
  std::reverse(result.values.begin(), result.values.end());
  for (int64_t i = 0; i < a.rows / 2; ++i)
    std::swap_ranges(vectors + i * a.cols, vectors + (i + 1) * a.cols, vectors + (a.rows - 1 - i) * a.cols);
  return result;
}

Svd svd(const Matrix& a) {
  check_matrix(a, "svd");
  // To LAPACK the row-major A [rows, cols] is A' [cols, rows] = V diag U', and its column-major factors are
  // the row-major V' and U that are wanted here.
  const int64_t k = std::min(a.rows, a.cols);
  Svd result{.u = Matrix(a.rows, k), .singular = std::vector<double>(k), .vt = Matrix(k, a.cols)};
  const int m = static_cast<int>(a.cols);
  const int n = static_cast<int>(a.rows);
  const int least = static_cast<int>(k);
  std::vector<double> copy = a.values;
  std::vector<int> int_work(8 * k);
  int info = 0;
  lapack::with_work([&](double* work, const int* size) {
    lapack::dgesdd("S", &m, &n, copy.data(), &m, result.singular.data(), result.vt.values.data(), &m,
                   result.u.values.data(), &least, work, size, int_work.data(), &info, 1);
  });
  ROUX_CHECK(info == 0) << "svd: the iteration did not converge";
  return result;
}

}  // namespace roux::stats
