#include "tensor/ops/reduce.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce_tables.h"
#include "tensor/ops/view.h"
#include "tensor/tunable.h"

namespace roux {

constinit KernelTable<SumKernel> sum_kernels("sum");
constinit KernelTable<ReduceKernel> amax_kernels("amax"), amin_kernels("amin"), prod_kernels("prod"),
    logsumexp_kernels("logsumexp");
constinit KernelTable<ArgKernel> argmax_kernels("argmax"), argmin_kernels("argmin");

namespace {
constexpr const char* kRules = "//autograd/rules";
}
constinit GradSlot<SumSaved> sum_grad("sum", kRules), mean_grad("mean", kRules);
constinit GradSlot<ExtremumSaved> amax_grad("amax", kRules), amin_grad("amin", kRules);
constinit GradSlot<ReducedSaved> prod_grad("prod", kRules), logsumexp_grad("logsumexp", kRules);

int64_t reduce_chunk_length(int64_t outputs, int64_t count) {
  // That many keep all threads busy without chunks.
  static constinit const Tunable kEnoughOutputs("reduce.enough_outputs", 2048, 20);
  // Elements of x in a chunk, over all outputs (about 20 us) and at least of each.
  static constinit const Tunable kChunkElements("reduce.chunk_elements", 65536, 24),
      kShortestChunk("reduce.shortest_chunk", 256, 5);
  if (outputs >= kEnoughOutputs || outputs == 0) return std::max<int64_t>(count, 1);
  return std::clamp<int64_t>(kChunkElements / outputs, kShortestChunk,
                             std::max<int64_t>(count, kShortestChunk));
}

TensorSpec reduce_partials_spec(DType dtype, int64_t outputs, int64_t count) {
  const int64_t length = reduce_chunk_length(outputs, count);
  const DType accumulate = dtype == kF64 ? kF64 : (is_floating(dtype) ? kF32 : kI64);
  return {accumulate, {std::max<int64_t>(1, (count + length - 1) / length), outputs}};
}

namespace {

struct Reduction {
  TensorSpec kept;    // of the result with keepdim
  TensorSpec result;  // of the result
  int64_t count = 1;  // elements of x per element of the result
};

absl::StatusOr<Reduction> reduction(const TensorSpec& x, absl::Span<const int64_t> axes, bool keepdim,
                                    DTypeSet allowed, bool allow_empty) {
  if (!allowed.contains(x.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("dtype is not supported: x is ", to_string(x), ", needed a ",
                     allowed.contains(kI32) ? "numeric" : "floating", " dtype"));
  }
  Reduction r;
  r.kept = r.result = x;
  uint32_t seen = 0;
  for (int64_t axis : axes) {
    ROUX_ASSIGN_OR_RETURN(const int at, normalize_axis(axis, x));
    if (seen >> at & 1u) {
      return absl::InvalidArgumentError(absl::StrCat("axis ", axis, " is named twice: x is ", to_string(x)));
    }
    seen |= 1u << at;
    r.count *= x.shape[at];
    r.kept.shape[at] = 1;
    if (x.shape[at] == 0 && !allow_empty) {
      return absl::InvalidArgumentError(absl::StrCat("axis ", axis, " is empty: x is ", to_string(x)));
    }
  }
  r.result.shape = r.kept.shape;
  for (int at = x.shape.rank() - 1; at >= 0 && !keepdim; --at) {
    if (seen >> at & 1u) r.result.shape.erase(at);
  }
  return r;
}

// Allocates the result and the scratch (with `more_rows` rows more) and calls run(y with kept axes, scratch).
template <class Run>
Tensor reduce(const Tensor& x, const Reduction& r, DType result, int more_rows, Run run) {
  Tensor y = empty({result, r.result.shape}, x.device());
  Tensor kept = alias(y, r.kept.shape, contiguous_strides(r.kept.shape), 0);
  TensorSpec scratch = reduce_partials_spec(x.dtype(), y.numel(), r.count);
  scratch.shape[0] += more_rows;
  Tensor partials = scratch.shape[0] > 1 ? empty(scratch, x.device()) : Tensor();
  run(kept, partials);
  return y;
}

std::vector<int64_t> all_axes(const Tensor& x, const char* op) {
  common_device(op, {x});
  std::vector<int64_t> axes(static_cast<size_t>(x.dim()));
  for (size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<int64_t>(i);
  return axes;
}

Tensor extremum(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim,
                const KernelTable<ReduceKernel>& table, const GradSlot<ExtremumSaved>& slot) {
  common_device(table.op(), {x});
  const Reduction r = or_throw(reduction(x.spec(), axes, keepdim, kNumeric, false), table.op());
  Tensor y =
      reduce(x, r, x.dtype(), 0, [&](Tensor& kept, Tensor& partials) { table.run(x, x, kept, partials); });
  return slot.record({x}, y, [&] { return ExtremumSaved{x, SavedTensor::output(y), r.kept.shape}; });
}

Tensor arg_extremum(const Tensor& x, int64_t axis, bool keepdim, const KernelTable<ArgKernel>& table) {
  common_device(table.op(), {x});
  const Reduction r = or_throw(reduction(x.spec(), {axis}, keepdim, kNumeric, false), table.op());
  Tensor y = empty({kI64, r.result.shape}, x.device());
  Tensor kept = alias(y, r.kept.shape, contiguous_strides(r.kept.shape), 0);
  table.run(x, x, or_throw(normalize_axis(axis, x.spec()), table.op()), kept);
  return y;
}

// var in the dtype that it is computed in.
Tensor wide_var(const char* op, const Tensor& x, absl::Span<const int64_t> axes, bool keepdim,
                double correction) {
  common_device(op, {x});
  const Reduction r = or_throw(reduction(x.spec(), axes, keepdim, kFloating, true), op);
  const Tensor wide = x.dtype() == kF64 ? x : cast(x, kF32);
  const Tensor roughly = wide - mean(wide.detach(), axes, true);
  const Tensor centred = roughly - mean(roughly, axes, true);
  return sum(centred * centred, axes, keepdim) / std::max(0.0, static_cast<double>(r.count) - correction);
}

}  // namespace

Tensor sum(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim) {
  common_device("sum", {x});
  const Reduction r = or_throw(reduction(x.spec(), axes, keepdim, kAllDTypes, true), "sum");
  Tensor y = reduce(x, r, is_floating(x.dtype()) ? x.dtype() : kI64, 0,
                    [&](Tensor& kept, Tensor& partials) { sum_kernels.run(x, x, 1.0, kept, partials); });
  return sum_grad.record({x}, y, [&] { return SumSaved{x.shape(), r.kept.shape, 1.0}; });
}

Tensor mean(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim) {
  common_device("mean", {x});
  const Reduction r = or_throw(reduction(x.spec(), axes, keepdim, kFloating, true), "mean");
  const double scale = 1.0 / static_cast<double>(r.count);
  Tensor y = reduce(x, r, x.dtype(), 0,
                    [&](Tensor& kept, Tensor& partials) { sum_kernels.run(x, x, scale, kept, partials); });
  // Over nothing no element gets a gradient: a scale of 1, since 1 / 0 would make NaN of its derivative.
  return mean_grad.record({x}, y, [&] {
    return SumSaved{x.shape(), r.kept.shape, r.count == 0 ? 1.0 : scale};
  });
}

Tensor amax(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim) {
  return extremum(x, axes, keepdim, amax_kernels, amax_grad);
}
Tensor amin(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim) {
  return extremum(x, axes, keepdim, amin_kernels, amin_grad);
}

Tensor prod(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim) {
  common_device("prod", {x});
  const Reduction r = or_throw(reduction(x.spec(), axes, keepdim, kAllDTypes, true), "prod");
  Tensor y = reduce(x, r, is_floating(x.dtype()) ? x.dtype() : kI64, 0,
                    [&](Tensor& kept, Tensor& partials) { prod_kernels.run(x, x, kept, partials); });
  return prod_grad.record({x}, y, [&] { return ReducedSaved{x, r.kept.shape}; });
}

Tensor var(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim, double correction) {
  return cast(wide_var("var", x, axes, keepdim, correction), x.dtype());
}

Tensor std(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim, double correction) {
  const Tensor variance = wide_var("std", x, axes, keepdim, correction);
  const Tensor zero = eq(variance, 0);  // where the root has no derivative: both branches are constants
  const Tensor root = sqrt(where(zero, ones_like(variance), variance));
  return cast(where(zero, zeros_like(variance), root), x.dtype());
}

Tensor any(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim) {
  common_device("any", {x});
  or_throw(reduction(x.spec(), axes, keepdim, kAllDTypes, true), "any");
  return gt(sum(cast(x, kBool), axes, keepdim), 0);
}

Tensor all(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim) {
  common_device("all", {x});
  or_throw(reduction(x.spec(), axes, keepdim, kAllDTypes, true), "all");
  return eq(sum(logical_not(x), axes, keepdim), 0);
}

Tensor logsumexp(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim) {
  common_device("logsumexp", {x});
  const Reduction r = or_throw(reduction(x.spec(), axes, keepdim, kFloating, true), "logsumexp");
  Tensor y = reduce(x, r, x.dtype(), 1,
                    [&](Tensor& kept, Tensor& partials) { logsumexp_kernels.run(x, x, kept, partials); });
  return logsumexp_grad.record({x}, y, [&] { return ReducedSaved{x, r.kept.shape}; });
}

Tensor argmax(const Tensor& x, int64_t axis, bool keepdim) {
  return arg_extremum(x, axis, keepdim, argmax_kernels);
}
Tensor argmin(const Tensor& x, int64_t axis, bool keepdim) {
  return arg_extremum(x, axis, keepdim, argmin_kernels);
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  common_device("sum_to", {x});
  if (x.shape() == shape) return is_floating(x.dtype()) ? x : cast(x, kI64);
  absl::StatusOr<Shape> broadcast = broadcast_shapes(x.shape(), shape);
  ROUX_CHECK(broadcast.ok() && *broadcast == x.shape())
      << "sum_to: shape does not broadcast to x: x is " << x.spec() << ", asked for " << shape;
  const int missing = x.dim() - shape.rank();
  Dims axes;
  for (int i = 0; i < x.dim(); ++i) {
    if (i < missing || (shape[i - missing] == 1 && x.shape()[i] != 1)) axes.push_back(i);
  }
  return reshape(sum(x, absl::MakeConstSpan(axes.begin(), static_cast<size_t>(axes.rank())), true), shape);
}

Tensor sum(const Tensor& x) { return sum(x, all_axes(x, "sum")); }
Tensor sum(const Tensor& x, int64_t axis, bool keepdim) { return sum(x, {&axis, 1}, keepdim); }
Tensor mean(const Tensor& x) { return mean(x, all_axes(x, "mean")); }
Tensor mean(const Tensor& x, int64_t axis, bool keepdim) { return mean(x, {&axis, 1}, keepdim); }
Tensor amax(const Tensor& x) { return amax(x, all_axes(x, "amax")); }
Tensor amax(const Tensor& x, int64_t axis, bool keepdim) { return amax(x, {&axis, 1}, keepdim); }
Tensor amin(const Tensor& x) { return amin(x, all_axes(x, "amin")); }
Tensor amin(const Tensor& x, int64_t axis, bool keepdim) { return amin(x, {&axis, 1}, keepdim); }
Tensor prod(const Tensor& x) { return prod(x, all_axes(x, "prod")); }
Tensor prod(const Tensor& x, int64_t axis, bool keepdim) { return prod(x, {&axis, 1}, keepdim); }
Tensor var(const Tensor& x) { return var(x, all_axes(x, "var")); }
Tensor var(const Tensor& x, int64_t axis, bool keepdim, double correction) {
  return var(x, {&axis, 1}, keepdim, correction);
}
Tensor std(const Tensor& x) { return std(x, all_axes(x, "std")); }
Tensor std(const Tensor& x, int64_t axis, bool keepdim, double correction) {
  return std(x, {&axis, 1}, keepdim, correction);
}
Tensor any(const Tensor& x) { return any(x, all_axes(x, "any")); }
Tensor any(const Tensor& x, int64_t axis, bool keepdim) { return any(x, {&axis, 1}, keepdim); }
Tensor all(const Tensor& x) { return all(x, all_axes(x, "all")); }
Tensor all(const Tensor& x, int64_t axis, bool keepdim) { return all(x, {&axis, 1}, keepdim); }
Tensor logsumexp(const Tensor& x) { return logsumexp(x, all_axes(x, "logsumexp")); }
Tensor logsumexp(const Tensor& x, int64_t axis, bool keepdim) { return logsumexp(x, {&axis, 1}, keepdim); }

}  // namespace roux
