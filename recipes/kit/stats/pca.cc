#include "recipes/kit/stats/pca.h"

#include <algorithm>
#include <cmath>

#include "recipes/kit/stats/check.h"
#include "recipes/kit/stats/decomposition.h"
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

// Lower triangle of CC' [rows, rows].
Matrix gram(const Matrix& c) {
  Matrix g(c.rows, c.rows);
  for (int64_t a = 0; a < c.rows; ++a) {
    for (int64_t b = 0; b <= a; ++b) {
      for (int64_t j = 0; j < c.cols; ++j) g(a, b) += c(a, j) * c(b, j);
    }
  }
  return g;
}

// Unit length, and the entry of largest size positive: eigenvectors have no sign of their own.
void normalise(std::span<double> component) {
  double squares = 0;
  double largest = 0;
  for (double v : component) {
    squares += v * v;
    if (std::abs(v) > std::abs(largest)) largest = v;
  }
  const double scale = (largest < 0 ? -1 : 1) / (squares > 0 ? std::sqrt(squares) : 1);
  for (double& v : component) v *= scale;
}

}  // namespace

Pca pca(const Matrix& x, int64_t components) {
  check_sample(x.values, 1, "pca");
  ROUX_CHECK(components >= 1 && components <= std::min(x.rows - 1, x.cols))
      << "pca: components are " << components << ", needed 1.." << std::min(x.rows - 1, x.cols)
      << " for x f64[" << x.rows << "," << x.cols << "]";
  Pca result{.mean = std::vector<double>(x.cols, 0.0), .components = Matrix(components, x.cols)};
  for (int64_t i = 0; i < x.rows; ++i) {
    for (int64_t j = 0; j < x.cols; ++j) result.mean[j] += x(i, j) / static_cast<double>(x.rows);
  }
  const Matrix c = centred(x, result.mean);
  const bool wide = x.rows < x.cols;
  const SymmetricEigen eigen = symmetric_eigen(wide ? gram(c) : covariance_sums(c));
  double total = 0;
  for (double v : c.values) total += v * v;
  for (int64_t k = 0; k < components; ++k) {
    const std::span<double> component = result.components.row(k);
    if (wide) {
      for (int64_t i = 0; i < x.rows; ++i) {
        for (int64_t j = 0; j < x.cols; ++j) component[j] += eigen.vectors(k, i) * c(i, j);
      }
    } else {
      std::copy_n(eigen.vectors.row(k).begin(), x.cols, component.begin());
    }
    normalise(component);
    const double sum = std::max(0.0, eigen.values[k]);
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
