// CPU kernel of the rotary embedding.
#include "tensor/cpu/strided_loop.h"
#include "tensor/ops/rotary_tables.h"

namespace roux::cpu {
namespace {

// y[0 .. d) from x[0 .. d) with `pairs` angles.
template <class T, bool kInterleaved>
void rotate_row(const T* __restrict x, const T* __restrict cos, const T* __restrict sin, T* __restrict y,
                int64_t pairs, int64_t d) {
  using C = accumulate_t<T>;
  for (int64_t i = 0; i < pairs; ++i) {
    const int64_t first = kInterleaved ? 2 * i : i, second = kInterleaved ? 2 * i + 1 : i + pairs;
    const C a = static_cast<C>(x[first]), b = static_cast<C>(x[second]);
    const C c = static_cast<C>(cos[i]), s = static_cast<C>(sin[i]);
    y[first] = static_cast<T>(a * c - b * s);
    y[second] = static_cast<T>(b * c + a * s);
  }
  for (int64_t i = 2 * pairs; i < d; ++i) y[i] = x[i];
}

void rotary_cpu(const Tensor& x, const Tensor& cos, const Tensor& sin, bool interleaved, Tensor& y) {
  const int last = x.dim() - 1;
  const int64_t d = x.shape().back(), pairs = cos.shape().back();
  if (x.numel() == 0) return;
  Shape rows = x.shape(), table = x.shape();
  rows.erase(last);
  table[last] = pairs;
  std::array<Strides, 4> strides = {x.strides(), broadcast_strides(cos.shape(), cos.strides(), table),
                                    broadcast_strides(sin.shape(), sin.strides(), table), y.strides()};
  for (Strides& of_rows : strides) of_rows.erase(last);
  const StridedLoop<4> loop(rows, strides);
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T *px = x.data<const T>(), *pc = cos.data<const T>(), *ps = sin.data<const T>();
    T* py = y.data<T>();
    const auto rotate = [&](auto layout) {
      const auto rotate_run = [&](const std::array<int64_t, 4>& at, const std::array<int64_t, 4>& step,
                                  int64_t n) {
        for (int64_t k = 0; k < n; ++k) {
          rotate_row<T, layout.value>(px + at[0] + k * step[0], pc + at[1] + k * step[1],
                                      ps + at[2] + k * step[2], py + at[3] + k * step[3], pairs, d);
        }
      };
      loop.run(rotate_run, items_per_task(d));
    };
    interleaved ? rotate(std::true_type()) : rotate(std::false_type());
  });
}

const RegisterKernel kRotary(rotary_embedding_kernels, DeviceType::kCpu, kFloating, rotary_cpu);

}  // namespace
}  // namespace roux::cpu
