// Op-suite entries of decompositions of the linalg family: QR, singular values, eigenvalues.
#include "tests/ops/linalg_cases.h"

namespace roux::testing {
namespace {

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
