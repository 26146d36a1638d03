#include "tensor/shape.h"

#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tensor/error.h"

namespace roux {

Dims::Dims(absl::Span<const int64_t> values) {
  ROUX_CHECK(values.size() <= kMaxRank)
      << "shape: " << values.size() << " axes, at most " << kMaxRank << " are supported";
  for (int64_t value : values) values_[rank_++] = value;
}

Dims Dims::filled(int rank, int64_t value) {
  Dims dims;
  for (int i = 0; i < rank; ++i) dims.push_back(value);
  return dims;
}

void Dims::push_back(int64_t value) { insert(rank_, value); }

void Dims::insert(int axis, int64_t value) {
  ROUX_CHECK(rank_ < kMaxRank) << "shape: " << rank_ + 1 << " axes, at most " << kMaxRank << " are supported";
  for (int i = rank_; i > axis; --i) values_[i] = values_[i - 1];
  values_[axis] = value;
  ++rank_;
}

void Dims::erase(int axis) {
  for (int i = axis; i + 1 < rank_; ++i) values_[i] = values_[i + 1];
  --rank_;
}

std::string to_string(const Dims& dims) { return absl::StrCat("[", absl::StrJoin(dims, ","), "]"); }
std::ostream& operator<<(std::ostream& out, const Dims& dims) { return out << to_string(dims); }

std::string to_string(const TensorSpec& spec) {
  return absl::StrCat(name(spec.dtype), to_string(spec.shape));
}
Shape value_shape(const TensorSpec& spec) {
  Shape shape = spec.shape;
  if (shape.rank() > 0) shape[shape.rank() - 1] *= values_per_element(spec.dtype);
  return shape;
}
std::ostream& operator<<(std::ostream& out, const TensorSpec& spec) { return out << to_string(spec); }

int64_t numel(const Shape& shape) {
  int64_t count = 1;
  bool empty = false;
  for (int64_t size : shape) {
    empty |= size == 0;
    ROUX_CHECK(!__builtin_mul_overflow(count, size == 0 ? 1 : size, &count))
        << "shape: too large: " << shape << " has more elements than an int64 counts";
  }
  return empty ? 0 : count;
}

Strides contiguous_strides(const Shape& shape) {
  Strides strides = shape;
  int64_t stride = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

bool is_contiguous(const Shape& shape, const Strides& strides) {
  int64_t expected = 1;
  bool packed = true;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    if (shape[i] == 0) return true;  // whatever the strides of the other axes are
    packed &= shape[i] == 1 || strides[i] == expected;
    expected *= shape[i];
  }
  return packed;
}

absl::StatusOr<int> normalize_axis(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    return absl::InvalidArgumentError(absl::StrCat("axis ", axis, " is out of range for rank ", rank));
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

absl::StatusOr<int> normalize_axis(int64_t axis, const TensorSpec& spec, const char* argument) {
  absl::StatusOr<int> at = normalize_axis(axis, spec.shape.rank());
  if (at.ok()) return at;
  return absl::InvalidArgumentError(
      absl::StrCat(at.status().message(), ": ", argument, " is ", to_string(spec)));
}

absl::StatusOr<Shape> broadcast_shapes(const Shape& a, const Shape& b) {
  if (a == b) return a;
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  Shape out = longer;
  const int offset = longer.rank() - shorter.rank();
  for (int i = 0; i < shorter.rank(); ++i) {
    const int64_t l = longer[offset + i], s = shorter[i];
    if (l != s && l != 1 && s != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("shapes ", to_string(a), " and ", to_string(b), " do not broadcast"));
    }
    out[offset + i] = l == 1 ? s : l;
  }
  return out;
}

Strides broadcast_strides(const Shape& from, const Strides& strides, const Shape& to) {
  Strides out = Strides::filled(to.rank(), 0);
  const int offset = to.rank() - from.rank();
  for (int i = 0; i < from.rank(); ++i) out[offset + i] = from[i] == 1 ? 0 : strides[i];
  return out;
}

}  // namespace roux
