// Ops of the linalg family. Decompositions are compared up to LAPACK's choice of signs.
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/linalg.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tests/golden/op_calls.h"

namespace roux::golden {
namespace {

using Options = OpOptions;

Tensor mirrored(const Tensor& x) { return transpose(x, -2, -1); }

// -1 or 1 [..., 1, k]: the signs of the diagonal.
Tensor signs(const Tensor& x) {
  const Tensor diagonal = sum(tril(triu(x)), -2, true).detach();
  return where(lt(diagonal, 0), full({}, -1, kF64), full({}, 1, kF64));
}

}  // namespace

void add_linalg_calls(OpTable& table) {
  const Exactness exactness = Exactness::kSolved;
  table.add("cholesky", exactness,
            [](const Tensors& in, const Options&) { return cholesky(matmul(in[0], mirrored(in[0]))); });
  table.add("solve", exactness, [](const Tensors& in, const Options&) { return solve(in[0], in[1]); });
  table.add("solve_triangular", exactness, [](const Tensors& in, const Options& opt) {
    return solve_triangular(in[0], in[1], opt.flag("upper"));
  });
  table.add("lstsq", exactness, [](const Tensors& in, const Options&) { return lstsq(in[0], in[1]); });
  table.add("pinv", exactness, [](const Tensors& in, const Options&) { return pinv(in[0]); });
  table.add("inv", exactness, [](const Tensors& in, const Options&) { return inv(in[0]); });
  table.add("logdet", exactness, [](const Tensors& in, const Options&) { return logdet(in[0]); });
  table.add("qr", exactness, [](const Tensors& in, const Options&) {
    const Qr y = qr(in[0]);
    const Tensor sign = slice(signs(y.r), -1, 0, y.q.size(-1));
    return Tensors{y.q * sign, y.r * mirrored(sign)};
  });
  table.add("svd", exactness, [](const Tensors& in, const Options&) {
    const Svd y = svd(in[0]);
    const Tensor sign = signs(y.u);
    return Tensors{y.u * sign, y.s, y.vh * mirrored(sign)};
  });
  table.add("eigh", exactness, [](const Tensors& in, const Options&) {
    const Eigh y = eigh((in[0] + mirrored(in[0])) * 0.5);
    return Tensors{y.values, y.vectors * signs(y.vectors)};
  });
}

}  // namespace roux::golden
