// The loops that all CPU elementwise kernels share. Op is a functor on the compute type (f32 for bf16 and
// f16, else the dtype's own type).
#ifndef ROUX_TENSOR_CPU_ELEMENTWISE_LOOPS_H_
#define ROUX_TENSOR_CPU_ELEMENTWISE_LOOPS_H_

#include "tensor/cpu/strided_loop.h"
#include "tensor/dtype.h"

namespace roux::cpu {

template <class T>
struct ComputeOf {
  using type = T;
};
template <>
struct ComputeOf<bfloat16> {
  using type = float;
};
template <>
struct ComputeOf<float16> {
  using type = float;
};
template <class T>
using compute_t = typename ComputeOf<T>::type;

template <class In, class Out, class Op>
void unary_loop(const Tensor& x, Tensor& y, Op op) {
  const In* px = x.data<const In>();
  Out* py = y.data<Out>();
  auto inner = [=](const std::array<int64_t, 2>& at, const std::array<int64_t, 2>& step, int64_t n) {
    const In* __restrict in = px + at[0];
    Out* __restrict out = py + at[1];
    if (step[0] == 1 && step[1] == 1) {
      for (int64_t i = 0; i < n; ++i) out[i] = static_cast<Out>(op(static_cast<compute_t<In>>(in[i])));
    } else {
      for (int64_t i = 0; i < n; ++i) {
        out[i * step[1]] = static_cast<Out>(op(static_cast<compute_t<In>>(in[i * step[0]])));
      }
    }
  };
  if (x.is_contiguous() && y.is_contiguous() && x.numel() == y.numel() && x.numel() <= kElementwiseGrain) {
    return inner({0, 0}, {1, 1}, x.numel());  // small and flat: skip the loop's set-up
  }
  StridedLoop<2>(y.shape(), {strides_over(x, y), y.strides()}).run(inner);
}

template <class In, class Out, class Op>
void binary_loop(const Tensor& a, const Tensor& b, Tensor& y, Op op) {
  using C = compute_t<In>;
  const In* pa = a.data<const In>();
  const In* pb = b.data<const In>();
  Out* py = y.data<Out>();
  auto inner = [=](const std::array<int64_t, 3>& at, const std::array<int64_t, 3>& step, int64_t n) {
    const In* ia = pa + at[0];
    const In* ib = pb + at[1];
    Out* __restrict out = py + at[2];
    if (step[2] == 1 && step[0] == 1 && step[1] == 1) {
      for (int64_t i = 0; i < n; ++i)
        out[i] = static_cast<Out>(op(static_cast<C>(ia[i]), static_cast<C>(ib[i])));
    } else if (step[2] == 1 && step[0] == 1 && step[1] == 0) {
      const C value = static_cast<C>(*ib);
      for (int64_t i = 0; i < n; ++i) out[i] = static_cast<Out>(op(static_cast<C>(ia[i]), value));
    } else if (step[2] == 1 && step[0] == 0 && step[1] == 1) {
      const C value = static_cast<C>(*ia);
      for (int64_t i = 0; i < n; ++i) out[i] = static_cast<Out>(op(value, static_cast<C>(ib[i])));
    } else {
      for (int64_t i = 0; i < n; ++i) {
        out[i * step[2]] =
            static_cast<Out>(op(static_cast<C>(ia[i * step[0]]), static_cast<C>(ib[i * step[1]])));
      }
    }
  };
  if (a.is_contiguous() && b.is_contiguous() && a.numel() == y.numel() && b.numel() == y.numel() &&
      y.numel() <= kElementwiseGrain) {
    return inner({0, 0, 0}, {1, 1, 1}, y.numel());
  }
  StridedLoop<3>(y.shape(), {strides_over(a, y), strides_over(b, y), y.strides()}).run(inner);
}

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_ELEMENTWISE_LOOPS_H_
