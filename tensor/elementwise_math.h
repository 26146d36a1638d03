// The scalar functions of the elementwise ops, shared by CPU kernels, emulator and GPU: one formula, one
// result. T is the compute type: f32 for bf16 and f16, else the dtype's own type.
#ifndef ROUX_TENSOR_ELEMENTWISE_MATH_H_
#define ROUX_TENSOR_ELEMENTWISE_MATH_H_

#include <cmath>
#include <type_traits>

#include "tensor/convert.h"
#include "tensor/dtype.h"
#include "tensor/macros.h"
#include "tensor/scalar.h"
#include "tensor/vector_math.h"

namespace roux::elementwise {

template <class T>
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE bool is_finite(T x) {
  return x - x == T(0);
}

struct Add {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T a, T b) const {
    return static_cast<T>(a + b);
  }
};
struct Sub {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T a, T b) const {
    return static_cast<T>(a - b);
  }
};
struct Mul {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T a, T b) const {
    return static_cast<T>(a * b);
  }
};
struct Div {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T a, T b) const {
    return a / b;
  }
};
struct Pow {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T a, T b) const {
    return b == T(2) ? a * a : std::pow(a, b);
  }
};
// With the sign of b: a - floor(a / b) b. Integers: 0 for a divisor of 0, which the op refuses beforehand.
struct Remainder {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      if (b == T(0)) return T(0);
      if constexpr (std::is_unsigned_v<T>) {
        return static_cast<T>(a % b);
      } else {
        const T rest = b == T(-1) ? T(0) : static_cast<T>(a % b);  // the smallest integer by -1 would trap
        return static_cast<T>(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest);
      }
    } else {
      const T rest = std::fmod(a, b);
      return rest != T(0) && (rest < T(0)) != (b < T(0)) ? rest + b : rest;
    }
  }
};
struct Maximum {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T a, T b) const {
    return a > b || a != a ? a : b;
  }
};
struct Minimum {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T a, T b) const {
    return a < b || a != a ? a : b;
  }
};
struct Eq {
  template <class T>
  ROUX_HOST_DEVICE bool operator()(T a, T b) const {
    return a == b;
  }
};
struct Ne {
  template <class T>
  ROUX_HOST_DEVICE bool operator()(T a, T b) const {
    return a != b;
  }
};
struct Lt {
  template <class T>
  ROUX_HOST_DEVICE bool operator()(T a, T b) const {
    return a < b;
  }
};
struct Le {
  template <class T>
  ROUX_HOST_DEVICE bool operator()(T a, T b) const {
    return a <= b;
  }
};
struct Neg {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    return static_cast<T>(-x);
  }
};
struct Abs {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    if constexpr (std::is_unsigned_v<T>) {
      return x;
    } else {
      return x < T(0) ? static_cast<T>(-x) : (x == T(0) ? T(0) : x);
    }
  }
};
struct Sign {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    if constexpr (std::is_unsigned_v<T>) {
      return static_cast<T>(x > T(0));
    } else {
      return static_cast<T>((x > T(0)) - (x < T(0)));
    }
  }
};
struct Round {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    return std::rint(x);  // half to even
  }
};
struct Floor {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    return std::floor(x);
  }
};
struct Ceil {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    return std::ceil(x);
  }
};
struct Exp {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    return vmath::exp(x);
  }
};
struct Log {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    return vmath::log(x);
  }
};
struct Expm1 {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    return vmath::expm1(x);
  }
};
struct Log1p {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    return vmath::log1p(x);
  }
};
struct Sin {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    return vmath::sin(x);
  }
  static float near_turns(float x) { return vmath::sin_near(x, 0); }
};
struct Cos {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    return vmath::cos(x);
  }
  static float near_turns(float x) { return vmath::sin_near(x, 1); }
};
struct Sqrt {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    return std::sqrt(x);
  }
};
struct Rsqrt {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    return T(1) / std::sqrt(x);
  }
};
struct Tanh {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    return vmath::tanh(x);
  }
};
struct Sigmoid {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    return vmath::sigmoid(x);
  }
};
struct Erf {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    return vmath::erf(x);
  }
};
struct Relu {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    return x <= T(0) ? T(0) : x;
  }
};  // NaN stays NaN
// Too long for the compiler to inline unasked, and a loop with a call is not vectorised.
template <class T>
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE T log1p_exp_of_minus_abs(T x) {
  return vmath::log1p(vmath::exp(x < T(0) ? x : -x));
}
struct Softplus {
  template <class T>
  ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE T operator()(T x) const {
    return (x > T(0) ? x : T(0)) + log1p_exp_of_minus_abs(x);
  }
};
struct LogSigmoid {
  template <class T>
  ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE T operator()(T x) const {
    return (x < T(0) ? x : T(0)) - log1p_exp_of_minus_abs(x);
  }
};
struct Silu {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    return x / vmath::one_plus_exp_minus(x);
  }
};
struct GeluErf {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    const T half = T(0.5) * x;
    return vmath::fma(half, vmath::erf(x * T(0.70710678118654752440)), half);
  }
};
// (1 + tanh(u)) / 2 = sigmoid(2 u): one exponential, and no cancellation where tanh is near -1. This is 2 u.
template <class T>
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE T gelu_gate_input(T x) {
  return T(1.59576912160573071176) * (x + T(0.044715) * x * x * x);
}
struct GeluTanh {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x) const {
    return x / vmath::one_plus_exp_minus(gelu_gate_input(x));
  }
};
struct SiluBackward {
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x, T grad_output) const {
    const T s = T(1) / vmath::one_plus_exp_minus(x);
    return grad_output * (s * (T(1) + x * (T(1) - s)));
  }
};
struct GeluErfBackward {  // Phi(x) + x phi(x)
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x, T grad_output) const {
    const T cdf = T(0.5) * (T(1) + vmath::erf(x * T(0.70710678118654752440)));
    return grad_output * (cdf + x * (T(0.39894228040143267794) * vmath::exp_minus_half_square(x)));
  }
};
struct GeluTanhBackward {  // s + x s', where s is the gate
  template <class T>
  ROUX_HOST_DEVICE T operator()(T x, T grad_output) const {
    const T s = T(1) / vmath::one_plus_exp_minus(gelu_gate_input(x));
    // Beyond 40 s (1 - s) is 0, which an infinite slope must not turn into NaN.
    const T near = x > T(40) ? T(40) : (x < T(-40) ? T(-40) : x);
    const T slope = T(1.59576912160573071176) * (T(1) + T(3 * 0.044715) * near * near);
    return grad_output * (s + near * s * (T(1) - s) * slope);
  }
};
// Of silu(gate) * up. The usual order of factors, unless it overflows where the result need not: then both
// factors are above 1, and the slope goes between them.
template <class T>
struct SwigluGrads {
  T gate, up;
};
template <class T>
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE SwigluGrads<T> swiglu_grads(T grad_output, T gate, T up) {
  const T s = vmath::sigmoid(gate), slope = s * (T(1) + gate * (T(1) - s));
  const T with_up = grad_output * up, with_gate = grad_output * gate;
  return {is_finite(with_up) ? with_up * slope : grad_output * slope * up,
          is_finite(with_gate) ? with_gate * s : grad_output * (gate * s)};
}

template <class C>
struct Clamp {
  C low, high;
  // Limits beyond an integer type's range do not clamp.
  Clamp(const Scalar& low, const Scalar& high)
      : low(std::is_integral_v<C> && !low.is_integer() ? convert<C>(std::ceil(low.to<double>()))
                                                       : low.to<C>()),
        high(std::is_integral_v<C> && !high.is_integer() ? convert<C>(std::floor(high.to<double>()))
                                                         : high.to<C>()) {}
  ROUX_HOST_DEVICE C operator()(C v) const { return v < low ? low : (v > high ? high : v); }
};

// To: a dtype's C++ type. Straight to it: a stop at f32 on the way to bf16 or f16 would round twice.
template <class To>
struct Cast {
  template <class C>
  ROUX_HOST_DEVICE To operator()(C v) const {
    return convert<To>(v);
  }
};

}  // namespace roux::elementwise

#endif  // ROUX_TENSOR_ELEMENTWISE_MATH_H_
