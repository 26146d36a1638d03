#include "tensor/overlap.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "absl/container/inlined_vector.h"

namespace roux {
namespace {

struct Axis {
  int64_t count, stride;
};
using Axes = absl::InlinedVector<Axis, 2 * kMaxRank>;

// Adds the axes of x that move, with positive strides (elements), and returns the lowest place that x
// reaches, counted from its first element.
int64_t append_axes(const Shape& shape, const Strides& strides, Axes* axes) {
  int64_t lowest = 0;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] == 1 || strides[i] == 0) continue;
    if (strides[i] < 0) lowest += (shape[i] - 1) * strides[i];
    axes->push_back({shape[i], std::abs(strides[i])});
  }
  return lowest;
}

int64_t extent(absl::Span<const Axis> axes) {
  int64_t sum = 0;
  for (const Axis& axis : axes) sum += (axis.count - 1) * axis.stride;
  return sum;
}

// Longest strides first; axes of one stride become one.
void sort_and_merge(Axes* axes) {
  std::sort(axes->begin(), axes->end(), [](const Axis& a, const Axis& b) { return a.stride > b.stride; });
  size_t kept = 0;
  for (size_t i = 0; i < axes->size(); ++i) {
    if (kept > 0 && (*axes)[kept - 1].stride == (*axes)[i].stride) {
      (*axes)[kept - 1].count += (*axes)[i].count - 1;
    } else {
      (*axes)[kept++] = (*axes)[i];
    }
  }
  axes->resize(kept);
}

// Whether `target` is a sum of x_k * stride_k with 0 <= x_k < count_k. `work` bounds the search: when it is
// used up the answer is yes.
bool is_sum(absl::Span<const Axis> axes, int64_t target, int* work) {
  if (target == 0) return true;
  if (target < 0 || target > extent(axes)) return false;
  if (--*work < 0) return true;
  const Axis& first = axes[0];
  if (axes.size() == 1) return target % first.stride == 0;
  const absl::Span<const Axis> others = axes.subspan(1);
  const int64_t rest = extent(others);
  for (int64_t x = std::min(first.count - 1, target / first.stride);
       x >= 0 && target - x * first.stride <= rest; --x) {
    if (is_sum(others, target - x * first.stride, work)) return true;
  }
  return false;
}
constexpr int kWork = 10000;  // about 0.1 ms; views that slices, transposes and expands make need a few dozen

}  // namespace

bool overlaps_itself(const Tensor& x) {
  if (x.is_contiguous() || x.numel() <= 1) return false;
  Axes axes;
  for (int i = 0; i < x.dim(); ++i) {
    if (x.strides()[i] == 0 && x.shape()[i] > 1) return true;
  }
  append_axes(x.shape(), x.strides(), &axes);
  std::sort(axes.begin(), axes.end(), [](const Axis& a, const Axis& b) { return a.stride > b.stride; });
  int64_t inner = extent(axes);
  bool nested = true;
  for (const Axis& axis : axes) {  // each stride steps over all that lies inside it
    inner -= (axis.count - 1) * axis.stride;
    nested = nested && axis.stride > inner;
  }
  if (nested) return false;
  // Two different indices of one place differ first in some axis k, by d in [1, count_k), and
  // d * stride_k = sum over later axes of d_l * stride_l with |d_l| < count_l. Shifted to sums of what is not
  // negative.
  int work = kWork;
  for (size_t k = 0; k < axes.size(); ++k) {
    Axes sum;
    for (size_t l = k + 1; l < axes.size(); ++l) sum.push_back({2 * axes[l].count - 1, axes[l].stride});
    const int64_t target = (axes[k].count - 1) * axes[k].stride + extent(sum) / 2;
    if (axes[k].count > 2) sum.push_back({axes[k].count - 1, axes[k].stride});
    sort_and_merge(&sum);
    if (is_sum(sum, target, &work)) return true;
  }
  return false;
}

namespace {
// From a's first element to b's, in bytes; none when they cannot meet.
std::optional<int64_t> distance_between(const Tensor& a, const Tensor& b) {
  if (a.impl()->storage.get() == b.impl()->storage.get()) {
    return b.impl()->offset * static_cast<int64_t>(size_of(b.dtype())) -
           a.impl()->offset * static_cast<int64_t>(size_of(a.dtype()));
  }
  // Memory from outside may be in two storages; meta has none.
  if (!(a.device() == b.device()) || a.device().type == DeviceType::kMeta) return std::nullopt;
  return static_cast<int64_t>(reinterpret_cast<uintptr_t>(b.raw_data()) -
                              reinterpret_cast<uintptr_t>(a.raw_data()));
}
}  // namespace

bool shares_memory(const Tensor& a, const Tensor& b) {
  const std::optional<int64_t> distance = distance_between(a, b);
  if (!distance || a.numel() == 0 || b.numel() == 0) return false;
  const auto size_a = static_cast<int64_t>(size_of(a.dtype())),
             size_b = static_cast<int64_t>(size_of(b.dtype()));
  Axes axes, others;
  const int64_t lowest_a = append_axes(a.shape(), a.strides(), &axes) * size_a;
  const int64_t lowest_b = *distance + append_axes(b.shape(), b.strides(), &others) * size_b;
  if (lowest_a + (extent(axes) + 1) * size_a <= lowest_b) return false;
  if (lowest_b + (extent(others) + 1) * size_b <= lowest_a) return false;
  if (a.dtype() != b.dtype() || *distance % size_a != 0) return true;
  // a's place i is b's place j where i - j = (lowest_b - lowest_a): with b's axes turned round all terms add.
  const int64_t target = (lowest_b - lowest_a) / size_a + extent(others);
  axes.insert(axes.end(), others.begin(), others.end());
  sort_and_merge(&axes);
  int work = kWork;
  return is_sum(axes, target, &work);
}

Overlap overlap(const Tensor& x, const Tensor& source) {
  bool same = distance_between(x, source) == 0 && x.dtype() == source.dtype();
  if (same) {
    const Strides strides = broadcast_strides(source.shape(), source.strides(), x.shape());
    for (int i = 0; same && i < x.dim(); ++i) same = x.shape()[i] == 1 || x.strides()[i] == strides[i];
  }
  if (same) return Overlap::kSame;
  return shares_memory(x, source) ? Overlap::kPartial : Overlap::kNone;
}

}  // namespace roux
