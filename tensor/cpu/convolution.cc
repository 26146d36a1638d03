// CPU kernels of the convolution family.
#include <algorithm>

#include "tensor/cpu/gemm.h"
#include "tensor/cpu/grain.h"
#include "tensor/ops/convolution_tables.h"
#include "tensor/ops/matmul_tables.h"
#include "tensor/tunable.h"

namespace roux::cpu {
namespace {

void unfold_cpu(const Tensor& x, const Windows& w, Tensor& y) {
  const int64_t length = x.size(1), d = x.size(2), count = y.size(1);
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* px = x.data<const T>();
    T* py = y.data<T>();
    const int64_t grain = items_per_task(w.size * d);
    parallel_for(0, x.size(0) * count, grain, [&](int64_t begin, int64_t end) {
      for (int64_t window = begin; window < end; ++window) {
        const T* sequence = px + window / count * length * d;
        for (int64_t j = 0; j < w.size; ++j) {
          const int64_t t = window % count * w.stride + j * w.dilation - w.before;
          T* to = py + (window * w.size + j) * d;
          if (t >= 0 && t < length)
            std::copy_n(sequence + t * d, d, to);
          else
            std::fill_n(to, d, T(0.0f));
        }
      }
    });
  });
}

void fold_cpu(const Tensor& y, const Windows& w, Tensor& x) {
  const int64_t length = x.size(1), d = x.size(2), count = y.size(1);
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = accumulate_t<T>;
    constexpr int64_t kBlock = 64;
    const T* py = y.data<const T>();
    T* px = x.data<T>();
    const int64_t grain = items_per_task(w.size * d);
    parallel_for(0, x.size(0) * length, grain, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t t = row % length, sequence = row / length;
        for (int64_t first = 0; first < d; first += kBlock) {
          const int64_t block = std::min(kBlock, d - first);
          C total[kBlock] = {};
          for (int64_t j = 0; j < w.size; ++j) {
            const int64_t at = t + w.before - j * w.dilation;
            if (at < 0) break;
            if (at % w.stride != 0 || at / w.stride >= count) continue;
            const T* from = py + ((sequence * count + at / w.stride) * w.size + j) * d + first;
            for (int64_t i = 0; i < block; ++i) total[i] += static_cast<C>(from[i]);
          }
          for (int64_t i = 0; i < block; ++i) px[row * d + first + i] = static_cast<T>(total[i]);
        }
      }
    });
  });
}

// Rows of y, or of grad_rows, that a product makes.
constinit const Tunable kBlock("conv1d.block", 256, 8);
// Columns of depthwise sums that stay in registers, and rows that one partial sum takes.
constexpr int64_t kStrip = 64;
constinit const Tunable kPartial("conv1d.partial_rows", 64, 4);

struct Sizes {
  int64_t batch, length, channels, count, out, taps, groups;
  int64_t in_group() const { return channels / groups; }
  int64_t out_group() const { return out / groups; }
};
Sizes sizes_of(const Tensor& rows, const Tensor& taps, int64_t count, int64_t groups) {
  return {rows.size(0), rows.size(1), rows.size(2), count, taps.size(1), taps.size(0), groups};
}

// The matrices of x [B, ...].
template <class T>
class Matrices {
 public:
  explicit Matrices(const Tensor& x)
      : data_(x.data<const T>()), stride_(x.strides()[0]), layout_(gemm_layout(x)) {}
  GemmOperand<T> operator[](int64_t item) const {
    return {data_ + item * stride_, layout_.ld, layout_.transposed};
  }

 private:
  const T* data_;
  int64_t stride_;
  GemmLayout layout_;
};
template <class T>
GemmOperand<T> flipped(GemmOperand<T> x) {
  x.transposed = !x.transposed;
  return x;
}

// Calls fn(first, last, shift) for each tap: window n of [first, last) within [begin, end) reads row n +
// shift.
template <class Fn>
void for_each_tap(const Windows& w, const Sizes& s, int64_t begin, int64_t end, const Fn& fn) {
  for (int64_t j = 0; j < s.taps; ++j) {
    const int64_t shift = j * w.dilation - w.before;
    const int64_t first = std::max(begin, -shift), last = std::min(end, s.length - shift);
    if (first < last) fn(j, first, last, shift);
  }
}

