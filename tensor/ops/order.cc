#include "tensor/ops/order.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/index.h"
#include "tensor/ops/order_tables.h"
#include "tensor/ops/view.h"
#include "tensor/parallel.h"
#include "tensor/planned_device.h"

namespace roux {

constinit KernelTable<ArgsortKernel> argsort_kernels("argsort");
constinit KernelTable<SearchsortedKernel> searchsorted_kernels("searchsorted");

namespace {

// CPU: a row of keys a thread. CUDA: keys and places of a row, twice, for each of at most kBlocks rows at
// once.
Shape argsort_scratch(const Tensor& x, int64_t rows, int64_t n) {
  constexpr int64_t kBlocks = 512;
  const DeviceType type = planned_device(x.device().type);
  if (type == DeviceType::kCuda || type == DeviceType::kEmulated) return {std::min(rows, kBlocks), 32 * n};
  return {max_threads(), argsort_key_bytes(x.dtype()) * n};
}

// The places of the first k elements along axis `at`.
Tensor first_places(const Tensor& x, int64_t k, int at, bool descending) {
  NoGradGuard no_grad;  // indices have none
  const int last = x.dim() - 1;
  const Tensor rows = contiguous(at == last ? x : transpose(x, at, last));
  const int64_t n = rows.shape()[last];
  Shape shape = rows.shape();
  shape[last] = k;
  Tensor indices = empty({kI64, shape}, x.device());
  if (indices.numel() > 0) {
    Tensor places = view(indices, {-1, k});
    Tensor keys = empty({kU8, argsort_scratch(x, places.shape()[0], n)}, x.device());
    argsort_kernels.run(x, view(rows, {-1, n}), descending, keys, places);
  }
  return at == last ? indices : contiguous(transpose(indices, at, last));
}

// The axis of x, which must have one.
int axis_of(const char* op, const Tensor& x, int64_t axis) {
  common_device(op, {x});
  return or_throw(normalize_axis(axis, x.spec(), "x"), op);
}

Shape leading(const Shape& shape) {
  Shape result;
  for (int i = 0; i + 1 < shape.rank(); ++i) result.push_back(shape[i]);
  return result;
}

absl::StatusOr<TensorSpec> searchsorted_spec(const TensorSpec& sorted, const TensorSpec& values) {
  const bool fits =
      sorted.shape.rank() == 1 || (sorted.shape.rank() == values.shape.rank() && sorted.shape.rank() > 0 &&
                                   leading(sorted.shape) == leading(values.shape));
  if (!fits || sorted.dtype != values.dtype) {
    return absl::InvalidArgumentError(
        absl::StrCat("specs do not match: sorted is ", to_string(sorted), ", values is ", to_string(values),
                     ", needed one dtype, and sorted [n], or [..., n] with values [..., m]"));
  }
  return TensorSpec{kI64, values.shape};
}

}  // namespace

Tensor argsort(const Tensor& x, int64_t axis, bool descending) {
  const int at = axis_of("argsort", x, axis);
  return first_places(x, x.shape()[at], at, descending);
}

Ordered sort(const Tensor& x, int64_t axis, bool descending) {
  const int at = axis_of("sort", x, axis);
  Tensor indices = first_places(x, x.shape()[at], at, descending);
  return {gather(x, at, indices), indices};
}

Ordered topk(const Tensor& x, int64_t k, int64_t axis, bool largest) {
  const int at = axis_of("topk", x, axis);
  ROUX_CHECK(k >= 0 && k <= x.shape()[at]) << "topk: k is out of range: k is " << k << ", axis " << axis
                                           << " of x is " << x.shape()[at] << " long";
  Tensor indices = first_places(x, k, at, largest);
  return {gather(x, at, indices), indices};
}

Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool right) {
  common_device("searchsorted", {sorted, values});
  Tensor y =
      empty(or_throw(searchsorted_spec(sorted.spec(), values.spec()), "searchsorted"), values.device());
  if (y.numel() == 0) return y;
  const int64_t n = sorted.shape().back();
  if (n == 0) return zeros(y.shape(), kI64, y.device());
  const bool one = sorted.dim() == 1;
  Tensor found = view(y, {one ? 1 : -1, one ? y.numel() : y.shape().back()});
  searchsorted_kernels.run(values, view(contiguous(sorted), {-1, n}), view(contiguous(values), found.shape()),
                           right, found);
  return y;
}

}  // namespace roux
