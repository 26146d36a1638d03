#include "tensor/ops/view.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise_tables.h"
#include "tensor/ops/view_tables.h"

namespace roux {

namespace {
constexpr const char* kRules = "//autograd/rules";
}
constinit GradSlot<ShapeSaved> view_grad("view", kRules), expand_grad("expand", kRules);
constinit GradSlot<PermuteSaved> permute_grad("permute", kRules);
constinit GradSlot<SliceSaved> slice_grad("slice", kRules), slice_backward_grad("slice_backward", kRules);
constinit GradSlot<SplitSaved> split_grad("split", kRules);
constinit GradSlot<ContiguousSaved> contiguous_grad("contiguous", kRules);
constinit GradSlot<DiagonalSaved> diagonal_grad("diagonal", kRules),
    diagonal_backward_grad("diagonal_backward", kRules);
constinit GradSlot<ContiguousSaved> straight_through_grad("straight_through", kRules);

namespace {

absl::StatusOr<Shape> infer_shape(const TensorSpec& x, Shape shape) {
  Shape known_sizes = shape;
  int unknown = -1;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] == -1 && unknown < 0) {
      unknown = i;
      known_sizes[i] = 1;
    } else if (shape[i] < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("negative size: asked for ", to_string(shape), ", x is ", to_string(x)));
    }
  }
  int64_t known = numel(known_sizes);
  const int64_t count = numel(x.shape);
  if (unknown >= 0 && known > 0 && count % known == 0) {
    shape[unknown] = count / known;
    known = count;
  }
  if (known != count || (unknown >= 0 && shape[unknown] == -1)) {
    return absl::InvalidArgumentError(absl::StrCat("shape does not fit: x is ", to_string(x), " with ", count,
                                                   " elements, asked for ", to_string(shape)));
  }
  return shape;
}

// Strides that show x under `shape` without a copy; false when there are none.
bool view_strides(const Tensor& x, const Shape& shape, Strides* strides) {
  if (x.is_contiguous()) {
    *strides = contiguous_strides(shape);
    return true;
  }
  *strides = Strides::filled(shape.rank(), 0);
  int axis = x.dim() - 1, out = shape.rank() - 1;
  while (axis >= 0) {  // one run of axes of x that lie contiguously behind each other
    int64_t run = x.shape()[axis];
    const int64_t inner = x.strides()[axis];
    while (axis > 0 && (x.shape()[axis - 1] == 1 || x.strides()[axis - 1] == run * inner)) {
      run *= x.shape()[--axis];
    }
    int64_t filled = 1;
    while (out >= 0 && filled * shape[out] <= run && (filled < run || shape[out] == 1)) {
      (*strides)[out] = inner * filled;
      filled *= shape[out--];
    }
    if (filled != run) return false;
    --axis;
  }
  return out < 0 || numel(shape) == numel(x.shape());
}

Tensor permuted(const Tensor& x, const Dims& axes) {
  Shape shape = x.shape();
  Strides strides = x.strides();
  for (int i = 0; i < axes.rank(); ++i) {
    shape[i] = x.shape()[static_cast<int>(axes[i])];
    strides[i] = x.strides()[static_cast<int>(axes[i])];
  }
  return permute_grad.record({x}, alias(x, shape, strides, x.impl()->offset),
                             [&] { return PermuteSaved{axes}; });
}

Tensor reshaped(const Tensor& x, const Shape& shape, const Strides& strides) {
  return view_grad.record({x}, alias(x, shape, strides, x.impl()->offset),
                          [&] { return ShapeSaved{x.shape()}; });
}

}  // namespace

Tensor view(const Tensor& x, const Shape& shape) {
  common_device("view", {x});
  const Shape inferred = or_throw(infer_shape(x.spec(), shape), "view");
  Strides strides;
  ROUX_CHECK(view_strides(x, inferred, &strides))
      << "view: x is not contiguous enough: x is " << x.spec() << " with strides " << x.strides()
      << ", asked for " << shape << "; use reshape";
  return reshaped(x, inferred, strides);
}

Tensor reshape(const Tensor& x, const Shape& shape) {
  common_device("reshape", {x});
  const Shape inferred = or_throw(infer_shape(x.spec(), shape), "reshape");
  if (inferred == x.shape()) return x;
  Strides strides;
  if (view_strides(x, inferred, &strides)) return reshaped(x, inferred, strides);
  return reshaped(contiguous(x), inferred, contiguous_strides(inferred));
}

Tensor contiguous(const Tensor& x) {
  common_device("contiguous", {x});
  if (x.is_contiguous()) return x;
  Tensor y = empty(x.spec(), x.device());
  cast_kernels.run(x, x, y);
  return contiguous_grad.record({x}, y, [] { return ContiguousSaved{}; });
}

Tensor straight_through(const Tensor& hard, const Tensor& soft) {
  common_device("straight_through", {hard, soft});
  ROUX_CHECK(hard.spec() == soft.spec() && is_floating(soft.dtype()))
      << "straight_through: hard and soft must be alike and floating: hard is " << hard.spec() << ", soft is "
      << soft.spec();
  return straight_through_grad.record({soft}, hard.detach(), [] { return ContiguousSaved{}; });
}

