#include "tensor/ops/convolution.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tensor/ops/convolution_tables.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/matmul_tables.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tensor/planned_device.h"

namespace roux {

namespace {
OpCost conv1d_cost(const Tensor& rows, const Tensor& taps, const Windows&, int64_t, Tensor& y) {
  return {distinct_bytes(rows) + distinct_bytes(taps), distinct_bytes(y),
          2 * y.numel() * taps.size(0) * taps.size(2)};
}
}  // namespace

constinit KernelTable<UnfoldKernel> unfold_kernels("unfold");
constinit KernelTable<FoldKernel> fold_kernels("fold");
constinit KernelTable<Conv1dKernel> conv1d_kernels("conv1d", conv1d_cost);
constinit KernelTable<Conv1dBackwardKernel> conv1d_backward_kernels("conv1d_backward");
constinit GradSlot<Conv1dSaved> conv1d_grad("conv1d", "//autograd/rules");
constinit GradSlot<WindowsSaved> unfold_grad("unfold", "//autograd/rules");
constinit GradSlot<WindowsSaved> fold_grad("fold", "//autograd/rules");

namespace {

// How many windows a sequence has.
absl::StatusOr<int64_t> window_count(int64_t length, const Windows& w) {
  constexpr int64_t kMost = int64_t{1} << 40;
  if (std::min({w.size, w.stride, w.dilation}) < 1 || std::min(w.before, w.after) < 0 ||
      std::max({w.size, w.dilation, w.before, w.after}) > kMost || w.size > kMost / w.dilation) {
    return absl::InvalidArgumentError(absl::StrCat(
        "size is ", w.size, ", stride ", w.stride, ", dilation ", w.dilation, ", padding ", w.before, " and ",
        w.after, ": needed size, stride and dilation of at least 1, padding of at least 0"));
  }
  const int64_t reach = w.dilation * (w.size - 1) + 1, padded = length + w.before + w.after;
  if (padded < reach) {
    return absl::InvalidArgumentError(absl::StrCat("a window reaches over ", reach,
                                                   " elements, the sequence has ", length, " and padding of ",
                                                   w.before, " and ", w.after));
  }
  return (padded - reach) / w.stride + 1;
}

absl::StatusOr<TensorSpec> unfold_spec(const TensorSpec& x, const Windows& windows) {
  const int rank = x.shape.rank();
  if (!is_floating(x.dtype) || rank < 2)
    return absl::InvalidArgumentError(absl::StrCat("x must be floating [..., T, D]: x is ", to_string(x)));
  TensorSpec y = x;
  ROUX_ASSIGN_OR_RETURN(y.shape[rank - 2], window_count(x.shape[rank - 2], windows));
  y.shape.insert(rank - 1, windows.size);
  return y;
}

absl::StatusOr<TensorSpec> fold_spec(const TensorSpec& y, int64_t length, const Windows& windows) {
  ROUX_ASSIGN_OR_RETURN(const int64_t count, window_count(std::max<int64_t>(length, 0), windows));
  const int rank = y.shape.rank();
  if (!is_floating(y.dtype) || rank < 3 || length < 0 || y.shape[rank - 3] != count ||
      y.shape[rank - 2] != windows.size) {
    return absl::InvalidArgumentError(absl::StrCat("y must be floating [..., ", count, ", ", windows.size,
                                                   ", D] for length ", length, ": y is ", to_string(y)));
  }
  TensorSpec x = y;
  x.shape.erase(rank - 2);
  x.shape[rank - 3] = length;
  return x;
}

// The last `kept` axes, all before them as one.
Tensor with_rows(const Tensor& x, int kept) {
  Shape shape;
  int64_t rows = 1;
  for (int axis = 0; axis < x.dim(); ++axis) {
    if (axis < x.dim() - kept)
      rows *= x.shape()[axis];
    else
      shape.push_back(x.shape()[axis]);
  }
  shape.insert(0, rows);
  return reshape(x.detach(), shape).contiguous();
}

// The windows that the kernel is laid on, after all checks.
absl::StatusOr<Windows> conv1d_windows(const TensorSpec& x, const TensorSpec& weight, const TensorSpec* bias,
                                       const Conv1dOptions& options) {
  if (options.causal && options.padding != 0)
    return absl::InvalidArgumentError(
        absl::StrCat("padding is ", options.padding, " beside causal, needed 0"));
  const bool fits = is_floating(x.dtype) && x.dtype == weight.dtype && x.shape.rank() == 3 &&
                    weight.shape.rank() == 3 && options.groups >= 1 &&
                    weight.shape[0] % options.groups == 0 && weight.shape[1] * options.groups == x.shape[1];
  if (!fits || (bias != nullptr && !(*bias == TensorSpec{x.dtype, {weight.shape[0]}}))) {
    return absl::InvalidArgumentError(absl::StrCat(
        "needed x [B, C, T], weight [O, C / groups, K] and bias [O] of one floating dtype, groups "
        "that divide C and O: x is ",
        to_string(x), ", weight is ", to_string(weight),
        bias != nullptr ? absl::StrCat(", bias is ", to_string(*bias)) : "", ", groups is ", options.groups));
  }
  Windows windows = {.size = weight.shape[2], .stride = options.stride, .dilation = options.dilation};
  windows.before = options.causal ? options.dilation * (windows.size - 1) : options.padding;
  windows.after = options.causal ? 0 : options.padding;
  ROUX_RETURN_IF_ERROR(window_count(x.shape[2], windows).status());
  return windows;
}

}  // namespace

Tensor unfold(const Tensor& x, const Windows& windows) {
  common_device("unfold", {x});
  const TensorSpec spec = or_throw(unfold_spec(x.spec(), windows), "unfold");
  Tensor y = empty(spec, x.device());
  Tensor rows = with_rows(y, 3);
  if (y.numel() > 0) unfold_kernels.run(x, with_rows(x, 2), windows, rows);
  return unfold_grad.record({x}, y, [&] { return WindowsSaved{x.size(-2), windows}; });
}

Tensor fold(const Tensor& y, int64_t length, const Windows& windows) {
  common_device("fold", {y});
  const TensorSpec spec = or_throw(fold_spec(y.spec(), length, windows), "fold");
  Tensor x = empty(spec, y.device());
  Tensor rows = with_rows(x, 2);
  if (x.numel() > 0) fold_kernels.run(y, with_rows(y, 3), windows, rows);
  return fold_grad.record({y}, x, [&] { return WindowsSaved{length, windows}; });
}

Tensor conv1d_unfolded(const Tensor& x, const Tensor& weight, const Windows& windows, int64_t groups) {
  const int64_t batch = x.size(0), out = weight.size(0), channels = weight.size(1), taps = weight.size(2);
  const Tensor seen = unfold(transpose(x, 1, 2), windows);
  const int64_t count = seen.size(1);
  if (channels == 1 && out == groups) {
    return transpose(sum(seen * transpose(reshape(weight, {out, taps}), 0, 1), 2), 1, 2);
  }
  const Tensor rows = reshape(permute(reshape(seen, {batch * count, taps, groups, channels}), {2, 0, 1, 3}),
                              {groups, batch * count, taps * channels});
  const Tensor columns =
      reshape(permute(reshape(weight, {groups, out / groups, channels, taps}), {0, 3, 2, 1}),
              {groups, taps * channels, out / groups});
  return transpose(reshape(transpose(matmul(rows, columns), 0, 1), {batch, count, out}), 1, 2);
}

namespace {

// [B, C, T] as [B, T, C] that the kernels read.
Tensor rows_of(const Tensor& x, bool dense) {
  const Tensor rows = transpose(x.detach(), 1, 2);
  return !dense && gemm_layout(rows).ok ? rows : contiguous(rows);
}
Tensor taps_of(const Tensor& weight) { return contiguous(permute(weight.detach(), {2, 0, 1})); }
bool is_depthwise(const Tensor& weight, int64_t groups) {
  return weight.size(1) == 1 && weight.size(0) == groups;
}

Tensor conv1d_by_taps(const Tensor& x, const Tensor& weight, const Windows& windows, int64_t count,
                      int64_t groups) {
  const int64_t out = weight.size(0);
  Tensor memory = empty({x.dtype(), {x.size(0), count, out}}, x.device());
  {
    NoGradGuard no_grad;
    const Tensor rows = rows_of(x, is_depthwise(weight, groups));
    conv1d_kernels.run(rows, rows, taps_of(weight), windows, groups, memory);
  }
  Tensor y = alias(memory, {x.size(0), out, count}, {count * out, 1, out}, 0);
  return conv1d_grad.record({x, weight}, y, [&] { return Conv1dSaved{x, weight, windows, groups}; });
}

}  // namespace

Conv1dGrads conv1d_backward(const Conv1dSaved& saved, const Tensor& grad_y, bool wants_x, bool wants_weight) {
  NoGradGuard no_grad;
  const Tensor x = saved.x.get(), weight = saved.weight.get();
  const bool dense = is_depthwise(weight, saved.groups);
  const Tensor rows = rows_of(x, dense), taps = taps_of(weight);
  Tensor grad_rows, grad_taps;
  if (wants_x) grad_rows = empty({x.dtype(), {x.size(0), x.size(2), x.size(1)}}, x.device());
  if (wants_weight) grad_taps = empty(taps.spec(), x.device());
  conv1d_backward_kernels.run(rows, rows, taps, rows_of(grad_y, dense), saved.windows, saved.groups,
                              grad_rows, grad_taps);
  return {wants_x ? transpose(grad_rows, 1, 2) : Tensor(),
          wants_weight ? permute(grad_taps, {1, 2, 0}) : Tensor()};
}

Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv1dOptions& options) {
  common_device("conv1d", {x, weight}, {bias});
  const Windows windows = or_throw(
      conv1d_windows(x.spec(), weight.spec(), bias.defined() ? &bias.spec() : nullptr, options), "conv1d");
  const DType dtype = x.dtype() == kF64 ? kF64 : kF32;
  const int64_t count = *window_count(x.size(2), windows);
  const bool by_taps = windows.stride == 1 && x.numel() > 0 && weight.numel() > 0 && count > 0 &&
                       conv1d_kernels.has(planned_device(x.device().type), dtype);
  const Tensor wide = cast(x, dtype), w = cast(weight, dtype);
  Tensor rows = transpose(by_taps ? conv1d_by_taps(wide, w, windows, count, options.groups)
                                  : conv1d_unfolded(wide, w, windows, options.groups),
                          1, 2);  // [B, N, O]
  if (bias.defined()) rows = rows + cast(bias, dtype);
  return transpose(cast(rows, x.dtype()), 1, 2);
}

}  // namespace roux
