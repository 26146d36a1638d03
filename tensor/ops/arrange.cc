#include "tensor/ops/arrange.h"

#include "tensor/ops/arrange_tables.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise_tables.h"
#include "tensor/ops/index.h"
#include "tensor/ops/view.h"

namespace roux {

constinit GradSlot<FlipSaved> flip_grad("flip", "//autograd/rules");

Tensor flip(const Tensor& x, absl::Span<const int64_t> axes) {
  common_device("flip", {x});
  Strides strides = x.strides();
  int64_t offset = x.impl()->offset;
  uint32_t seen = 0;
  Dims flipped;
  for (int64_t axis : axes) {
    const int at = or_throw(normalize_axis(axis, x.spec()), "flip");
    ROUX_CHECK((seen >> at & 1u) == 0) << "flip: axis " << axis << " is named twice: x is " << x.spec();
    seen |= 1u << at;
    flipped.push_back(at);
    if (x.shape()[at] <= 1) continue;
    offset += (x.shape()[at] - 1) * strides[at];
    strides[at] = -strides[at];
  }
  Tensor y = empty(x.spec(), x.device());
  const Tensor backwards = alias(x, x.shape(), strides, offset);
  cast_kernels.run(x, backwards, y);
  return flip_grad.record({x}, y, [&] { return FlipSaved{flipped}; });
}

Tensor roll(const Tensor& x, int64_t shift, int64_t axis) {
  common_device("roll", {x});
  const int at = or_throw(normalize_axis(axis, x.spec()), "roll");
  const int64_t n = x.shape()[at];
  if (n == 0 || shift % n == 0) return x;
  const int64_t first = n - (shift % n + n) % n;
  return cat({slice(x, at, first, n), slice(x, at, 0, first)}, at);
}

Tensor repeat(const Tensor& x, absl::Span<const int64_t> counts) {
  common_device("repeat", {x});
  const int rank = static_cast<int>(counts.size());
  ROUX_CHECK(rank >= x.dim()) << "repeat: fewer counts than axes: counts are " << Dims(counts) << ", x is "
                              << x.spec();
  Tensor y = x;
  while (y.dim() < rank) y = unsqueeze(y, 0);
  for (int axis = 0; axis < rank; ++axis) {
    const int64_t count = counts[static_cast<size_t>(axis)];
    ROUX_CHECK(count >= 0) << "repeat: negative count: counts are " << Dims(counts);
    if (count == 1) continue;
    ROUX_CHECK(rank < kMaxRank) << "repeat: the result has " << rank << " axes, needed fewer than "
                                << kMaxRank;
    Shape apart = y.shape(), joined = y.shape();
    apart.insert(axis, count);
    joined[axis] *= count;
    y = reshape(expand(unsqueeze(y, axis), apart), joined);
  }
  return contiguous(y);
}

Tensor repeat_interleave(const Tensor& x, int64_t count, int64_t axis) {
  common_device("repeat_interleave", {x});
  const int at = or_throw(normalize_axis(axis, x.spec()), "repeat_interleave");
  ROUX_CHECK(count >= 0) << "repeat_interleave: negative count " << count;
  if (count == 1) return x;
  ROUX_CHECK(x.dim() < kMaxRank) << "repeat_interleave: x has " << x.dim() << " axes, needed fewer than "
                                 << kMaxRank;
  Shape apart = x.shape(), joined = x.shape();
  apart.insert(at + 1, count);
  joined[at] *= count;
  return contiguous(reshape(expand(unsqueeze(x, at + 1), apart), joined));
}

Tensor repeat_interleave(const Tensor& x, const Tensor& counts, int64_t axis) {
  common_device("repeat_interleave", {x, counts});
  const int at = or_throw(normalize_axis(axis, x.spec()), "repeat_interleave");
  ROUX_CHECK(counts.shape() == Shape{x.size(at)} && is_integer(counts.dtype()))
      << "repeat_interleave: counts do not match: counts is " << counts.spec() << ", x is " << x.spec()
      << ", needed i32 or i64 [" << x.size(at) << "]";
  std::vector<int64_t> index;
  int64_t position = 0;
  for (const int64_t count : counts.to_vector<int64_t>()) {
    ROUX_CHECK(count >= 0) << "repeat_interleave: negative count " << count << " at " << position;
    index.insert(index.end(), static_cast<size_t>(count), position++);
  }
  const auto size = static_cast<int64_t>(index.size());
  return index_select(x, at, tensor(index, {size}, x.device()));
}

Tensor stack(absl::Span<const Tensor> tensors, int64_t axis) {
  ROUX_CHECK(!tensors.empty()) << "stack: needs at least one tensor";
  common_device("stack", {tensors[0]});
  const int at = or_throw(normalize_axis(axis, tensors[0].dim() + 1), "stack");
  ROUX_CHECK(tensors[0].dim() < kMaxRank)
      << "stack: tensors have " << tensors[0].dim() << " axes, needed fewer than " << kMaxRank;
  std::vector<Tensor> apart;
  for (const Tensor& x : tensors) {
    common_device("stack", {tensors[0], x});
    ROUX_CHECK(x.shape() == tensors[0].shape())
        << "stack: shapes differ: " << tensors[0].spec() << " and " << x.spec();
    apart.push_back(unsqueeze(x, at));
  }
  return cat(apart, at);
}

}  // namespace roux