Tensor transpose(const Tensor& x, int64_t axis0, int64_t axis1) {
  common_device("transpose", {x});
  const int a = or_throw(normalize_axis(axis0, x.spec()), "transpose");
  const int b = or_throw(normalize_axis(axis1, x.spec()), "transpose");
  Dims axes = Dims::filled(x.dim(), 0);
  for (int i = 0; i < x.dim(); ++i) axes[i] = i == a ? b : (i == b ? a : i);
  return permuted(x, axes);
}

Tensor permute(const Tensor& x, absl::Span<const int64_t> axes) {
  common_device("permute", {x});
  Dims normalized;
  uint32_t seen = 0;
  for (int64_t axis : axes) {
    normalized.push_back(or_throw(normalize_axis(axis, x.spec()), "permute"));
    seen |= 1u << normalized.back();
  }
  ROUX_CHECK(normalized.rank() == x.dim() && seen == (1u << x.dim()) - 1)
      << "permute: axes " << Dims(axes) << " are not a permutation of the axes of x, which is " << x.spec();
  return permuted(x, normalized);
}

Tensor squeeze(const Tensor& x, int64_t axis) {
  common_device("squeeze", {x});
  const int at = or_throw(normalize_axis(axis, x.spec()), "squeeze");
  ROUX_CHECK(x.shape()[at] == 1) << "squeeze: axis " << axis << " of x has not size 1: x is " << x.spec();
  Shape shape = x.shape();
  Strides strides = x.strides();
  shape.erase(at);
  strides.erase(at);
  return reshaped(x, shape, strides);
}

Tensor unsqueeze(const Tensor& x, int64_t axis) {
  common_device("unsqueeze", {x});
  const absl::StatusOr<int> position = normalize_axis(axis, x.dim() + 1);
  ROUX_CHECK(position.ok()) << "unsqueeze: " << position.status().message() << " of the result: x is "
                            << x.spec();
  const int at = *position;
  Shape shape = x.shape();
  Strides strides = x.strides();
  strides.insert(at, at < x.dim() ? shape[at] * strides[at] : 1);
  shape.insert(at, 1);
  return reshaped(x, shape, strides);
}

Tensor expand(const Tensor& x, const Shape& shape) {
  common_device("expand", {x});
  absl::StatusOr<Shape> broadcast = broadcast_shapes(x.shape(), shape);
  ROUX_CHECK(broadcast.ok() && *broadcast == shape)
      << "expand: x does not broadcast to the shape: x is " << x.spec() << ", asked for " << shape;
  if (shape == x.shape()) return x;
  return expand_grad.record(
      {x}, alias(x, shape, broadcast_strides(x.shape(), x.strides(), shape), x.impl()->offset),
      [&] { return ShapeSaved{x.shape()}; });
}

Tensor slice(const Tensor& x, int64_t axis, int64_t begin, int64_t end, int64_t step) {
  common_device("slice", {x});
  const int at = or_throw(normalize_axis(axis, x.spec()), "slice");
  ROUX_CHECK(step >= 1) << "slice: step is " << step << ", at least 1 is needed";
  const int64_t size = x.shape()[at];
  begin = std::clamp<int64_t>(begin < 0 ? begin + size : begin, 0, size);
  end = std::clamp<int64_t>(end < 0 ? end + size : end, begin, size);
  Shape shape = x.shape();
  Strides strides = x.strides();
  step = std::min(step, std::max<int64_t>(size, 1));  // a longer one picks the same element
  shape[at] = (end - begin + step - 1) / step;
  strides[at] *= step;
  const int64_t offset = x.impl()->offset + begin * x.strides()[at];
  return slice_grad.record({x}, alias(x, shape, strides, offset), [&] {
    return SliceSaved{x.shape(), at, begin, step};
  });
}

Tensor slice_backward(const Tensor& x, const SliceSaved& saved) {
  Tensor y = zeros(saved.shape, x.dtype(), x.device());
  Shape shape = x.shape();
  Strides strides = y.strides();
  strides[saved.axis] *= saved.step;
  Tensor target = alias(y, shape, strides, saved.begin * y.strides()[saved.axis]);
  cast_kernels.run(x, x, target);
  return slice_backward_grad.record({x}, y, [&] {
    SliceSaved inner = saved;
    inner.shape = x.shape();
    return inner;
  });
}

Tensor select(const Tensor& x, int64_t axis, int64_t index) {
  common_device("select", {x});
  const int64_t size = x.shape()[or_throw(normalize_axis(axis, x.spec()), "select")];
  ROUX_CHECK(index >= -size && index < size) << "select: index " << index << " is out of range: axis " << axis
                                             << " of x is " << size << ", x is " << x.spec();
  if (index < 0) index += size;
  return squeeze(slice(x, axis, index, index + 1), axis);
}

