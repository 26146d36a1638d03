// Principal component analysis in f64, by singular values, or by the eigenvectors of the covariance where
// rows are at least ten times the columns. Thread-safe; bad input throws roux::Error.
#ifndef ROUX_RECIPES_KIT_STATS_PCA_H_
#define ROUX_RECIPES_KIT_STATS_PCA_H_

#include <cstdint>
#include <vector>

#include "recipes/kit/stats/matrix.h"

namespace roux::stats {

struct Pca {
  std::vector<double> mean;  // [features]
  Matrix components;         // [k, features], orthonormal rows; the largest entry of each is positive
  std::vector<double> explained_variance;  // [k], divided by rows - 1, descending
  std::vector<double> explained_ratio;     // of the total variance; 0 where there is none
};

// x: [rows, features], rows >= 2; 1 <= components <= min(rows - 1, features).
Pca pca(const Matrix& x, int64_t components);

// Coordinates of rows in the components: [rows, k]; and back: [rows, features].
Matrix pca_transform(const Pca& pca, const Matrix& x);
Matrix pca_inverse_transform(const Pca& pca, const Matrix& coordinates);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_PCA_H_
