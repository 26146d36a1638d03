// CPU kernel of the rotary embedding.
#include "tensor/cpu/strided_loop.h"
#include "tensor/ops/rotary_tables.h"

namespace roux::cpu {
namespace {

template <class T>
void rotate_row(const T* __restrict x, const T* __restrict cos, const T* __restrict sin, T* __restrict y,
                int64_t half) {
  using C = accumulate_t<T>;
  for (int64_t i = 0; i < half; ++i) {
    const C a = static_cast<C>(x[i]), b = static_cast<C>(x[i + half]);
    const C c = static_cast<C>(cos[i]), s = static_cast<C>(sin[i]);
    y[i] = static_cast<T>(a * c - b * s);
    y[i + half] = static_cast<T>(b * c + a * s);
  }
}

void rotary_cpu(const Tensor& x, const Tensor& cos, const Tensor& sin, Tensor& y) {
  const int64_t d = x.shape().back(), length = x.shape()[x.dim() - 2];
  if (x.numel() == 0) return;
  const int64_t rows = x.numel() / d;
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T *px = x.data<const T>(), *pc = cos.data<const T>(), *ps = sin.data<const T>();
    T* py = y.data<T>();
    parallel_for(0, rows, items_per_task(d), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        int64_t offset = 0, rest = row;  // of the row in x, which may be a transposed view
        for (int axis = x.dim() - 2; axis >= 0; --axis) {
          offset += rest % x.shape()[axis] * x.strides()[axis];
          rest /= x.shape()[axis];
        }
        const int64_t t = row % length * (d / 2);
        rotate_row(px + offset, pc + t, ps + t, py + row * d, d / 2);
      }
    });
  });
}

const RegisterKernel kRotary(rotary_embedding_kernels, DeviceType::kCpu, kFloating, rotary_cpu);

}  // namespace
}  // namespace roux::cpu