std::vector<Tensor> split(const Tensor& x, absl::Span<const int64_t> sizes, int64_t axis) {
  common_device("split", {x});
  const int at = or_throw(normalize_axis(axis, x.spec()), "split");
  const int64_t length = x.shape()[at];
  int64_t total = 0;
  for (int64_t size : sizes) {
    ROUX_CHECK(size >= 0 && size <= length) << "split: size " << size << " does not fit: axis " << axis
                                            << " of x has size " << length << ", x is " << x.spec();
    total += size;
  }
  ROUX_CHECK(total == length) << "split: " << sizes.size() << " sizes add up to " << total << ", axis "
                              << axis << " of x has size " << length << ", x is " << x.spec();
  std::vector<Tensor> pieces;
  int64_t offset = x.impl()->offset;
  for (int64_t size : sizes) {
    Shape shape = x.shape();
    shape[at] = size;
    pieces.push_back(alias(x, shape, x.strides(), offset));
    offset += size * x.strides()[at];
  }
  std::vector<Tensor*> outputs;
  for (Tensor& piece : pieces) outputs.push_back(&piece);
  split_grad.record_all({x}, outputs, [&] {
    SplitSaved saved{{}, at, x.device()};
    for (const Tensor& piece : pieces) saved.pieces.push_back(piece.spec());
    return saved;
  });
  return pieces;
}

std::vector<Tensor> chunk(const Tensor& x, int64_t count, int64_t axis) {
  common_device("chunk", {x});
  const int64_t size = x.shape()[or_throw(normalize_axis(axis, x.spec()), "chunk")];
  ROUX_CHECK(count >= 1) << "chunk: count is " << count << ", at least 1 is needed";
  const int64_t length = std::max<int64_t>(1, (size + count - 1) / count);
  std::vector<int64_t> sizes;
  for (int64_t begin = 0; begin < size || begin == 0; begin += length) {
    sizes.push_back(std::min(length, size - begin));
  }
  return split(x, sizes, axis);
}

std::vector<Tensor> unbind(const Tensor& x, int64_t axis) {
  common_device("unbind", {x});
  const int at = or_throw(normalize_axis(axis, x.spec()), "unbind");
  std::vector<Tensor> elements;
  for (const Tensor& piece : split(x, std::vector<int64_t>(static_cast<size_t>(x.shape()[at]), 1), at)) {
    elements.push_back(squeeze(piece, at));
  }
  return elements;
}

namespace {
// The diagonal of a tensor of shape saved.shape.
Tensor diagonal_of(const Tensor& x, const DiagonalSaved& saved) {
  const int a = saved.axis0, b = saved.axis1;
  const int64_t down = std::max<int64_t>(0, -saved.offset), right = std::max<int64_t>(0, saved.offset);
  const int64_t length = std::max<int64_t>(0, std::min(x.shape()[a] - down, x.shape()[b] - right));
  Shape shape = x.shape();
  Strides strides = x.strides();
  const int64_t first = length == 0 ? 0 : down * strides[a] + right * strides[b];
  for (int axis : {std::max(a, b), std::min(a, b)}) {
    shape.erase(axis);
    strides.erase(axis);
  }
  shape.push_back(length);
  strides.push_back(x.strides()[a] + x.strides()[b]);
  return alias(x, shape, strides, x.impl()->offset + first);
}
}  // namespace

Tensor diagonal(const Tensor& x, int64_t offset, int64_t axis0, int64_t axis1) {
  common_device("diagonal", {x});
  const int a = or_throw(normalize_axis(axis0, x.spec()), "diagonal");
  const int b = or_throw(normalize_axis(axis1, x.spec()), "diagonal");
  ROUX_CHECK(a != b) << "diagonal: axes " << axis0 << " and " << axis1 << " are the same: x is " << x.spec();
  offset = std::clamp(offset, -x.shape()[a], x.shape()[b]);  // empty from there on
  const DiagonalSaved saved{x.shape(), offset, a, b};
  return diagonal_grad.record({x}, diagonal_of(x, saved), [&] { return saved; });
}

Tensor diagonal_backward(const Tensor& x, const DiagonalSaved& saved) {
  Tensor y = zeros(saved.shape, x.dtype(), x.device());
  Tensor target = diagonal_of(y, saved);
  cast_kernels.run(x, x, target);
  return diagonal_backward_grad.record({x}, y, [&] { return saved; });
}

Tensor Tensor::contiguous() const { return roux::contiguous(*this); }
Tensor Tensor::view(const Shape& shape) const { return roux::view(*this, shape); }
Tensor Tensor::reshape(const Shape& shape) const { return roux::reshape(*this, shape); }
Tensor Tensor::transpose(int64_t axis0, int64_t axis1) const { return roux::transpose(*this, axis0, axis1); }
Tensor Tensor::permute(absl::Span<const int64_t> axes) const { return roux::permute(*this, axes); }
Tensor Tensor::slice(int64_t axis, int64_t begin, int64_t end, int64_t step) const {
  return roux::slice(*this, axis, begin, end, step);
}
Tensor Tensor::squeeze(int64_t axis) const { return roux::squeeze(*this, axis); }
Tensor Tensor::unsqueeze(int64_t axis) const { return roux::unsqueeze(*this, axis); }
Tensor Tensor::expand(const Shape& shape) const { return roux::expand(*this, shape); }

}  // namespace roux
