// Op-suite entries of solutions: Cholesky, systems, least squares, inverses, determinants.
#include "tests/ops/linalg_cases.h"

namespace roux::testing {
namespace {

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

}  // namespace
}  // namespace roux::testing
