// CUDA kernels of softmax and log_softmax over the last axis: maximum and sum in one pass over the row
// (online softmax, Milakov & Gimelshein 2018), a second one writes.
#include "cuda/rows.h"
#include "tensor/ops/softmax_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

template <class T, bool kLog, class Team>
__global__ void __launch_bounds__(kRowBlock)
    softmax_kernel(const T* x, int64_t rows, int64_t n, bool packets, T* y) {
  using C = compute_t<T>;
  const int64_t row = Team::row();
  if (row >= rows) return;
  x += row * n;
  y += row * n;
  MaxSum<C> total{-C(__builtin_inf()), C(0)};
  visit_row<Team>(
      n, packets, [&](int64_t, C v) { total.add(v); }, x);
  total = Team::reduce(total);
  if constexpr (kLog) {
    const C shift = vmath::log(total.sum);
    transform_row<Team>(
        n, packets, [=](int64_t, C v) { return (v - total.max) - shift; }, y, x);
  } else {
    const C scale = C(1) / total.sum;
    transform_row<Team>(
        n, packets, [=](int64_t, C v) { return vmath::exp(v - total.max) * scale; }, y, x);
  }
}

template <class T, bool kLog, class Team>
__global__ void __launch_bounds__(kRowBlock)
    softmax_backward_kernel(const T* grad_y, const T* y, int64_t rows, int64_t n, bool packets, T* grad_x) {
  using C = compute_t<T>;
  const int64_t row = Team::row();
  if (row >= rows) return;
  grad_y += row * n;
  y += row * n;
  grad_x += row * n;
  Sum<C> sum{C(0)};
  visit_row<Team>(
      n, packets, [&](int64_t, C g, C v) { sum.value += kLog ? g : g * v; }, grad_y, y);
  const C total = Team::reduce(sum).value;
  auto gradient = [=](int64_t, C g, C v) { return kLog ? g - vmath::exp(v) * total : v * (g - total); };
  transform_row<Team>(n, packets, gradient, grad_x, grad_y, y);
}

template <bool kLog>
void softmax(const Tensor& x, Tensor& y) {
  const int64_t n = x.shape().back();
  if (x.numel() == 0) return;
  const int64_t rows = x.numel() / n;
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    with_team(n, [&](auto team) {
      using Team = decltype(team);
      launch(softmax_kernel<T, kLog, Team>, {.grid = Team::blocks(rows), .block = kRowBlock},
             x.data<const T>(), rows, n, rows_in_packets(n, x, y), y.data<T>());
    });
  });
}

template <bool kLog>
void softmax_backward(const Tensor& grad_y, const Tensor& y, Tensor& grad_x) {
  const int64_t n = y.shape().back();
  if (y.numel() == 0) return;
  const int64_t rows = y.numel() / n;
  dispatch_floating(y.dtype(), [&](auto tag) {
    using T = decltype(tag);
    with_team(n, [&](auto team) {
      using Team = decltype(team);
      launch(softmax_backward_kernel<T, kLog, Team>, {.grid = Team::blocks(rows), .block = kRowBlock},
             grad_y.data<const T>(), y.data<const T>(), rows, n, rows_in_packets(n, grad_y, y, grad_x),
             grad_x.data<T>());
    });
  });
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kSoftmax(softmax_kernels, kDevice, kFloating, softmax<false>);
const RegisterKernel kLogSoftmax(log_softmax_kernels, kDevice, kFloating, softmax<true>);
const RegisterKernel kSoftmaxBackward(softmax_backward_kernels, kDevice, kFloating, softmax_backward<false>);
const RegisterKernel kLogSoftmaxBackward(log_softmax_backward_kernels, kDevice, kFloating,
                                         softmax_backward<true>);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
