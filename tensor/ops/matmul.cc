#include "tensor/ops/matmul.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tensor/batch_invariant.h"
#include "tensor/ops/block_linear.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/matmul_tables.h"
#include "tensor/ops/on_behalf.h"
#include "tensor/ops/view.h"
#include "tensor/planned_device.h"
#include "tensor/tunable.h"

namespace roux {

namespace {

// Of the products; the partial sums of a split over k and the bias's additions do not count.
OpCost product_cost(int64_t read, const Tensor& y, int64_t k) {
  return {read, distinct_bytes(y), 2 * y.numel() * k};
}
OpCost matmul_cost(const Tensor& a, const Tensor& b, const Tensor& bias, Tensor&, Tensor& y) {
  return product_cost(distinct_bytes(a) + distinct_bytes(b) + distinct_bytes(bias), y, a.size(-1));
}
OpCost matmul_f32_cost(const Tensor& a, const Tensor& b, bool accumulate, Tensor&, Tensor& y) {
  const int64_t sum = accumulate ? distinct_bytes(y) : 0;
  return product_cost(distinct_bytes(a) + distinct_bytes(b) + sum, y, a.size(-1));
}
OpCost linear_rows_cost(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  return product_cost(distinct_bytes(x) + distinct_bytes(weight) + distinct_bytes(bias), y, x.size(-1));
}

}  // namespace

constinit KernelTable<MatmulKernel> matmul_kernels("matmul", matmul_cost);
constinit KernelTable<MatmulF32Kernel> matmul_f32_kernels("matmul", matmul_f32_cost);
constinit KernelTable<LinearRowsKernel> linear_rows_kernels("linear", linear_rows_cost);
constinit GradSlot<MatmulSaved> matmul_grad("matmul", "//autograd/rules");
constinit GradSlot<LinearSaved> linear_grad("linear", "//autograd/rules");

GemmLayout gemm_layout(int64_t rows, int64_t cols, int64_t row_stride, int64_t col_stride) {
  if ((col_stride == 1 || cols <= 1) && (row_stride >= std::max<int64_t>(cols, 1) || rows <= 1)) {
    return {true, false, rows <= 1 ? std::max<int64_t>(cols, 1) : row_stride};
  }
  if ((row_stride == 1 || rows <= 1) && (col_stride >= std::max<int64_t>(rows, 1) || cols <= 1)) {
    return {true, true, cols <= 1 ? std::max<int64_t>(rows, 1) : col_stride};
  }
  return {};
}

GemmLayout gemm_layout(const Tensor& x) {
  const int rank = x.dim();
  return gemm_layout(x.shape()[rank - 2], x.shape()[rank - 1], x.strides()[rank - 2], x.strides()[rank - 1]);
}

int64_t matmul_split_k(int64_t m, int64_t n, int64_t k) {
  constexpr int64_t kMaxParts = 8;
  static constinit const Tunable kPart("matmul.k_part", 512, 16),
      kPartialSums("matmul.partial_sums", 1024 * 1024, 600);  // of all parts together
  if (k < 2 * kPart) return 1;
  return std::clamp<int64_t>(kPartialSums / std::max<int64_t>(1, m * n), 1, std::min(kMaxParts, k / kPart));
}

namespace {

absl::Status check_dtypes(const char* a_name, const TensorSpec& a, const char* b_name, const TensorSpec& b) {
  if (a.dtype == b.dtype && is_floating(a.dtype)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(a.dtype == b.dtype ? "dtype is not supported: " : "dtypes differ: ", a_name, " is ",
                   to_string(a), ", ", b_name, " is ", to_string(b), ", needed the same floating dtype"));
}

absl::StatusOr<TensorSpec> matmul_spec(const TensorSpec& a, const TensorSpec& b) {
  ROUX_RETURN_IF_ERROR(check_dtypes("a", a, "b", b));
  const int ra = a.shape.rank(), rb = b.shape.rank();
  if (ra == 0 || rb == 0) {
    return absl::InvalidArgumentError(absl::StrCat("a scalar has no inner axis: a is ", to_string(a),
                                                   ", b is ", to_string(b), ", needed at least one axis"));
  }
  const int64_t inner_a = a.shape.back(), inner_b = b.shape[std::max(rb - 2, 0)];
  if (inner_a != inner_b) {
    return absl::InvalidArgumentError(absl::StrCat("inner dimensions differ: a is ", to_string(a), ", b is ",
                                                   to_string(b), " (a.shape[-1]=", inner_a, ", b.shape[",
                                                   rb == 1 ? "-1" : "-2", "]=", inner_b, ")"));
  }
  const Shape batch_a(absl::MakeConstSpan(a.shape.begin(), std::max(ra - 2, 0)));
  const Shape batch_b(absl::MakeConstSpan(b.shape.begin(), std::max(rb - 2, 0)));
  absl::StatusOr<Shape> batch = broadcast_shapes(batch_a, batch_b);
  if (!batch.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("batch axes do not broadcast: a is ", to_string(a),
                                                   ", b is ", to_string(b), ", needed ", to_string(batch_a),
                                                   " and ", to_string(batch_b), " to be equal or 1"));
  }
  TensorSpec y{a.dtype, *batch};
  if (ra > 1) y.shape.push_back(a.shape[ra - 2]);
  if (rb > 1) y.shape.push_back(b.shape.back());
  return y;
}

absl::StatusOr<TensorSpec> linear_spec(const TensorSpec& x, TensorSpec weight, const Tensor& bias,
                                       WeightDType weight_dtype) {
  const auto cast_to_x = [&](TensorSpec spec) {
    if (weight_dtype == WeightDType::kAny && is_floating(spec.dtype)) spec.dtype = x.dtype;
    return spec;
  };
  ROUX_RETURN_IF_ERROR(check_dtypes("x", x, "weight", cast_to_x(weight)));
  if (weight.shape.rank() != 2 || x.shape.rank() == 0 || x.shape.back() != weight.shape[1]) {
    return absl::InvalidArgumentError(absl::StrCat(
        weight.shape.rank() == 2 && x.shape.rank() > 0 ? "inner dimensions differ" : "wrong rank", ": x is ",
        to_string(x), ", weight is ", to_string(weight), ", needed x [..., in] and weight [out, in]"));
  }
  if (bias.defined()) {
    ROUX_RETURN_IF_ERROR(check_dtypes("x", x, "bias", cast_to_x(bias.spec())));
    if (bias.dim() != 1 || bias.size(0) != weight.shape[0]) {
      return absl::InvalidArgumentError(absl::StrCat("bias has the wrong shape: bias is ",
                                                     to_string(bias.spec()), ", weight is ",
                                                     to_string(weight), ", needed one value per output"));
    }
  }
  TensorSpec y = x;
  y.shape[y.shape.rank() - 1] = weight.shape[0];
  return y;
}

Tensor gemm_ready(const Tensor& x) { return gemm_layout(x).ok ? x : contiguous(x); }

// [..., T, D] as [B T, D] where the strides allow it; undefined otherwise.
Tensor fold_rows(const Tensor& x) {
  const int last = x.dim() - 1;
  int64_t rows = 1, stride = 0;
  for (int axis = last - 1; axis >= 0; --axis) {
    if (x.shape()[axis] == 1) continue;
    if (rows == 1) {
      stride = x.strides()[axis];
    } else if (x.strides()[axis] != stride * rows) {
      return Tensor();
    }
    rows *= x.shape()[axis];
  }
  return alias(x, {rows, x.shape()[last]}, {stride, x.strides()[last]}, x.impl()->offset);
}

bool is_16bit(DType dtype) { return dtype == kF16 || dtype == kBF16; }

// Whether there is a kernel, on meta for the planned device. A program that plans for a GPU may have none of
// its kernels: those of the 16-bit dtypes.
template <class Kernel>
bool has_kernel(const KernelTable<Kernel>& table, Device device, DType dtype) {
  const DeviceType type = planned_device(device.type);
  if (device.type == DeviceType::kMeta && type == DeviceType::kCuda) return is_16bit(dtype);
  return table.has(type, dtype);
}

// Devices and processors without a kernel for a 16-bit dtype multiply in f32 and round the result.
bool needs_conversion(DType dtype, Device device) {
  return is_16bit(dtype) && !has_kernel(matmul_kernels, device, dtype);
}

// A transposed view stays one, which spares the conversion a strided walk.
Tensor cast_as_stored(const Tensor& x, DType dtype) {
  if (!gemm_layout(x).transposed) return cast(x, dtype);
  return cast(x.transpose(-1, -2), dtype).transpose(-1, -2);
}

// Whether linear_rows_kernels take the product: then reading b is what takes the time.
bool are_few_rows(const Tensor& a, const Tensor& b) {
  constexpr int64_t kFewRows = 8;
  return a.dim() == 2 && b.dim() == 2 && a.size(0) <= kFewRows && a.strides()[1] == 1 &&
         b.strides()[0] == 1 && (b.dtype() == a.dtype() || (b.dtype() == kF32 && is_16bit(a.dtype()))) &&
         linear_rows_kernels.has(planned_device(a.device().type), a.dtype());
}

// a [M, K] b [K, N] on the way to y: a workspace where the sum over k is cut.
Tensor split_workspace(const Tensor& a, const Tensor& b, DType dtype) {
  const int64_t m = a.size(0), n = b.size(1), parts = matmul_split_k(m, n, a.size(1));
  return parts > 1 ? empty({dtype == kF64 ? kF64 : kF32, {parts, m, n}}, a.device()) : Tensor();
}

// y = a b + bias, each row of y in an order of its own (batch_invariant.h).
void multiply_rows_alone(Tensor a, Tensor b, const Tensor& bias, Tensor& y) {
  const DeviceType device = y.device().type;
  ROUX_CHECK(device == DeviceType::kCpu || device == DeviceType::kMeta)
      << "matmul: batch-invariant products are the CPU's: a is on " << y.device();
  if (b.dim() > 2) {
    const auto item = [&](const Tensor& x, int64_t i) {
      return x.dim() < y.dim() ? x : select(x, 0, x.size(0) == 1 ? 0 : i);
    };
    for (int64_t i = 0; i < y.size(0); ++i) {
      Tensor part = select(y, 0, i);
      multiply_rows_alone(item(a, i), item(b, i), bias, part);
    }
    return;
  }
  if (a.dim() > 2) {
    const Tensor folded = fold_rows(a);
    a = folded.defined() ? folded : contiguous(a).view({y.numel() / b.size(1), a.size(-1)});
  }
  const int64_t rows = a.size(0), n = b.size(1);
  Tensor flat = alias(y, {rows, n}, {n, 1}, y.impl()->offset);
  const bool as_f32 = b.dtype() == kF32 && is_16bit(a.dtype());
  if (b.dtype() != a.dtype() && !as_f32) b = cast_as_stored(b, a.dtype());
  if (a.dtype() == kF64) {
    Tensor none;
    b = gemm_ready(b);
    for (int64_t row = 0; row < rows; ++row) {
      Tensor out = flat.slice(0, row, row + 1);
      const Tensor one = gemm_ready(a.slice(0, row, row + 1));
      matmul_kernels.run(one, one, b, bias, none, out);
    }
    return;
  }
  if (a.strides()[1] != 1) a = contiguous(a);
  const Tensor weight = b.transpose(0, 1);
  linear_rows_kernels.run(a, a, weight.strides()[1] == 1 ? weight : contiguous(weight), bias, flat);
}

// y = a b + bias without recording: a [..., M, K], b [..., K, N], both of rank 2 or more. When b has no
// batch, all rows of a are one product. b may be of another dtype than a, y and bias; it counts as cast.
void multiply(Tensor a, Tensor b, const Tensor& bias, Tensor& y) {
  if (y.numel() == 0) return;
  if (batch_invariant()) return multiply_rows_alone(a, b, bias, y);
  if (a.dim() > 2 && b.dim() == 2) {
    const Tensor folded = fold_rows(a);
    if (folded.defined()) a = folded;
  }
  if (b.dtype() != a.dtype() && !are_few_rows(a, b)) b = cast_as_stored(b, a.dtype());
  if (are_few_rows(a, b)) {
    Tensor flat = alias(y, {a.size(0), b.size(1)}, {b.size(1), 1}, y.impl()->offset);
    linear_rows_kernels.run(a, a, b.transpose(0, 1), bias, flat);
    return;
  }
  if (needs_conversion(y.dtype(), y.device())) {
    Tensor in_f32 = empty({kF32, y.shape()}, y.device());
    multiply(cast_as_stored(a, kF32), cast_as_stored(b, kF32), bias.defined() ? cast(bias, kF32) : bias,
             in_f32);
    copy_(y, in_f32);
    return;
  }
  a = gemm_ready(a);
  b = gemm_ready(b);
  const int64_t n = b.shape().back();
  if (a.dim() == 2 && b.dim() == 2) {
    Tensor flat = alias(y, {a.size(0), n}, {n, 1}, y.impl()->offset);
    Tensor workspace = split_workspace(a, b, y.dtype());
    matmul_kernels.run(a, a, b, bias, workspace, flat);
  } else {
    Tensor workspace;
    matmul_kernels.run(a, a, b, bias, workspace, y);
  }
}

}  // namespace

