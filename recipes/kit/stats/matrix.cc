#include "recipes/kit/stats/matrix.h"

#include "tensor/error.h"

namespace roux::stats {

Matrix::Matrix(int64_t rows, int64_t cols) : rows(rows), cols(cols) {
  ROUX_CHECK(rows >= 0 && cols >= 0) << "Matrix: size is [" << rows << "," << cols << "], needed both >= 0";
  values.resize(rows * cols);
}

Matrix::Matrix(int64_t rows, int64_t cols, std::vector<double> entries)
    : rows(rows), cols(cols), values(std::move(entries)) {
  ROUX_CHECK(rows >= 0 && cols >= 0 && static_cast<int64_t>(values.size()) == rows * cols)
      << "Matrix: size is [" << rows << "," << cols << "], but there are " << values.size() << " values";
}

}  // namespace roux::stats
