// CPU kernels of the scan family. A task runs along the axis for a strip of neighbouring columns, so the
// order of every sum and product is that of the axis.
#include <algorithm>
#include <type_traits>

#include "tensor/cpu/elementwise_loops.h"
#include "tensor/ops/scan_tables.h"

namespace roux::cpu {
namespace {

constexpr int64_t kStrip = 64;

// fn(first, step, n, width): strips of `width` columns; element i of column j lies at first + i * step + j.
template <class Fn>
void for_each_strip(const Shape& shape, int axis, const Fn& fn) {
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < axis; ++i) outer *= shape[i];
  for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  const int64_t n = shape[axis], strips = (inner + kStrip - 1) / kStrip;
  parallel_for(0, outer * strips, items_per_task(n * std::min(inner, kStrip)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t task = begin; task < end; ++task) {
                   const int64_t column = task % strips * kStrip;
                   fn(task / strips * n * inner + column, inner, n, std::min(kStrip, inner - column));
                 }
               });
}

template <class T, class Combine>
void scan(const Tensor& x, int axis, bool reverse, Tensor& y, int start, const Combine& combine) {
  // Unsigned sums and products wrap; those of int64_t must not overflow.
  using Acc = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;
  using Out = std::conditional_t<std::is_integral_v<T>, int64_t, T>;
  const T* px = static_cast<const T*>(x.raw_data());
  Out* py = y.data<Out>();
  for_each_strip(x.shape(), axis, [=](int64_t first, int64_t step, int64_t n, int64_t width) {
    Acc total[kStrip];
    std::fill_n(total, width, static_cast<Acc>(start));
    for (int64_t k = 0; k < n; ++k) {
      const int64_t at = first + (reverse ? n - 1 - k : k) * step;
      for (int64_t j = 0; j < width; ++j) {
        total[j] = combine(total[j], static_cast<Acc>(static_cast<compute_t<T>>(px[at + j])));
        py[at + j] = static_cast<Out>(total[j]);
      }
    }
  });
}

void cumsum_cpu(const Tensor& x, int axis, bool reverse, Tensor& y) {
  dispatch_bool_as_u8(x.dtype(), [&](auto tag) {
    scan<decltype(tag)>(x, axis, reverse, y, 0, [](auto a, auto b) { return a + b; });
  });
}
void cumprod_cpu(const Tensor& x, int axis, bool reverse, Tensor& y) {
  dispatch_bool_as_u8(x.dtype(), [&](auto tag) {
    scan<decltype(tag)>(x, axis, reverse, y, 1, [](auto a, auto b) { return a * b; });
  });
}

// Along the axis the product of what lies before, then back the sums s_i = g_i + x_{i+1} s_{i+1}.
template <class T>
void cumprod_backward_of(const Tensor& x, const Tensor& grad_output, int axis, bool reverse,
                         Tensor& grad_input) {
  const T* px = x.data<const T>();
  const T* pg = grad_output.data<const T>();
  T* py = grad_input.data<T>();
  for_each_strip(x.shape(), axis, [=](int64_t first, int64_t step, int64_t n, int64_t width) {
    double carried[kStrip];
    std::fill_n(carried, width, 1.0);
    for (int64_t k = 0; k < n; ++k) {
      const int64_t at = first + (reverse ? n - 1 - k : k) * step;
      for (int64_t j = 0; j < width; ++j) {
        py[at + j] = static_cast<T>(carried[j]);
        carried[j] *= static_cast<double>(px[at + j]);
      }
    }
    std::fill_n(carried, width, 0.0);
    for (int64_t k = n - 1; k >= 0; --k) {
      const int64_t at = first + (reverse ? n - 1 - k : k) * step;
      for (int64_t j = 0; j < width; ++j) {
        const double sum = static_cast<double>(pg[at + j]) + carried[j];
        py[at + j] = static_cast<T>(static_cast<double>(py[at + j]) * sum);
        carried[j] = static_cast<double>(px[at + j]) * sum;
      }
    }
  });
}
void cumprod_backward_cpu(const Tensor& x, const Tensor& grad_output, int axis, bool reverse,
                          Tensor& grad_input) {
  const auto run = x.dtype() == kF64 ? cumprod_backward_of<double> : cumprod_backward_of<float>;
  run(x, grad_output, axis, reverse, grad_input);
}

const RegisterKernel kCumsum(cumsum_kernels, DeviceType::kCpu, kAllDTypes, cumsum_cpu);
const RegisterKernel kCumprod(cumprod_kernels, DeviceType::kCpu, kAllDTypes, cumprod_cpu);
const RegisterKernel kCumprodBackward(cumprod_backward_kernels, DeviceType::kCpu, kF32 | kF64,
                                      cumprod_backward_cpu);

}  // namespace
}  // namespace roux::cpu