template <class T>
void depthwise(const T* rows, const T* taps, const Windows& w, const Sizes& s, T* y) {
  parallel_for(0, s.batch * s.count, items_per_task(s.taps * s.out), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t b = i / s.count, n = i % s.count;
      T* to = y + i * s.out;
      std::fill_n(to, s.out, T(0));
      for_each_tap(w, s, n, n + 1, [&](int64_t j, int64_t, int64_t, int64_t shift) {
        const T *from = rows + (b * s.length + n + shift) * s.out, *tap = taps + j * s.out;
        for (int64_t c = 0; c < s.out; ++c) to[c] += tap[c] * from[c];
      });
    }
  });
}

template <class T>
void depthwise_rows(const T* grad_y, const T* taps, const Windows& w, const Sizes& s, T* grad_rows) {
  parallel_for(0, s.batch * s.length, items_per_task(s.taps * s.out), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t b = i / s.length, t = i % s.length;
      T* to = grad_rows + i * s.out;
      std::fill_n(to, s.out, T(0));
      for (int64_t j = 0; j < s.taps; ++j) {
        const int64_t n = t + w.before - j * w.dilation;
        if (n < 0 || n >= s.count) continue;
        const T *from = grad_y + (b * s.count + n) * s.out, *tap = taps + j * s.out;
        for (int64_t c = 0; c < s.out; ++c) to[c] += tap[c] * from[c];
      }
    }
  });
}

template <class T>
void depthwise_taps(const T* rows, const T* grad_y, const Windows& w, const Sizes& s, T* grad_taps) {
  const int64_t strips = (s.out + kStrip - 1) / kStrip;
  parallel_for(0, s.taps * strips, 1, [&](int64_t task, int64_t) {
    const int64_t j = task / strips, at = task % strips * kStrip, width = std::min(kStrip, s.out - at);
    const int64_t shift = j * w.dilation - w.before;
    const int64_t first = std::max<int64_t>(0, -shift), last = std::min(s.count, s.length - shift);
    T total[kStrip] = {};
    for (int64_t b = 0; b < s.batch; ++b) {
      for (int64_t from = first; from < last; from += kPartial) {
        T part[kStrip] = {};
        for (int64_t n = from; n < std::min<int64_t>(last, from + kPartial); ++n) {
          const T *g = grad_y + (b * s.count + n) * s.out + at,
                  *x = rows + (b * s.length + n + shift) * s.out + at;
          for (int64_t c = 0; c < width; ++c) part[c] += g[c] * x[c];
        }
        for (int64_t c = 0; c < width; ++c) total[c] += part[c];
      }
    }
    std::copy_n(total, width, grad_taps + j * s.out + at);
  });
}

template <class T>
void conv1d_cpu(const Tensor& rows, const Tensor& taps, const Windows& w, int64_t groups, Tensor& y) {
  const Sizes s = sizes_of(rows, taps, y.size(1), groups);
  const T* weights = taps.data<const T>();
  T* to = y.data<T>();
  if (s.in_group() == 1 && s.out == groups) return depthwise(rows.data<const T>(), weights, w, s, to);
  const Matrices<T> items(rows);
  const int64_t blocks = (s.count + kBlock - 1) / kBlock;
  parallel_for(0, s.batch * groups * blocks, 1, [&](int64_t task, int64_t) {
    const int64_t b = task / (groups * blocks), g = task / blocks % groups, begin = task % blocks * kBlock;
    const int64_t end = std::min<int64_t>(s.count, begin + kBlock);
    T* out = to + b * s.count * s.out + g * s.out_group();
    for (int64_t n = begin; n < end; ++n) std::fill_n(out + n * s.out, s.out_group(), T(0));
    const GemmOperand<T> x = items[b];
    for_each_tap(w, s, begin, end, [&](int64_t j, int64_t first, int64_t last, int64_t shift) {
      const GemmOperand<T> tap{weights + (j * s.out + g * s.out_group()) * s.in_group(), s.in_group(), true};
      gemm(last - first, s.out_group(), s.in_group(), x.at(first + shift, g * s.in_group()), tap, true,
           out + first * s.out, s.out);
    });
  });
}

