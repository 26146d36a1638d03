#include "recipes/kit/stats/pca.h"

#include <algorithm>
#include <cmath>

#include "recipes/kit/stats/check.h"
#include "recipes/kit/stats/decomposition.h"
#include "recipes/kit/stats/moments.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

Matrix centred(const Matrix& x, const std::vector<double>& mean) {
  Matrix c = x;
  for (int64_t i = 0; i < x.rows; ++i) {
    for (int64_t j = 0; j < x.cols; ++j) c(i, j) -= mean[j];
  }
  return c;
}

// Lower triangle of C'C [cols, cols].
Matrix covariance_sums(const Matrix& c) {
  Matrix sums(c.cols, c.cols);
  for (int64_t i = 0; i < c.rows; ++i) {
    for (int64_t a = 0; a < c.cols; ++a) {
      for (int64_t b = 0; b <= a; ++b) sums(a, b) += c(i, a) * c(i, b);
    }
  }
  return sums;
}

// The entry of largest size positive: directions have no sign of their own.
void fix_sign(std::span<double> component) {
  double largest = 0;
  for (double v : component) {
    if (std::abs(v) > std::abs(largest)) largest = v;
  }
  if (largest >= 0) return;
  for (double& v : component) v = -v;
}

struct Directions {
  std::vector<double> sums;  // of squares along each direction, descending
  Matrix vectors;            // unit rows
};

// Singular vectors keep the digits of the small components. Many rows are cheaper by the covariance, which
// squares the numbers: components below about 1e-8 of the largest deviation are noise then. scikit-learn
// divides the cases in the same way.
Directions directions(const Matrix& c) {
  if (c.rows >= 10 * c.cols) {
    SymmetricEigen eigen = symmetric_eigen(covariance_sums(c));
    return {std::move(eigen.values), std::move(eigen.vectors)};
  }
  Svd decomposition = svd(c);
  for (double& s : decomposition.singular) s *= s;
  return {std::move(decomposition.singular), std::move(decomposition.vt)};
}

}  // namespace

Pca pca(const Matrix& x, int64_t components) {
  check_sample(x.values, 1, "pca");
  ROUX_CHECK(x.rows >= 2) << "pca: x is f64[" << x.rows << "," << x.cols << "], needed at least 2 rows";
  ROUX_CHECK(components >= 1 && components <= std::min(x.rows - 1, x.cols))
      << "pca: components are " << components << ", needed 1.." << std::min(x.rows - 1, x.cols)
      << " for x f64[" << x.rows << "," << x.cols << "]";
  Pca result{.mean = std::vector<double>(x.cols, 0.0), .components = Matrix(components, x.cols)};
  std::vector<double> column(x.rows);
  for (int64_t j = 0; j < x.cols; ++j) {
    for (int64_t i = 0; i < x.rows; ++i) column[i] = x(i, j);
    result.mean[j] = mean_of(column);
  }
  const Matrix c = centred(x, result.mean);
  double total = 0;
  for (double v : c.values) total += v * v;
  ROUX_CHECK(std::isfinite(total)) << "pca: the total variance overflows; needed smaller values";
  const Directions found = directions(c);
  for (int64_t k = 0; k < components; ++k) {
    const std::span<double> component = result.components.row(k);
    std::copy_n(found.vectors.row(k).begin(), x.cols, component.begin());
    fix_sign(component);
    const double sum = std::max(0.0, found.sums[k]);
    result.explained_variance.push_back(sum / static_cast<double>(x.rows - 1));
    result.explained_ratio.push_back(total > 0 ? sum / total : 0);
  }
  return result;
}

Matrix pca_transform(const Pca& pca, const Matrix& x) {
  ROUX_CHECK(x.cols == pca.components.cols)
      << "pca_transform: features differ: the components have " << pca.components.cols << ", x is f64["
      << x.rows << "," << x.cols << "]";
  Matrix coordinates(x.rows, pca.components.rows);
  for (int64_t i = 0; i < x.rows; ++i) {
    for (int64_t k = 0; k < pca.components.rows; ++k) {
      for (int64_t j = 0; j < x.cols; ++j)
        coordinates(i, k) += (x(i, j) - pca.mean[j]) * pca.components(k, j);
    }
  }
  return coordinates;
}

Matrix pca_inverse_transform(const Pca& pca, const Matrix& coordinates) {
  ROUX_CHECK(coordinates.cols == pca.components.rows)
      << "pca_inverse_transform: there are " << pca.components.rows << " components, coordinates are f64["
      << coordinates.rows << "," << coordinates.cols << "]";
  Matrix x(coordinates.rows, pca.components.cols);
  for (int64_t i = 0; i < x.rows; ++i) {
    for (int64_t j = 0; j < x.cols; ++j) x(i, j) = pca.mean[j];
    for (int64_t k = 0; k < coordinates.cols; ++k) {
      for (int64_t j = 0; j < x.cols; ++j) x(i, j) += coordinates(i, k) * pca.components(k, j);
    }
  }
  return x;
}

}  // namespace roux::stats
