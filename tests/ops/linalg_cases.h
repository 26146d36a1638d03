// What the entries of the linalg family share. Matrices are made well conditioned, with distinct eigenvalues
// and singular values, by what is added to their diagonals.
#ifndef ROUX_TESTS_OPS_LINALG_CASES_H_
#define ROUX_TESTS_OPS_LINALG_CASES_H_

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/linalg.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tests/ops/linalg_reference.h"
#include "tests/ops/suite.h"

namespace roux::testing {

using Results = std::vector<std::vector<Real>>;

// fn of the matrices of each batch element; its results have these shapes.
inline Refs each_matrix(const Refs& in, const std::vector<Shape>& shapes,
                        const std::function<Results(const std::vector<Matrix>&)>& fn) {
  Shape batch;
  for (const Ref& x : in) {
    batch = or_throw(broadcast_shapes(batch, Shape(absl::MakeConstSpan(x.shape.begin(), x.shape.rank() - 2))),
                     "reference");
  }
  Refs out;
  for (const Shape& shape : shapes) {
    Shape whole = batch;
    for (const int64_t size : shape) whole.push_back(size);
    out.emplace_back(whole);
  }
  int64_t number = 0;
  for_each_index(batch, [&](const Dims& at) {
    std::vector<Matrix> matrices;
    for (const Ref& x : in) {
      const int rank = x.shape.rank();
      Matrix m(x.shape[rank - 2], x.shape[rank - 1]);
      for (int64_t i = 0; i < m.rows; ++i) {
        for (int64_t j = 0; j < m.cols; ++j) {
          Dims index = at;
          index.push_back(i);
          index.push_back(j);
          m(i, j) = broadcast_at(x, index);
        }
      }
      matrices.push_back(m);
    }
    const Results results = fn(matrices);
    for (size_t r = 0; r < results.size(); ++r) {
      const int64_t size = static_cast<int64_t>(results[r].size());
      for (int64_t k = 0; k < size; ++k)
        out[r][number * size + k] = static_cast<double>(results[r][static_cast<size_t>(k)]);
    }
    ++number;
  });
  return out;
}

inline Tensor t(const Tensor& x) { return transpose(x, -2, -1); }
inline Tensor eye(int64_t m, int64_t n, Device device) { return tril(triu(ones({m, n}, kF64, device))); }
// What is added to a matrix: `scale` on the diagonal.
inline Tensor raised(const Tensor& x, double scale) {
  return x + eye(x.size(-2), x.size(-1), x.device()) * scale;
}
inline Matrix raised(Matrix x, Real scale) {
  for (int64_t i = 0; i < std::min(x.rows, x.cols); ++i) x(i, i) += scale;
  return x;
}
inline double dominant(const Tensor& x) { return 2.0 * static_cast<double>(x.size(-2) + x.size(-1)); }
inline Real dominant(const Matrix& x) { return 2 * static_cast<Real>(x.rows + x.cols); }
// A diagonal of steps of 6, so that no two eigenvalues or singular values are near, and vectors near the
// axes.
inline Tensor with_steps(const Tensor& x, bool descending) {
  const int64_t k = std::min(x.size(-2), x.size(-1));
  Tensor steps = eye(x.size(-2), x.size(-1), x.device());
  const Tensor line = arange(1, x.size(-1) + 1, 1, kF64, x.device()) * 6.0;
  return x + steps * (descending ? static_cast<double>(6 * (k + 1)) - line : line);
}
inline Matrix with_steps(Matrix x, bool descending) {
  const int64_t k = std::min(x.rows, x.cols);
  for (int64_t i = 0; i < k; ++i) x(i, i) += static_cast<Real>(6 * (descending ? k - i : i + 1));
  return x;
}
// -1 or 1 [..., 1, k]: the sign of the diagonal.
inline Tensor signs(const Tensor& x) {
  const Tensor diagonal = sum(x * eye(x.size(-2), x.size(-1), x.device()), -2, true).detach();
  return where(lt(diagonal, 0), full({}, -1, kF64, x.device()), full({}, 1, kF64, x.device()));
}

inline Tensor values(const std::vector<double>& v, const Shape& shape, Device d) {
  return tensor(v, shape, d);
}

inline const auto linalg = [](Suite& suite) { suite.dtypes(kF64).longest(33); };
using Call = std::function<void(const Tensor&)>;
inline const auto square_errors = [](const Call& call) {
  return [call](Suite& suite) {
    suite
        .error("a must be f64[..., rows, columns]: a is f32[2,2] (cast it)",
               [call](Device d) {
                 call(zeros({2, 2}, kF32, d));
               })
        .error("a must be f64[..., rows, columns]: a is f64[3]",
               [call](Device d) { call(zeros({3}, kF64, d)); })
        .error("a must be square: a is f64[2,3]", [call](Device d) {
          call(zeros({2, 3}, kF64, d));
        });
  };
};
inline const auto matrix_errors = [](const Call& call) {
  return [call](Suite& suite) {
    suite
        .error("a must be f64[..., rows, columns]: a is i64[2,2]",
               [call](Device d) {
                 call(zeros({2, 2}, kI64, d));
               })
        .error("needed at most 16000 rows or columns of the fewer",
               [call](Device d) {
                 call(expand(zeros({1, 1}, kF64, d), {16001, 16002}));
               })
        .value_error("matrix 1 of a has a value that is not finite: nan", [call](Device d) {
          call(values({1, 2, std::nan(""), 4}, {2, 1, 2}, d));
        });
  };
};

}  // namespace roux::testing

#endif  // ROUX_TESTS_OPS_LINALG_CASES_H_
