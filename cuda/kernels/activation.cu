// CUDA kernels of the gated activations.
#include "cuda/elementwise.h"
#include "tensor/elementwise_math.h"
#include "tensor/ops/activation_tables.h"
#include "tensor/vector_math.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

struct Swiglu {
  template <class C>
  __device__ __forceinline__ C operator()(C gate, C up) const {
    return gate * vmath::sigmoid(gate) * up;
  }
};

// kCount elements a thread, which lie 16-byte aligned if there are more than one.
template <int kCount, class T, class C = accumulate_t<T>>
__global__ void swiglu_backward_kernel(const T* grad, const T* gate, const T* up, int64_t n, T* grad_gate,
                                       T* grad_up) {
  const int64_t i = (blockIdx.x * int64_t{kElementwiseBlock} + threadIdx.x) * kCount;
  auto gradients = [](T d, T g, T u) {
    return elementwise::swiglu_grads(static_cast<C>(d), static_cast<C>(g), static_cast<C>(u));
  };
  if (i + kCount <= n) {
    const auto d = load_packet<kCount>(grad, i, false), g = load_packet<kCount>(gate, i, false),
               u = load_packet<kCount>(up, i, false);
    Packet<T, kCount> of_gate, of_up;
    for (int e = 0; e < kCount; ++e) {
      const auto both = gradients(d.value[e], g.value[e], u.value[e]);
      of_gate.value[e] = static_cast<T>(both.gate);
      of_up.value[e] = static_cast<T>(both.up);
    }
    *reinterpret_cast<Packet<T, kCount>*>(grad_gate + i) = of_gate;
    *reinterpret_cast<Packet<T, kCount>*>(grad_up + i) = of_up;
  } else {
    for (int64_t e = i; e < n; ++e) {
      const auto both = gradients(grad[e], gate[e], up[e]);
      grad_gate[e] = static_cast<T>(both.gate);
      grad_up[e] = static_cast<T>(both.up);
    }
  }
}

void swiglu(const Tensor& gate, const Tensor& up, Tensor& y) {
  dispatch_floating(gate.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch_elementwise<T, T, T>(Swiglu{}, y, gate, up);
  });
}

void swiglu_backward(const Tensor& grad, const Tensor& gate, const Tensor& up, Tensor& grad_gate,
                     Tensor& grad_up) {
  const int64_t n = gate.numel();
  if (n == 0) return;
  bool packets = true;
  for (const Tensor* x : std::initializer_list<const Tensor*>{&grad, &gate, &up, &grad_gate, &grad_up}) {
    packets = packets && reinterpret_cast<uintptr_t>(x->raw_data()) % 16 == 0;
  }
  dispatch_floating(gate.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const auto run = [&](auto count) {
      constexpr int kCount = decltype(count)::value;
      launch(swiglu_backward_kernel<kCount, T>,
             {.grid = blocks_for(n, int64_t{kElementwiseBlock} * kCount), .block = kElementwiseBlock},
             grad.data<const T>(), gate.data<const T>(), up.data<const T>(), n, grad_gate.data<T>(),
             grad_up.data<T>());
    };
    packets ? run(std::integral_constant<int, 16 / sizeof(T)>()) : run(std::integral_constant<int, 1>());
  });
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kSwiglu(swiglu_kernels, kDevice, kFloating, swiglu);
const RegisterKernel kSwigluBackward(swiglu_backward_kernels, kDevice, kFloating, swiglu_backward);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
