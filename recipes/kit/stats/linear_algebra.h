// Dense f64 systems: least squares by QR and positive definite systems by Cholesky, over LAPACK. Columns may
// have any units. Thread-safe. Shapes that do not fit and non-finite values throw roux::Error.
#ifndef ROUX_RECIPES_KIT_STATS_LINEAR_ALGEBRA_H_
#define ROUX_RECIPES_KIT_STATS_LINEAR_ALGEBRA_H_

#include <cstdint>
#include <span>
#include <vector>

#include "recipes/kit/stats/matrix.h"

namespace roux::stats {

struct LeastSquares {
  std::vector<double> x;  // argmin |A x - b|; of several minima one with zeros for the dependent columns
  int64_t rank = 0;
  Matrix normal_inverse;  // (A'A)^-1 [cols, cols] if rank == cols, else empty
};

// By QR with column pivoting, so that A'A is never formed. a: [rows, cols]; b: [rows].
LeastSquares least_squares(const Matrix& a, std::span<const double> b);

// x with A x = b for symmetric positive definite A [n, n] (only the lower triangle is read), by Cholesky.
// Throws if A is not positive definite.
std::vector<double> solve_positive_definite(const Matrix& a, std::span<const double> b);

// A^-1 for symmetric positive definite A. Throws as above.
Matrix invert_positive_definite(const Matrix& a);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_LINEAR_ALGEBRA_H_