void matmul_into(const Tensor& a, const Tensor& b, bool accumulate, Tensor& sum) {
  NoGradGuard no_grad;
  const DType dtype = a.dtype();
  if (sum.numel() == 0) return;
  const bool as_multiply = batch_invariant() || are_few_rows(a, b) || (dtype == kF32 && !accumulate);
  if (dtype != sum.dtype() && needs_conversion(dtype, a.device())) {
    matmul_into(cast_as_stored(a, kF32), cast_as_stored(b, kF32), accumulate, sum);
  } else if (sum.dtype() == kF32 && !(dtype == kF32 && as_multiply) &&
             has_kernel(matmul_f32_kernels, a.device(), dtype)) {
    const Tensor ready = gemm_ready(a);
    Tensor workspace = split_workspace(a, b, kF32);
    matmul_f32_kernels.run(ready, ready, gemm_ready(b), accumulate, workspace, sum);
  } else if (accumulate) {
    add_(sum, matmul(a, b).to(sum.dtype()));
  } else if (dtype == sum.dtype()) {
    multiply(a, b, Tensor(), sum);
  } else {
    copy_(sum, matmul(a, b));
  }
}

Tensor matmul(const Tensor& a, const Tensor& b) {
  const Device device = common_device("matmul", {a, b});
  const TensorSpec spec = or_throw(matmul_spec(a.spec(), b.spec()), "matmul");
  if (a.dim() == 1 || b.dim() == 1) {
    return reshape(matmul(a.dim() == 1 ? unsqueeze(a, 0) : a, b.dim() == 1 ? unsqueeze(b, 1) : b),
                   spec.shape);
  }
  Tensor y = empty(spec, device);
  {
    NoGradGuard no_grad;
    multiply(a, b, Tensor(), y);
  }
  return matmul_grad.record({a, b}, y, [&] {
    return MatmulSaved{b.requires_grad() ? a : Tensor(), a.requires_grad() ? b : Tensor(), b.dim()};
  });
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, WeightDType weight_dtype) {
  if (weight.defined() && is_block(weight.dtype())) {
    return on_behalf("linear", {},
                     [&] { return block_linear(x, weight, bias, ActivationsGuard::current()); });
  }
  const Device device = common_device("linear", {x, weight}, {bias});
  const TensorSpec spec = or_throw(linear_spec(x.spec(), weight.spec(), bias, weight_dtype), "linear");
  if (x.dim() == 1) return reshape(linear(unsqueeze(x, 0), weight, bias, weight_dtype), spec.shape);
  // What backward reads is cast once, and recorded: second derivatives pass through it.
  const bool save_weight = linear_grad.wants({x});
  const Tensor as_read = save_weight ? cast(weight, x.dtype()) : weight;
  Tensor y = empty(spec, device);
  {
    NoGradGuard no_grad;
    multiply(x, as_read.transpose(0, 1), bias.defined() ? contiguous(cast(bias, x.dtype())) : bias, y);
  }
  return linear_grad.record({x, weight, bias}, y, [&] {
    return LinearSaved{weight.requires_grad() ? x : Tensor(), save_weight ? as_read : Tensor(),
                       weight.dtype(), bias.defined() ? bias.dtype() : x.dtype()};
  });
}

}  // namespace roux
