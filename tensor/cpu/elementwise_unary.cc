// CPU kernels of the unary elementwise ops and of the activations' gradients.
#include <cmath>
#include <type_traits>

#include "tensor/cpu/elementwise_loops.h"
#include "tensor/ops/elementwise_tables.h"
#include "tensor/vector_math.h"

namespace roux::cpu {
namespace {

template <class Op>
void unary_floating(const Tensor& x, Tensor& y) {
  dispatch_floating(x.dtype(), [&](auto tag) { unary_loop<decltype(tag), decltype(tag)>(x, y, Op{}); });
}
// The same for ops that compute much per element.
template <class Op>
void unary_wide(const Tensor& x, Tensor& y) {
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const Op op;
    run_unary(x, y, has_avx512() ? unary_flat_avx512<T, T, Op> : unary_flat<T, T, Op>, &op);
  });
}
template <class Op>
void unary_numeric(const Tensor& x, Tensor& y) {
  dispatch_numeric(x.dtype(), [&](auto tag) { unary_loop<decltype(tag), decltype(tag)>(x, y, Op{}); });
}

struct Neg {
  template <class T>
  T operator()(T x) const {
    return static_cast<T>(-x);
  }
};
struct Abs {
  template <class T>
  T operator()(T x) const {
    return x < T(0) ? static_cast<T>(-x) : (x == T(0) ? T(0) : x);
  }
};
struct Exp {
  template <class T>
  T operator()(T x) const {
    return vmath::exp(x);
  }
};
struct Log {
  template <class T>
  T operator()(T x) const {
    return vmath::log(x);
  }
};
struct Sqrt {
  template <class T>
  T operator()(T x) const {
    return std::sqrt(x);
  }
};
struct Rsqrt {
  template <class T>
  T operator()(T x) const {
    return T(1) / std::sqrt(x);
  }
};
struct Tanh {
  template <class T>
  T operator()(T x) const {
    return vmath::tanh(x);
  }
};
struct Sigmoid {
  template <class T>
  T operator()(T x) const {
    return vmath::sigmoid(x);
  }
};
struct Erf {
  template <class T>
  T operator()(T x) const {
    return vmath::erf(x);
  }
};
struct Relu {
  template <class T>
  T operator()(T x) const {
    return x <= T(0) ? T(0) : x;
  }
};  // NaN stays NaN
struct Silu {
  template <class T>
  T operator()(T x) const {
    return x * vmath::sigmoid(x);
  }
};
struct GeluErf {
  template <class T>
  T operator()(T x) const {
    return T(0.5) * x * (T(1) + vmath::erf(x * T(0.70710678118654752440)));
  }
};
struct GeluTanh {
  template <class T>
  T operator()(T x) const {
    const T inner = T(0.79788456080286535588) * (x + T(0.044715) * x * x * x);
    return T(0.5) * x * (T(1) + vmath::tanh(inner));
  }
};

template <class Op>
void activation_backward(const Tensor& x, const Tensor& grad_output, Tensor& grad_input) {
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    run_binary(x, grad_output, grad_input,
               has_avx512() ? binary_flat_avx512<T, T, Op> : binary_flat<T, T, Op>);
  });
}
struct SiluBackward {
  template <class T>
  T operator()(T x, T grad_output) const {
    const T s = vmath::sigmoid(x);
    return grad_output * (s * (T(1) + x * (T(1) - s)));
  }
};
struct GeluErfBackward {  // Phi(x) + x phi(x)
  template <class T>
  T operator()(T x, T grad_output) const {
    const T cdf = T(0.5) * (T(1) + vmath::erf(x * T(0.70710678118654752440)));
    return grad_output * (cdf + x * (T(0.39894228040143267794) * vmath::exp(T(-0.5) * x * x)));
  }
};
struct GeluTanhBackward {
  template <class T>
  T operator()(T x, T grad_output) const {
    constexpr T kScale = T(0.79788456080286535588), kCubic = T(0.044715);
    const T t = vmath::tanh(kScale * (x + kCubic * x * x * x));
    const T slope = kScale * (T(1) + T(3) * kCubic * x * x);
    return grad_output * (T(0.5) * (T(1) + t) + T(0.5) * x * (T(1) - t * t) * slope);
  }
};

const RegisterKernel kNeg(neg_kernels, DeviceType::kCpu, kNumeric, unary_numeric<Neg>);
const RegisterKernel kAbs(abs_kernels, DeviceType::kCpu, kNumeric, unary_numeric<Abs>);
const RegisterKernel kExp(exp_kernels, DeviceType::kCpu, kFloating, unary_wide<Exp>);
const RegisterKernel kLog(log_kernels, DeviceType::kCpu, kFloating, unary_wide<Log>);
const RegisterKernel kSqrt(sqrt_kernels, DeviceType::kCpu, kFloating, unary_floating<Sqrt>);
const RegisterKernel kRsqrt(rsqrt_kernels, DeviceType::kCpu, kFloating, unary_floating<Rsqrt>);
const RegisterKernel kTanh(tanh_kernels, DeviceType::kCpu, kFloating, unary_wide<Tanh>);
const RegisterKernel kSigmoid(sigmoid_kernels, DeviceType::kCpu, kFloating, unary_wide<Sigmoid>);
const RegisterKernel kErf(erf_kernels, DeviceType::kCpu, kFloating, unary_wide<Erf>);
const RegisterKernel kRelu(relu_kernels, DeviceType::kCpu, kFloating, unary_floating<Relu>);
const RegisterKernel kSilu(silu_kernels, DeviceType::kCpu, kFloating, unary_wide<Silu>);
const RegisterKernel kGeluErf(gelu_erf_kernels, DeviceType::kCpu, kFloating, unary_wide<GeluErf>);
const RegisterKernel kGeluTanh(gelu_tanh_kernels, DeviceType::kCpu, kFloating, unary_wide<GeluTanh>);
const RegisterKernel kSiluBackward(silu_backward_kernels, DeviceType::kCpu, kFloating,
                                   activation_backward<SiluBackward>);
const RegisterKernel kGeluErfBackward(gelu_erf_backward_kernels, DeviceType::kCpu, kFloating,
                                      activation_backward<GeluErfBackward>);
const RegisterKernel kGeluTanhBackward(gelu_tanh_backward_kernels, DeviceType::kCpu, kFloating,
                                       activation_backward<GeluTanhBackward>);

}  // namespace
}  // namespace roux::cpu
