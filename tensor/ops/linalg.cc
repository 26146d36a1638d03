#include "tensor/ops/linalg.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/linalg_tables.h"
#include "tensor/ops/on_behalf.h"
#include "tensor/ops/view.h"

namespace roux {

constinit KernelTable<CholeskyKernel> cholesky_kernels("cholesky");
constinit KernelTable<SolveKernel> solve_kernels("solve");
constinit KernelTable<SolveTriangularKernel> solve_triangular_kernels("solve_triangular");
constinit KernelTable<LstsqKernel> lstsq_kernels("lstsq");
constinit KernelTable<LogdetKernel> logdet_kernels("logdet");
constinit KernelTable<QrKernel> qr_kernels("qr");
constinit KernelTable<SvdKernel> svd_kernels("svd");
constinit KernelTable<EighKernel> eigh_kernels("eigh");

constinit GradSlot<CholeskySaved> cholesky_grad("cholesky", "//autograd/rules");
constinit GradSlot<SolveSaved> solve_grad("solve", "//autograd/rules");
constinit GradSlot<SolveTriangularSaved> solve_triangular_grad("solve_triangular", "//autograd/rules");
constinit GradSlot<LstsqSaved> lstsq_grad("lstsq", "//autograd/rules");
constinit GradSlot<LogdetSaved> logdet_grad("logdet", "//autograd/rules");
constinit GradSlot<QrSaved> qr_grad("qr", "//autograd/rules");
constinit GradSlot<SvdSaved> svd_grad("svd", "//autograd/rules");
constinit GradSlot<EighSaved> eigh_grad("eigh", "//autograd/rules");

Tensor identity_matrix(int64_t n, Device device) { return tril(triu(ones({n, n}, kF64, device))); }

namespace {

// LAPACK counts in 32 bits, work spaces too, and these grow with the square of the fewer rows or columns.
constexpr int64_t kMostOfTheFewer = 16000, kMost = 1 << 30;

Shape leading(const Shape& shape) { return Shape(absl::MakeConstSpan(shape.begin(), shape.rank() - 2)); }
Shape matrices(Shape batch, int64_t rows, int64_t cols) {
  batch.push_back(rows);
  batch.push_back(cols);
  return batch;
}

// The shape rules: each returns the leading axes of the result.
absl::StatusOr<Shape> batch_of(const TensorSpec& a, const char* argument = "a") {
  const int rank = a.shape.rank();
  if (a.dtype != kF64 || rank < 2) {
    return absl::InvalidArgumentError(absl::StrCat(argument, " must be f64[..., rows, columns]: ", argument,
                                                   " is ", to_string(a),
                                                   is_floating(a.dtype) && rank >= 2 ? " (cast it)" : ""));
  }
  const int64_t rows = a.shape[rank - 2], cols = a.shape[rank - 1];
  if (std::min(rows, cols) > kMostOfTheFewer || std::max(rows, cols) > kMost) {
    return absl::InvalidArgumentError(absl::StrCat(argument, " is ", to_string(a), ", needed at most ",
                                                   kMostOfTheFewer, " rows or columns of the fewer"));
  }
  return leading(a.shape);
}
absl::StatusOr<Shape> square_batch(const TensorSpec& a) {
  absl::StatusOr<Shape> batch = batch_of(a);
  if (batch.ok() && a.shape[a.shape.rank() - 2] != a.shape.back())
    return absl::InvalidArgumentError(absl::StrCat("a must be square: a is ", to_string(a)));
  return batch;
}
absl::StatusOr<Shape> system_batch(const TensorSpec& a, const TensorSpec& b) {
  ROUX_ASSIGN_OR_RETURN(const Shape of_a, batch_of(a));
  ROUX_ASSIGN_OR_RETURN(const Shape of_b, batch_of(b, "b"));
  absl::StatusOr<Shape> batch = broadcast_shapes(of_a, of_b);
  if (!batch.ok() || a.shape[a.shape.rank() - 2] != b.shape[b.shape.rank() - 2]) {
    return absl::InvalidArgumentError(
        absl::StrCat("a and b need as many rows and leading axes that broadcast: a is ", to_string(a),
                     ", b is ", to_string(b)));
  }
  return batch;
}
absl::StatusOr<Shape> square_system_batch(const TensorSpec& a, const TensorSpec& b) {
  ROUX_RETURN_IF_ERROR(square_batch(a).status());
  return system_batch(a, b);
}

// A copy that a kernel may overwrite: of x's matrices under more leading axes, or of their transposes.
Tensor owned(const Tensor& x, const Shape& batch) {
  NoGradGuard no_grad;
  Tensor y = empty({kF64, matrices(batch, x.size(-2), x.size(-1))}, x.device());
  copy_(y, x.detach());
  return y;
}
Tensor transposed(const Tensor& x) { return transpose(x.detach(), -2, -1); }
Tensor rows_of(const Tensor& by_columns) {
  NoGradGuard no_grad;
  return contiguous(transposed(by_columns));
}
Tensor owned_by_columns(const Tensor& x, const Shape& batch) {
  NoGradGuard no_grad;
  return owned(transposed(x), batch);
}

}  // namespace

Tensor cholesky(const Tensor& a) {
  common_device("cholesky", {a});
  const Shape batch = or_throw(square_batch(a.spec()), "cholesky");
  Tensor y = owned(a, batch);
  if (y.numel() > 0) cholesky_kernels.run(a, y);
  return cholesky_grad.record({a}, y, [&] { return CholeskySaved{SavedTensor::output(y)}; });
}

Tensor solve(const Tensor& a, const Tensor& b) {
  common_device("solve", {a, b});
  const Shape batch = or_throw(square_system_batch(a.spec(), b.spec()), "solve");
  Tensor factors = owned(a, batch), x = owned_by_columns(b, batch);
  if (x.numel() > 0) solve_kernels.run(a, factors, x);
  const Tensor y = rows_of(x);
  return solve_grad.record({a, b}, y, [&] { return SolveSaved{a, SavedTensor::output(y)}; });
}

Tensor solve_triangular(const Tensor& a, const Tensor& b, bool upper) {
  common_device("solve_triangular", {a, b});
  const Shape batch = or_throw(square_system_batch(a.spec(), b.spec()), "solve_triangular");
  const Tensor triangle = owned(a, batch);
  Tensor x = owned_by_columns(b, batch);
  if (x.numel() > 0) solve_triangular_kernels.run(a, triangle, upper, x);
  const Tensor y = rows_of(x);
  return solve_triangular_grad.record({a, b}, y, [&] {
    return SolveTriangularSaved{a, SavedTensor::output(y), upper};
  });
}

Tensor lstsq(const Tensor& a, const Tensor& b, double rcond) {
  common_device("lstsq", {a, b});
  const Shape batch = or_throw(system_batch(a.spec(), b.spec()), "lstsq");
  ROUX_CHECK(rcond < 1) << "lstsq: rcond is " << rcond << ", needed below 1";
  const int64_t m = a.size(-2), n = a.size(-1), k = b.size(-1);
  Tensor factors = owned_by_columns(a, batch);
  Tensor x = zeros(matrices(batch, k, std::max(m, n)), kF64, a.device());
  {
    NoGradGuard no_grad;
    copy_(slice(x, -1, 0, m), transposed(b));
  }
  if (factors.numel() > 0 && x.numel() > 0) {
    lstsq_kernels.run(a, factors, rcond < 0 ? static_cast<double>(std::max(m, n)) * 0x1p-52 : rcond, x);
  }
  const Tensor y = rows_of(slice(x, -1, 0, n));
  return lstsq_grad.record({a, b}, y, [&] { return LstsqSaved{a, b, SavedTensor::output(y), rcond}; });
}

Tensor pinv(const Tensor& a, double rcond) {
  common_device("pinv", {a});
  or_throw(batch_of(a.spec()), "pinv");
  ROUX_CHECK(rcond < 1) << "pinv: rcond is " << rcond << ", needed below 1";
  return on_behalf("pinv", {}, [&] { return lstsq(a, identity_matrix(a.size(-2), a.device()), rcond); });
}

Tensor inv(const Tensor& a) {
  common_device("inv", {a});
  or_throw(square_batch(a.spec()), "inv");
  return on_behalf("inv", {}, [&] { return solve(a, identity_matrix(a.size(-1), a.device())); });
}

Tensor logdet(const Tensor& a) {
  common_device("logdet", {a});
  const Shape batch = or_throw(square_batch(a.spec()), "logdet");
  Tensor factors = owned(a, batch);
  Tensor y = zeros(batch, kF64, a.device());  // of an empty matrix
  if (factors.numel() > 0) logdet_kernels.run(a, factors, y);
  return logdet_grad.record({a}, y, [&] { return LogdetSaved{a}; });
}

Qr qr(const Tensor& a) {
  common_device("qr", {a});
  const Shape batch = or_throw(batch_of(a.spec()), "qr");
  const int64_t k = std::min(a.size(-2), a.size(-1));
  Tensor columns = owned_by_columns(a, batch);
  Qr y;
  y.r = empty({kF64, matrices(batch, k, a.size(-1))}, a.device());
  if (columns.numel() > 0) qr_kernels.run(a, columns, y.r);
  y.q = rows_of(slice(columns, -2, 0, k));
  Tensor* const outputs[] = {&y.q, &y.r};
  qr_grad.record_all({a}, outputs, [&] {
    return QrSaved{a, SavedTensor::output(y.q, 0), SavedTensor::output(y.r, 1)};
  });
  return y;
}

Svd svd(const Tensor& a) {
  common_device("svd", {a});
  const Shape batch = or_throw(batch_of(a.spec()), "svd");
  const int64_t m = a.size(-2), n = a.size(-1), k = std::min(m, n);
  Tensor copy = owned(a, batch);
  Shape values = batch;
  values.push_back(k);
  Svd y{empty({kF64, matrices(batch, m, k)}, a.device()), empty({kF64, values}, a.device()),
        empty({kF64, matrices(batch, k, n)}, a.device())};
  if (copy.numel() > 0) svd_kernels.run(a, copy, y.u, y.s, y.vh);
  Tensor* const outputs[] = {&y.u, &y.s, &y.vh};
  svd_grad.record_all({a}, outputs, [&] {
    return SvdSaved{SavedTensor::output(y.u, 0), SavedTensor::output(y.s, 1), SavedTensor::output(y.vh, 2)};
  });
  return y;
}

Eigh eigh(const Tensor& a) {
  common_device("eigh", {a});
  const Shape batch = or_throw(square_batch(a.spec()), "eigh");
  Tensor vectors = owned(a, batch);
  Shape values = batch;
  values.push_back(a.size(-1));
  Eigh y;
  y.values = empty({kF64, values}, a.device());
  if (vectors.numel() > 0) eigh_kernels.run(a, vectors, y.values);
  y.vectors = rows_of(vectors);
  Tensor* const outputs[] = {&y.values, &y.vectors};
  eigh_grad.record_all({a}, outputs, [&] {
    return EighSaved{SavedTensor::output(y.values, 0), SavedTensor::output(y.vectors, 1)};
  });
  return y;
}

}  // namespace roux
