// CPU kernels of softmax and log_softmax over the last axis.
#include <algorithm>
#include <type_traits>

#include "tensor/cpu/row_softmax.h"
#include "tensor/ops/softmax_tables.h"

namespace roux::cpu {
namespace {

template <class T, bool kLog>
ROUX_ALWAYS_INLINE void forward_rows(const T* x, int64_t rows, int64_t n, T* y) {
  using C = compute_t<T>;
  for (int64_t row = 0; row < rows; ++row, x += n, y += n) {
    const C largest = row_max(x, n);
    if constexpr (kLog) {
      const C shift = vmath::log(row_sum_exp(x, n, largest));
      for (int64_t i = 0; i < n; ++i) y[i] = static_cast<T>((static_cast<C>(x[i]) - largest) - shift);
    } else if constexpr (std::is_same_v<T, C>) {
      const C scale = C(1) / row_sum_exp(x, n, largest, y);
      for (int64_t i = 0; i < n; ++i) y[i] *= scale;
    } else {  // exponentials of 16 bits would be rounded before they are divided
      const C scale = C(1) / row_sum_exp(x, n, largest);
      for (int64_t i = 0; i < n; ++i) {
        y[i] = static_cast<T>(exp_weight(static_cast<C>(x[i]) - largest) * scale);
      }
    }
  }
}

template <class T, bool kLog>
ROUX_ALWAYS_INLINE void backward_rows(const T* g, const T* y, int64_t rows, int64_t n, T* grad_x) {
  using C = compute_t<T>;
  C tile[kRowTile];
  for (int64_t row = 0; row < rows; ++row, g += n, y += n, grad_x += n) {
    RowLanes<C> lanes(C(0));
    for (int64_t at = 0; at < n; at += kRowTile) {
      const int64_t count = n - at < kRowTile ? n - at : kRowTile;
      for (int64_t i = 0; i < count; ++i) {
        tile[i] = kLog ? static_cast<C>(g[at + i]) : static_cast<C>(g[at + i]) * static_cast<C>(y[at + i]);
      }
      lanes.add(tile, count);
    }
    const C total = lanes.sum();
    for (int64_t i = 0; i < n; ++i) {
      const C gi = static_cast<C>(g[i]), yi = static_cast<C>(y[i]);
      grad_x[i] = static_cast<T>(kLog ? gi - vmath::exp(yi) * total : yi * (gi - total));
    }
  }
}

template <class T, bool kLog>
void forward_base(const T* x, int64_t rows, int64_t n, T* y) {
  forward_rows<T, kLog>(x, rows, n, y);
}
template <class T, bool kLog>
ROUX_TARGET_AVX512 void forward_avx512(const T* x, int64_t rows, int64_t n, T* y) {
  forward_rows<T, kLog>(x, rows, n, y);
}
template <class T, bool kLog>
void backward_base(const T* g, const T* y, int64_t rows, int64_t n, T* grad_x) {
  backward_rows<T, kLog>(g, y, rows, n, grad_x);
}
template <class T, bool kLog>
ROUX_TARGET_AVX512 void backward_avx512(const T* g, const T* y, int64_t rows, int64_t n, T* grad_x) {
  backward_rows<T, kLog>(g, y, rows, n, grad_x);
}

template <bool kLog>
void softmax_cpu(const Tensor& x, Tensor& y) {
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const int64_t n = x.shape().back(), rows = n == 0 ? 0 : x.numel() / n;
    const T* px = x.data<const T>();
    T* py = y.data<T>();
    const auto run = has_avx512() ? forward_avx512<T, kLog> : forward_base<T, kLog>;
    parallel_for(0, rows, rows_per_task(n),
                 [&](int64_t begin, int64_t end) { run(px + begin * n, end - begin, n, py + begin * n); });
  });
}

template <bool kLog>
void softmax_backward_cpu(const Tensor& grad_y, const Tensor& y, Tensor& grad_x) {
  dispatch_floating(y.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const int64_t n = y.shape().back(), rows = n == 0 ? 0 : y.numel() / n;
    const T* pg = grad_y.data<const T>();
    const T* py = y.data<const T>();
    T* out = grad_x.data<T>();
    const auto run = has_avx512() ? backward_avx512<T, kLog> : backward_base<T, kLog>;
    parallel_for(0, rows, rows_per_task(n), [&](int64_t begin, int64_t end) {
      run(pg + begin * n, py + begin * n, end - begin, n, out + begin * n);
    });
  });
}

const RegisterKernel kSoftmax(softmax_kernels, DeviceType::kCpu, kFloating, softmax_cpu<false>);
const RegisterKernel kLogSoftmax(log_softmax_kernels, DeviceType::kCpu, kFloating, softmax_cpu<true>);
const RegisterKernel kSoftmaxBackward(softmax_backward_kernels, DeviceType::kCpu, kFloating,
                                      softmax_backward_cpu<false>);
const RegisterKernel kLogSoftmaxBackward(log_softmax_backward_kernels, DeviceType::kCpu, kFloating,
                                         softmax_backward_cpu<true>);

}  // namespace
}  // namespace roux::cpu
