// Eigenvalues and singular values of dense f64 matrices, over LAPACK. Thread-safe.
// Matrices that are empty or not finite throw roux::Error.
#ifndef ROUX_RECIPES_KIT_STATS_DECOMPOSITION_H_
#define ROUX_RECIPES_KIT_STATS_DECOMPOSITION_H_

#include <vector>

#include "recipes/kit/stats/matrix.h"

namespace roux::stats {

struct SymmetricEigen {
  std::vector<double> values;  // descending
  Matrix vectors;              // row k is the unit eigenvector of values[k]
};

// Of a symmetric matrix (only the lower triangle is read).
SymmetricEigen symmetric_eigen(const Matrix& a);

struct Svd {
  Matrix u;                      // [rows, k] with k = min(rows, cols)
  std::vector<double> singular;  // [k], descending
  Matrix vt;                     // [k, cols]
};

// Thin singular value decomposition A = U diag(singular) V'.
Svd svd(const Matrix& a);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_DECOMPOSITION_H_
