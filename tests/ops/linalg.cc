// Op-suite entries of the linalg family. Matrices are made well conditioned, with distinct eigenvalues and
// singular values, by what is added to their diagonals.
#include "tensor/ops/linalg.h"

#include <algorithm>

#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tests/ops/linalg_reference.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

using Results = std::vector<std::vector<Real>>;

// fn of the matrices of each batch element; its results have these shapes.
Refs each_matrix(const Refs& in, const std::vector<Shape>& shapes,
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

Tensor t(const Tensor& x) { return transpose(x, -2, -1); }
Tensor eye(int64_t m, int64_t n, Device device) { return tril(triu(ones({m, n}, kF64, device))); }
// What is added to a matrix: `scale` on the diagonal.
Tensor raised(const Tensor& x, double scale) { return x + eye(x.size(-2), x.size(-1), x.device()) * scale; }
Matrix raised(Matrix x, Real scale) {
  for (int64_t i = 0; i < std::min(x.rows, x.cols); ++i) x(i, i) += scale;
  return x;
}
double dominant(const Tensor& x) { return 2.0 * static_cast<double>(x.size(-2) + x.size(-1)); }
Real dominant(const Matrix& x) { return 2 * static_cast<Real>(x.rows + x.cols); }
// A diagonal of steps of 6, so that no two eigenvalues or singular values are near, and vectors near the
// axes.
Tensor with_steps(const Tensor& x, bool descending) {
  const int64_t k = std::min(x.size(-2), x.size(-1));
  Tensor steps = eye(x.size(-2), x.size(-1), x.device());
  const Tensor line = arange(1, x.size(-1) + 1, 1, kF64, x.device()) * 6.0;
  return x + steps * (descending ? static_cast<double>(6 * (k + 1)) - line : line);
}
Matrix with_steps(Matrix x, bool descending) {
  const int64_t k = std::min(x.rows, x.cols);
  for (int64_t i = 0; i < k; ++i) x(i, i) += static_cast<Real>(6 * (descending ? k - i : i + 1));
  return x;
}
// -1 or 1 [..., 1, k]: the sign of the diagonal.
Tensor signs(const Tensor& x) {
  const Tensor diagonal = sum(x * eye(x.size(-2), x.size(-1), x.device()), -2, true).detach();
  return where(lt(diagonal, 0), full({}, -1, kF64, x.device()), full({}, 1, kF64, x.device()));
}

Tensor values(const std::vector<double>& v, const Shape& shape, Device d) { return tensor(v, shape, d); }

const auto linalg = [](Suite& suite) { suite.dtypes(kF64).longest(33); };
using Call = std::function<void(const Tensor&)>;
const auto square_errors = [](const Call& call) {
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
const auto matrix_errors = [](const Call& call) {
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

OP_SUITE(cholesky)
    .with(linalg)
    .call([](const Tensors& in) { return Tensors{cholesky(raised(matmul(in[0], t(in[0])), 1))}; })
    .reference([](const Refs& in) {
      const int64_t n = in[0].shape.back();
      return each_matrix(in, {{n, n}}, [n](const std::vector<Matrix>& m) {
        const Matrix a = raised(product(m[0], flipped(m[0])), 1);
        Matrix l(n, n);
        for (int64_t i = 0; i < n; ++i) {
          for (int64_t j = 0; j <= i; ++j) {
            Real s = a(i, j);
            for (int64_t k = 0; k < j; ++k) s -= l(i, k) * l(j, k);
            l(i, j) = i == j ? std::sqrt(s) : s / l(j, j);
          }
        }
        return Results{l.v};
      });
    })
    .sample({{2, 3, 3}})
    .sample({{1, 1}})
    .sample({{2, 0, 0}})
    .sample({{31, 2, 2}})
    .with(square_errors([](const Tensor& a) { cholesky(a); }))
    .value_error("matrix 0 of a has a value that is not finite: nan",
                 [](Device d) {
                   cholesky(values({std::nan(""), 0, 0, 1}, {2, 2}, d));
                 })
    .value_error("matrix 1 is not positive definite: its leading minor of order 2 is not positive",
                 [](Device d) {
                   cholesky(values({1, 0, 0, 1, 1, 2, 2, 1}, {2, 2, 2}, d));
                 });

OP_SUITE(solve)
    .with(linalg)
    .call([](const Tensors& in) { return Tensors{solve(raised(in[0], dominant(in[0])), in[1])}; })
    .reference([](const Refs& in) {
      const int64_t n = in[0].shape.back(), k = in[1].shape.back();
      return each_matrix(in, {{n, k}}, [](const std::vector<Matrix>& m) {
        return Results{eliminated(raised(m[0], dominant(m[0])), m[1]).v};
      });
    })
    .sample({{2, 3, 3}, {2, 3, 4}})
    .sample({{3, 3}, {5, 3, 1}})
    .sample({{4, 1, 2, 2}, {3, 2, 5}})
    .sample({{0, 0}, {0, 2}})
    .sample({{1, 1}, {1, 0}})
    .with(square_errors([](const Tensor& a) { solve(a, a); }))
    .error("a and b need as many rows and leading axes that broadcast: a is f64[2,2], b is f64[3,1]",
           [](Device d) {
             solve(zeros({2, 2}, kF64, d), zeros({3, 1}, kF64, d));
           })
    .error("a is f64[2,1,1], b is f64[3,1,1]",
           [](Device d) {
             solve(zeros({2, 1, 1}, kF64, d), zeros({3, 1, 1}, kF64, d));
           })
    .error("b must be f64[..., rows, columns]: b is f64[2]",
           [](Device d) {
             solve(zeros({2, 2}, kF64, d), zeros({2}, kF64, d));
           })
    .value_error("matrix 0 of b has a value that is not finite: inf",
                 [](Device d) {
                   solve(values({1}, {1, 1}, d), values({INFINITY}, {1, 1}, d));
                 })
    .value_error("matrix 1 is singular: pivot 2 of 2 is 0", [](Device d) {
      solve(values({1, 0, 0, 1, 1, 2, 2, 4}, {2, 2, 2}, d), zeros({2, 1}, kF64, d));
    });

const auto triangular = [](bool upper) {
  return [upper](Suite& suite) {
    suite.with(linalg)
        .call([upper](const Tensors& in) {
          return Tensors{solve_triangular(raised(in[0], dominant(in[0])), in[1], upper)};
        })
        .reference([upper](const Refs& in) {
          const int64_t n = in[0].shape.back(), k = in[1].shape.back();
          return each_matrix(in, {{n, k}}, [upper](const std::vector<Matrix>& m) {
            Matrix a = raised(m[0], dominant(m[0]));
            for (int64_t i = 0; i < a.rows; ++i) {
              for (int64_t j = 0; j < a.cols; ++j) {
                if (upper ? j < i : j > i) a(i, j) = 0;
              }
            }
            return Results{eliminated(a, m[1]).v};
          });
        })
        .sample({{2, 3, 3}, {2, 3, 4}})
        .sample({{3, 3}, {5, 3, 1}})
        .sample({{0, 0}, {0, 2}})
        .sample({{1, 1}, {1, 0}});
  };
};
OP_SUITE(solve_triangular)
    .with(triangular(false))
    .with(square_errors([](const Tensor& a) { solve_triangular(a, a, true); }))
    .value_error("matrix 1 is singular: element 2 of its diagonal is 0", [](Device d) {
      solve_triangular(values({1, 0, 0, 1, 1, 2, 2, 0}, {2, 2, 2}, d), zeros({2, 1}, kF64, d), false);
    });
OP_SUITE_VARIANT(solve_triangular, upper).with(triangular(true)).skip("errors", "those of solve_triangular");

// NaN in the triangle that is not read.
OP_SUITE_VARIANT(solve_triangular, half)
    .with(linalg)
    .call([](const Tensors& in) {
      const Tensor a = raised(in[0], dominant(in[0]));
      const Tensor lower = gt(eye(a.size(-2), a.size(-1), a.device()) + tril(ones_like(a)), 0);
      return Tensors{solve_triangular(where(lower, a, full({}, NAN, kF64, a.device())), in[1], false)};
    })
    .reference([](const Refs& in) {
      const int64_t n = in[0].shape.back(), k = in[1].shape.back();
      return each_matrix(in, {{n, k}}, [](const std::vector<Matrix>& m) {
        Matrix a = raised(m[0], dominant(m[0]));
        for (int64_t i = 0; i < a.rows; ++i) {
          for (int64_t j = i + 1; j < a.cols; ++j) a(i, j) = 0;
        }
        return Results{eliminated(a, m[1]).v};
      });
    })
    .sample({{2, 3, 3}, {2, 3, 4}})
    .skip("zero_size", "those of solve_triangular")
    .skip("size_one", "those of solve_triangular")
    .skip("errors", "those of solve_triangular");

OP_SUITE(lstsq)
    .with(linalg)
    .call([](const Tensors& in) { return Tensors{lstsq(raised(in[0], dominant(in[0])), in[1])}; })
    .reference([](const Refs& in) {
      const int64_t n = in[0].shape.back(), k = in[1].shape.back();
      return each_matrix(in, {{n, k}}, [](const std::vector<Matrix>& m) {
        return Results{product(pseudoinverse(raised(m[0], dominant(m[0]))), m[1]).v};
      });
    })
    .sample({{2, 7, 3}, {2, 7, 4}})
    .sample({{3, 7}, {5, 3, 2}})
    .sample({{3, 3}, {3, 1}})
    .sample({{0, 2}, {0, 3}})
    .sample({{2, 0}, {2, 3}})
    .error("a and b need as many rows and leading axes that broadcast: a is f64[2,3], b is f64[3,1]",
           [](Device d) {
             lstsq(zeros({2, 3}, kF64, d), zeros({3, 1}, kF64, d));
           })
    .error("rcond is 1, needed below 1",
           [](Device d) {
             lstsq(zeros({2, 3}, kF64, d), zeros({2, 1}, kF64, d), 1);
           })
    .with(matrix_errors([](const Tensor& a) { lstsq(a, a); }));

// a = m n of rank 2: a+ = n+ m+.
OP_SUITE_VARIANT(lstsq, deficient)
    .with(linalg)
    .inputs({Domain(), Domain(), Domain()})
    .call([](const Tensors& in) {
      return Tensors{lstsq(matmul(raised(in[0], 5), raised(in[1], 5)), in[2], 1e-10)};
    })
    .reference([](const Refs& in) {
      const int64_t n = in[1].shape.back(), k = in[2].shape.back();
      return each_matrix(in, {{n, k}}, [](const std::vector<Matrix>& m) {
        return Results{
            product(product(pseudoinverse(raised(m[1], 5)), pseudoinverse(raised(m[0], 5))), m[2]).v};
      });
    })
    .sample({{5, 2}, {2, 4}, {5, 3}})
    .sample({{3, 4, 2}, {2, 5}, {4, 1}})
    .skip("shape_fuzz", "the rank must be the smallest size")
    .skip("zero_size", "those of lstsq")
    .skip("errors", "those of lstsq");

OP_SUITE(pinv)
    .with(linalg)
    .call([](const Tensors& in) { return Tensors{pinv(raised(in[0], dominant(in[0])))}; })
    .reference([](const Refs& in) {
      const int rank = in[0].shape.rank();
      return each_matrix(in, {{in[0].shape[rank - 1], in[0].shape[rank - 2]}},
                         [](const std::vector<Matrix>& m) {
                           return Results{pseudoinverse(raised(m[0], dominant(m[0]))).v};
                         });
    })
    .sample({{2, 4, 3}})
    .sample({{1, 5}})
    .sample({{0, 3}})
    .error("a must be f64[..., rows, columns]: a is f64[2]", [](Device d) { pinv(zeros({2}, kF64, d)); })
    .error("rcond is 2, needed below 1", [](Device d) {
      pinv(zeros({2, 2}, kF64, d), 2);
    });

// Singular values below rcond times the largest count as 0.
OP_SUITE_VARIANT(pinv, rcond)
    .with(linalg)
    .call([](const Tensors& in) {
      const Tensor scale = values({1000, 1}, {2, 1}, in[0].device());
      return Tensors{pinv(raised(in[0] * 0.0, 1) * scale, 0.01) + in[0] * 0.0};
    })
    .reference([](const Refs& in) {
      Ref out(in[0].shape);
      out.v[0] = 0.001;
      return Refs{out};
    })
    .sample({{2, 2}})
    .skip("shape_fuzz", "one matrix")
    .skip("zero_size", "one matrix")
    .skip("odd_size", "one matrix")
    .skip("size_one", "one matrix")
    .skip("errors", "those of pinv");

OP_SUITE(inv)
    .with(linalg)
    .call([](const Tensors& in) { return Tensors{inv(raised(in[0], dominant(in[0])))}; })
    .reference([](const Refs& in) {
      const int64_t n = in[0].shape.back();
      return each_matrix(in, {{n, n}}, [n](const std::vector<Matrix>& m) {
        return Results{eliminated(raised(m[0], dominant(m[0])), identity(n, n)).v};
      });
    })
    .sample({{2, 3, 3}})
    .sample({{1, 1}})
    .sample({{0, 0}})
    .with(square_errors([](const Tensor& a) { inv(a); }));

OP_SUITE(logdet)
    .with(linalg)
    .call([](const Tensors& in) { return Tensors{logdet(raised(in[0], dominant(in[0])))}; })
    .reference([](const Refs& in) {
      return each_matrix(in, {{}}, [](const std::vector<Matrix>& m) {
        Real determinant = 1;
        eliminated(raised(m[0], dominant(m[0])), Matrix(m[0].rows, 0), &determinant);
        return Results{{std::log(determinant)}};
      });
    })
    .sample({{2, 3, 3}})
    .sample({{5, 1, 1}})
    .sample({{2, 0, 0}})
    .with(square_errors([](const Tensor& a) { logdet(a); }));

OP_SUITE(qr)
    .with(linalg)
    .tolerance(kF64, 1e-10)
    .call([](const Tensors& in) {
      const Qr y = qr(raised(in[0], 5));
      const Tensor sign = signs(y.r), k_signs = slice(sign, -1, 0, y.q.size(-1));
      return Tensors{y.q * k_signs, y.r * t(k_signs)};
    })
    .reference([](const Refs& in) {
      const int rank = in[0].shape.rank();
      const int64_t rows = in[0].shape[rank - 2], n = in[0].shape[rank - 1], k = std::min(rows, n);
      return each_matrix(in, {{rows, k}, {k, n}}, [=](const std::vector<Matrix>& m) {
        const Matrix a = raised(m[0], 5);
        Matrix q(rows, k);
        for (int64_t j = 0; j < k; ++j) {  // Gram and Schmidt, twice
          std::vector<Real> column;
          for (int64_t i = 0; i < rows; ++i) column.push_back(a(i, j));
          for (int twice = 0; twice < 2; ++twice) {
            for (int64_t before = 0; before < j; ++before) {
              Real dot = 0;
              for (int64_t i = 0; i < rows; ++i) dot += q(i, before) * column[static_cast<size_t>(i)];
              for (int64_t i = 0; i < rows; ++i) column[static_cast<size_t>(i)] -= dot * q(i, before);
            }
          }
          Real norm = 0;
          for (const Real v : column) norm += v * v;
          for (int64_t i = 0; i < rows; ++i) q(i, j) = column[static_cast<size_t>(i)] / std::sqrt(norm);
        }
        return Results{q.v, product(flipped(q), a).v};
      });
    })
    .sample({{2, 4, 3}})
    .sample({{3, 5}})
    .sample({{1, 1}})
    .sample({{0, 3}})
    .with(matrix_errors([](const Tensor& a) { qr(a); }));

OP_SUITE(svd)
    .with(linalg)
    .tolerance(kF64, 1e-9)
    .call([](const Tensors& in) {
      const Svd y = svd(with_steps(in[0], true));
      const Tensor sign = signs(y.u);
      return Tensors{y.u * sign, y.s, y.vh * t(sign)};
    })
    .reference([](const Refs& in) {
      const int rank = in[0].shape.rank();
      const int64_t rows = in[0].shape[rank - 2], n = in[0].shape[rank - 1], k = std::min(rows, n);
      return each_matrix(in, {{rows, k}, {k}, {k, n}}, [=](const std::vector<Matrix>& m) {
        const Matrix a = with_steps(m[0], true);
        // By the smaller of a^T a and a a^T.
        const bool tall = rows >= n;
        const Matrix half = tall ? a : flipped(a);
        const auto [squares, vectors] = jacobi(product(flipped(half), half));
        const Matrix images = product(half, vectors);
        Matrix u(rows, k), vh(k, n);
        std::vector<Real> s(static_cast<size_t>(k));
        for (int64_t j = 0; j < k; ++j) {  // descending
          const int64_t from = k - 1 - j;
          const Real value = std::sqrt(squares[static_cast<size_t>(from)]);
          s[static_cast<size_t>(j)] = value;
          for (int64_t i = 0; i < rows; ++i) u(i, j) = tall ? images(i, from) / value : vectors(i, from);
          for (int64_t i = 0; i < n; ++i) vh(j, i) = tall ? vectors(i, from) : images(i, from) / value;
          if (u(j, j) > 0) continue;
          for (int64_t i = 0; i < rows; ++i) u(i, j) = -u(i, j);
          for (int64_t i = 0; i < n; ++i) vh(j, i) = -vh(j, i);
        }
        return Results{u.v, s, vh.v};
      });
    })
    .sample({{2, 4, 3}})
    .sample({{3, 5}})
    .sample({{3, 3}})
    .sample({{1, 1}})
    .sample({{0, 3}})
    .with(matrix_errors([](const Tensor& a) { svd(a); }));

OP_SUITE(eigh)
    .with(linalg)
    .tolerance(kF64, 1e-9)
    .call([](const Tensors& in) {
      const Eigh y = eigh(with_steps((in[0] + t(in[0])) * 0.5, false));
      return Tensors{y.values, y.vectors * signs(y.vectors)};
    })
    .reference([](const Refs& in) {
      const int64_t n = in[0].shape.back();
      return each_matrix(in, {{n}, {n, n}}, [n](const std::vector<Matrix>& m) {
        Matrix a = with_steps(m[0], false);
        for (int64_t i = 0; i < n; ++i) {
          for (int64_t j = 0; j < i; ++j) a(i, j) = a(j, i) = (a(i, j) + a(j, i)) / 2;
        }
        const auto [all, vectors] = jacobi(a);
        return Results{all, vectors.v};
      });
    })
    .sample({{2, 3, 3}})
    .sample({{4, 4}})
    .sample({{1, 1}})
    .sample({{0, 0}})
    .with(square_errors([](const Tensor& a) { eigh(a); }))
    .value_error("matrix 0 of a has a value that is not finite: nan", [](Device d) {
      eigh(values({std::nan("")}, {1, 1}, d));
    });

}  // namespace
}  // namespace roux::testing
