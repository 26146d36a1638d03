// Shape and strides: up to eight int64 axes held in place (no allocation, trivially copyable). Sizes, strides
// and offsets count elements, not bytes.
#ifndef ROUX_TENSOR_SHAPE_H_
#define ROUX_TENSOR_SHAPE_H_

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "tensor/dtype.h"

namespace roux {

inline constexpr int kMaxRank = 8;

class Dims {
 public:
  Dims() = default;
  Dims(std::initializer_list<int64_t> values)
      : Dims(absl::Span<const int64_t>(values.begin(), values.size())) {}
  explicit Dims(absl::Span<const int64_t> values);  // throws Error above kMaxRank axes
  static Dims filled(int rank, int64_t value);

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return values_[axis]; }
  int64_t& operator[](int axis) { return values_[axis]; }
  const int64_t* begin() const { return values_; }
  const int64_t* end() const { return values_ + rank_; }
  int64_t back() const { return values_[rank_ - 1]; }
  void push_back(int64_t value);  // throws Error above kMaxRank axes
  void insert(int axis, int64_t value);
  void erase(int axis);

  friend bool operator==(const Dims& a, const Dims& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i) {
      if (a.values_[i] != b.values_[i]) return false;
    }
    return true;
  }

 private:
  int64_t values_[kMaxRank];
  int rank_ = 0;
};

using Shape = Dims;
using Strides = Dims;

std::string to_string(const Dims& dims);  // "[4,3]"
std::ostream& operator<<(std::ostream& out, const Dims& dims);

// Product of the sizes; 1 for rank 0. Throws Error when the product of the sizes that are not 0 overflows, so
// that strides and offsets of a shape that has passed fit an int64 too.
int64_t numel(const Shape& shape);
Strides contiguous_strides(const Shape& shape);  // row-major
bool is_contiguous(const Shape& shape, const Strides& strides);

// Maps axis in [-rank, rank) to [0, rank); for `insert` positions pass rank + 1. Error text: "axis 3 is out
// of range for rank 2".
absl::StatusOr<int> normalize_axis(int64_t axis, int rank);

// The broadcast of two shapes (right-aligned; equal, or one of them 1, or missing). Error: "shapes [4,3] and
// [5] do not broadcast".
absl::StatusOr<Shape> broadcast_shapes(const Shape& a, const Shape& b);

// Strides that read a tensor of shape `from` (strides `strides`) as if it had the broadcast shape `to`: 0 on
// broadcast axes. `to` must be a broadcast of `from`.
Strides broadcast_strides(const Shape& from, const Strides& strides, const Shape& to);

// Everything about a tensor except device and data: what pure shape rules map to.
struct TensorSpec {
  DType dtype = kF32;
  Shape shape;
};
inline bool operator==(const TensorSpec& a, const TensorSpec& b) {
  return a.dtype == b.dtype && a.shape == b.shape;
}
std::string to_string(const TensorSpec& spec);  // "f32[4,3]"
// Of the values that the tensor stands for: the shape, but that blocks count as their values.
Shape value_shape(const TensorSpec& spec);
std::ostream& operator<<(std::ostream& out, const TensorSpec& spec);

// normalize_axis for an axis of an op's argument. Error text: "axis 3 is out of range for rank 2: x is
// f32[4,3]".
absl::StatusOr<int> normalize_axis(int64_t axis, const TensorSpec& spec, const char* argument = "x");

}  // namespace roux

#endif  // ROUX_TENSOR_SHAPE_H_
