// Walks N operands of one broadcast shape together: axes are merged where all operands allow it, and the
// caller gets runs along the innermost axis. Work is cut by element counts alone (see tensor/parallel.h).
#ifndef ROUX_TENSOR_CPU_STRIDED_LOOP_H_
#define ROUX_TENSOR_CPU_STRIDED_LOOP_H_

#include <algorithm>
#include <array>

#include "tensor/cpu/grain.h"
#include "tensor/parallel.h"
#include "tensor/tensor.h"

namespace roux::cpu {

template <int N>
class StridedLoop {
 public:
  using Offsets = std::array<int64_t, N>;

  // strides[i] of operand i over `shape`, in elements.
  StridedLoop(const Shape& shape, const std::array<Strides, N>& strides) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis] == 1) continue;
      bool merge = sizes_.rank() > 0;
      for (int i = 0; merge && i < N; ++i) merge = strides_[i].back() == strides[i][axis] * shape[axis];
      if (merge) {
        const int last = sizes_.rank() - 1;
        sizes_[last] *= shape[axis];
        for (int i = 0; i < N; ++i) strides_[i][last] = strides[i][axis];
      } else {
        sizes_.push_back(shape[axis]);
        for (int i = 0; i < N; ++i) strides_[i].push_back(strides[i][axis]);
      }
    }
    if (sizes_.rank() == 0) {
      sizes_.push_back(1);
      for (int i = 0; i < N; ++i) strides_[i].push_back(0);
    }
  }

  // inner(offsets, strides, n): n elements of operand i lie at offsets[i] + k * strides[i]. grain: elements
  // per task.
  template <class Inner>
  void run(const Inner& inner, int64_t grain = kElementwiseGrain) const {
    const int last = sizes_.rank() - 1;
    const int64_t n = sizes_[last];
    int64_t rows = 1;
    for (int axis = 0; axis < last; ++axis) rows *= sizes_[axis];
    if (rows == 0 || n == 0) return;
    Offsets step;
    for (int i = 0; i < N; ++i) step[i] = strides_[i][last];
    if (rows == 1) {
      if (n <= grain) return inner(Offsets{}, step, n);
      parallel_for(0, n, grain, [&](int64_t begin, int64_t end) {
        Offsets at;
        for (int i = 0; i < N; ++i) at[i] = begin * step[i];
        inner(at, step, end - begin);
      });
      return;
    }
    parallel_for(0, rows, std::max<int64_t>(1, grain / n), [&](int64_t begin, int64_t end) {
      Dims index = Dims::filled(last, 0);
      Offsets at{};
      for (int64_t rest = begin, axis = last - 1; axis >= 0; --axis) {
        const int a = static_cast<int>(axis);
        index[a] = rest % sizes_[a];
        rest /= sizes_[a];
        for (int i = 0; i < N; ++i) at[i] += index[a] * strides_[i][a];
      }
      for (int64_t row = begin; row < end; ++row) {
        inner(at, step, n);
        for (int axis = last - 1; axis >= 0; --axis) {
          for (int i = 0; i < N; ++i) at[i] += strides_[i][axis];
          if (++index[axis] < sizes_[axis]) break;
          for (int i = 0; i < N; ++i) at[i] -= index[axis] * strides_[i][axis];
          index[axis] = 0;
        }
      }
    });
  }

 private:
  Shape sizes_;
  std::array<Strides, N> strides_;
};

inline Strides strides_over(const Tensor& x, const Tensor& y) {
  return x.shape() == y.shape() ? x.strides() : broadcast_strides(x.shape(), x.strides(), y.shape());
}

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_STRIDED_LOOP_H_
