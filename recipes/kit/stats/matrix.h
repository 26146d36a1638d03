// A dense row-major f64 matrix: how tables enter the statistics. Light on purpose.
#ifndef ROUX_RECIPES_KIT_STATS_MATRIX_H_
#define ROUX_RECIPES_KIT_STATS_MATRIX_H_

#include <cstdint>
#include <span>
#include <vector>

namespace roux::stats {

struct Matrix {
  Matrix() = default;
  Matrix(int64_t rows, int64_t cols);  // zeros
  // `values` row by row; throws roux::Error unless they are rows * cols.
  Matrix(int64_t rows, int64_t cols, std::vector<double> values);

  double& operator()(int64_t i, int64_t j) { return values[i * cols + j]; }
  double operator()(int64_t i, int64_t j) const { return values[i * cols + j]; }
  std::span<const double> row(int64_t i) const {
    return {values.data() + i * cols, static_cast<size_t>(cols)};
  }
  std::span<double> row(int64_t i) { return {values.data() + i * cols, static_cast<size_t>(cols)}; }

  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<double> values;
};

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_MATRIX_H_