template <class T>
void conv1d_grad_rows(const Tensor& grad_y, const T* weights, const Windows& w, const Sizes& s, T* to) {
  const Matrices<T> items(grad_y);
  const int64_t blocks = (s.length + kBlock - 1) / kBlock;
  parallel_for(0, s.batch * s.groups * blocks, 1, [&](int64_t task, int64_t) {
    const int64_t b = task / (s.groups * blocks), g = task / blocks % s.groups,
                  begin = task % blocks * kBlock;
    const int64_t end = std::min<int64_t>(s.length, begin + kBlock);
    T* out = to + b * s.length * s.channels + g * s.in_group();
    for (int64_t t = begin; t < end; ++t) std::fill_n(out + t * s.channels, s.in_group(), T(0));
    const GemmOperand<T> from = items[b];
    for (int64_t j = 0; j < s.taps; ++j) {
      const int64_t shift = j * w.dilation - w.before;
      const int64_t first = std::max(begin, shift), last = std::min(end, s.count + shift);
      if (first >= last) continue;
      const GemmOperand<T> tap{weights + (j * s.out + g * s.out_group()) * s.in_group(), s.in_group()};
      gemm(last - first, s.in_group(), s.out_group(), from.at(first - shift, g * s.out_group()), tap, true,
           out + first * s.channels, s.channels);
    }
  });
}

template <class T>
void conv1d_grad_taps(const Tensor& rows, const Tensor& grad_y, const Windows& w, const Sizes& s, T* to) {
  const Matrices<T> items(rows), gradients(grad_y);
  const int64_t parts = (s.out_group() + kStrip - 1) / kStrip;
  parallel_for(0, s.taps * s.groups * parts, 1, [&](int64_t task, int64_t) {
    const int64_t j = task / (s.groups * parts), g = task / parts % s.groups, at = task % parts * kStrip;
    const int64_t width = std::min(kStrip, s.out_group() - at), row = g * s.out_group() + at;
    const int64_t shift = j * w.dilation - w.before;
    const int64_t first = std::max<int64_t>(0, -shift), last = std::min(s.count, s.length - shift);
    T* out = to + (j * s.out + row) * s.in_group();
    std::fill_n(out, width * s.in_group(), T(0));
    for (int64_t b = 0; b < s.batch && first < last; ++b) {
      gemm(width, s.in_group(), last - first, flipped(gradients[b]).at(row, first),
           items[b].at(first + shift, g * s.in_group()), true, out, s.in_group());
    }
  });
}

template <class T>
void conv1d_backward_cpu(const Tensor& rows, const Tensor& taps, const Tensor& grad_y, const Windows& w,
                         int64_t groups, Tensor& grad_rows, Tensor& grad_taps) {
  const Sizes s = sizes_of(rows, taps, grad_y.size(1), groups);
  const T* weights = taps.data<const T>();
  if (s.in_group() == 1 && s.out == groups) {
    const T *x = rows.data<const T>(), *g = grad_y.data<const T>();
    if (grad_rows.defined()) depthwise_rows(g, weights, w, s, grad_rows.data<T>());
    if (grad_taps.defined()) depthwise_taps(x, g, w, s, grad_taps.data<T>());
    return;
  }
  if (grad_rows.defined()) conv1d_grad_rows(grad_y, weights, w, s, grad_rows.data<T>());
  if (grad_taps.defined()) conv1d_grad_taps(rows, grad_y, w, s, grad_taps.data<T>());
}

const RegisterKernel kConv1dF32(conv1d_kernels, DeviceType::kCpu, kF32, conv1d_cpu<float>);
const RegisterKernel kConv1dF64(conv1d_kernels, DeviceType::kCpu, kF64, conv1d_cpu<double>);
const RegisterKernel kBackwardF32(conv1d_backward_kernels, DeviceType::kCpu, kF32,
                                  conv1d_backward_cpu<float>);
const RegisterKernel kBackwardF64(conv1d_backward_kernels, DeviceType::kCpu, kF64,
                                  conv1d_backward_cpu<double>);
const RegisterKernel kUnfold(unfold_kernels, DeviceType::kCpu, kFloating, unfold_cpu);
const RegisterKernel kFold(fold_kernels, DeviceType::kCpu, kFloating, fold_cpu);

}  // namespace
}  // namespace roux::cpu
