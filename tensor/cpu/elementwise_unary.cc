// CPU kernels of the unary elementwise ops.
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

const RegisterKernel kNeg(neg_kernels, DeviceType::kCpu, kNumeric, unary_numeric<Neg>);
const RegisterKernel kAbs(abs_kernels, DeviceType::kCpu, kNumeric, unary_numeric<Abs>);
const RegisterKernel kExp(exp_kernels, DeviceType::kCpu, kFloating, unary_floating<Exp>);
const RegisterKernel kLog(log_kernels, DeviceType::kCpu, kFloating, unary_floating<Log>);
const RegisterKernel kSqrt(sqrt_kernels, DeviceType::kCpu, kFloating, unary_floating<Sqrt>);
const RegisterKernel kRsqrt(rsqrt_kernels, DeviceType::kCpu, kFloating, unary_floating<Rsqrt>);
const RegisterKernel kTanh(tanh_kernels, DeviceType::kCpu, kFloating, unary_floating<Tanh>);
const RegisterKernel kSigmoid(sigmoid_kernels, DeviceType::kCpu, kFloating, unary_floating<Sigmoid>);
const RegisterKernel kErf(erf_kernels, DeviceType::kCpu, kFloating, unary_floating<Erf>);
const RegisterKernel kRelu(relu_kernels, DeviceType::kCpu, kFloating, unary_floating<Relu>);
const RegisterKernel kSilu(silu_kernels, DeviceType::kCpu, kFloating, unary_floating<Silu>);
const RegisterKernel kGeluErf(gelu_erf_kernels, DeviceType::kCpu, kFloating, unary_floating<GeluErf>);
const RegisterKernel kGeluTanh(gelu_tanh_kernels, DeviceType::kCpu, kFloating, unary_floating<GeluTanh>);

}  // namespace
}  // namespace roux::cpu
