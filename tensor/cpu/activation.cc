// CPU kernels of the gated activations.
#include "tensor/cpu/elementwise_loops.h"
#include "tensor/elementwise_math.h"
#include "tensor/ops/activation_tables.h"
#include "tensor/vector_math.h"

namespace roux::cpu {
namespace {

template <class T>
ROUX_ALWAYS_INLINE void swiglu_loop(const T* __restrict gate, const T* __restrict up, T* __restrict y,
                                    int64_t n) {
  using C = accumulate_t<T>;
  for (int64_t i = 0; i < n; ++i) {
    const C g = static_cast<C>(gate[i]);
    y[i] = static_cast<T>(g * vmath::sigmoid(g) * static_cast<C>(up[i]));
  }
}

template <class T>
ROUX_ALWAYS_INLINE void swiglu_backward_loop(const T* __restrict grad, const T* __restrict gate,
                                             const T* __restrict up, T* __restrict grad_gate,
                                             T* __restrict grad_up, int64_t n) {
  using C = accumulate_t<T>;
  for (int64_t i = 0; i < n; ++i) {
    const auto d =
        elementwise::swiglu_grads(static_cast<C>(grad[i]), static_cast<C>(gate[i]), static_cast<C>(up[i]));
    grad_gate[i] = static_cast<T>(d.gate);
    grad_up[i] = static_cast<T>(d.up);
  }
}

template <class T>
void swiglu_base(const T* gate, const T* up, T* y, int64_t n) {
  swiglu_loop(gate, up, y, n);
}
template <class T>
ROUX_TARGET_AVX512 void swiglu_avx512(const T* gate, const T* up, T* y, int64_t n) {
  swiglu_loop(gate, up, y, n);
}
template <class T>
void swiglu_backward_base(const T* grad, const T* gate, const T* up, T* grad_gate, T* grad_up, int64_t n) {
  swiglu_backward_loop(grad, gate, up, grad_gate, grad_up, n);
}
template <class T>
ROUX_TARGET_AVX512 void swiglu_backward_avx512(const T* grad, const T* gate, const T* up, T* grad_gate,
                                               T* grad_up, int64_t n) {
  swiglu_backward_loop(grad, gate, up, grad_gate, grad_up, n);
}

void swiglu_cpu(const Tensor& gate, const Tensor& up, Tensor& y) {
  dispatch_floating(gate.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T *pg = gate.data<const T>(), *pu = up.data<const T>();
    T* py = y.data<T>();
    const auto loop = has_avx512() ? swiglu_avx512<T> : swiglu_base<T>;
    parallel_for(0, y.numel(), kElementwiseGrain,
                 [&](int64_t begin, int64_t end) { loop(pg + begin, pu + begin, py + begin, end - begin); });
  });
}

void swiglu_backward_cpu(const Tensor& grad, const Tensor& gate, const Tensor& up, Tensor& grad_gate,
                         Tensor& grad_up) {
  dispatch_floating(gate.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T *pd = grad.data<const T>(), *pg = gate.data<const T>(), *pu = up.data<const T>();
    T *dg = grad_gate.data<T>(), *du = grad_up.data<T>();
    const auto loop = has_avx512() ? swiglu_backward_avx512<T> : swiglu_backward_base<T>;
    parallel_for(0, gate.numel(), kElementwiseGrain, [&](int64_t begin, int64_t end) {
      loop(pd + begin, pg + begin, pu + begin, dg + begin, du + begin, end - begin);
    });
  });
}

const RegisterKernel kSwiglu(swiglu_kernels, DeviceType::kCpu, kFloating, swiglu_cpu);
const RegisterKernel kSwigluBackward(swiglu_backward_kernels, DeviceType::kCpu, kFloating,
                                     swiglu_backward_cpu);

}  // namespace
}  // namespace roux::cpu
