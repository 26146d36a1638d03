// CPU kernels of the convolution family.
#include <algorithm>

#include "tensor/cpu/grain.h"
#include "tensor/ops/convolution_tables.h"

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

const RegisterKernel kUnfold(unfold_kernels, DeviceType::kCpu, kFloating, unfold_cpu);
const RegisterKernel kFold(fold_kernels, DeviceType::kCpu, kFloating, fold_cpu);

}  // namespace
}  // namespace roux::cpu
