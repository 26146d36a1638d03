// CPU kernels of the unary elementwise ops and of the activations' gradients.
#include <cmath>
#include <type_traits>

#include "tensor/cpu/elementwise_loops.h"
#include "tensor/elementwise_math.h"
#include "tensor/ops/elementwise_tables.h"

namespace roux::cpu {
namespace {

using namespace elementwise;  // the op functors

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

// sin and cos: first all by the polynomial, which is right near 0, then what lies beyond, one by one.
template <class T, class Op>
ROUX_ALWAYS_INLINE void turns_pieces(const T* __restrict from, T* __restrict to, int64_t n) {
  constexpr int64_t kPiece = 256;
  for (int64_t begin = 0; begin < n; begin += kPiece) {
    const int64_t end = std::min(n, begin + kPiece);
    int far = 0;
    for (int64_t i = begin; i < end; ++i) {
      const float x = static_cast<float>(from[i]);
      to[i] = static_cast<T>(Op::near_turns(x));
      far |= vmath::is_near_turns(x) ? 0 : 1;
    }
    for (int64_t i = begin; far && i < end; ++i) {
      const float x = static_cast<float>(from[i]);
      if (!vmath::is_near_turns(x)) to[i] = static_cast<T>(Op{}(x));
    }
  }
}
template <class T, class Op>
void turns_flat(const void* in, void* out, int64_t n, const void*) {
  turns_pieces<T, Op>(static_cast<const T*>(in), static_cast<T*>(out), n);
}
template <class T, class Op>
ROUX_TARGET_AVX512 void turns_flat_avx512(const void* in, void* out, int64_t n, const void*) {
  turns_pieces<T, Op>(static_cast<const T*>(in), static_cast<T*>(out), n);
}
template <class Op>
void unary_turns(const Tensor& x, Tensor& y) {
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    if constexpr (std::is_same_v<T, double>) {
      unary_loop<T, T>(x, y, Op{});
    } else {
      run_unary(x, y, has_avx512() ? turns_flat_avx512<T, Op> : turns_flat<T, Op>, nullptr);
    }
  });
}

template <class Op>
void activation_backward(const Tensor& x, const Tensor& grad_output, Tensor& grad_input) {
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    run_binary(x, grad_output, grad_input,
               has_avx512() ? binary_flat_avx512<T, T, Op> : binary_flat<T, T, Op>);
  });
}

const RegisterKernel kNeg(neg_kernels, DeviceType::kCpu, kNumeric, unary_numeric<Neg>);
const RegisterKernel kAbs(abs_kernels, DeviceType::kCpu, kNumeric, unary_numeric<Abs>);
const RegisterKernel kSign(sign_kernels, DeviceType::kCpu, kNumeric, unary_numeric<Sign>);
const RegisterKernel kRound(round_kernels, DeviceType::kCpu, kFloating, unary_floating<Round>);
const RegisterKernel kFloor(floor_kernels, DeviceType::kCpu, kFloating, unary_floating<Floor>);
const RegisterKernel kCeil(ceil_kernels, DeviceType::kCpu, kFloating, unary_floating<Ceil>);
const RegisterKernel kExp(exp_kernels, DeviceType::kCpu, kFloating, unary_wide<Exp>);
const RegisterKernel kExpm1(expm1_kernels, DeviceType::kCpu, kFloating, unary_wide<Expm1>);
const RegisterKernel kLog(log_kernels, DeviceType::kCpu, kFloating, unary_wide<Log>);
const RegisterKernel kLog1p(log1p_kernels, DeviceType::kCpu, kFloating, unary_wide<Log1p>);
const RegisterKernel kSin(sin_kernels, DeviceType::kCpu, kFloating, unary_turns<Sin>);
const RegisterKernel kCos(cos_kernels, DeviceType::kCpu, kFloating, unary_turns<Cos>);
const RegisterKernel kSqrt(sqrt_kernels, DeviceType::kCpu, kFloating, unary_floating<Sqrt>);
const RegisterKernel kRsqrt(rsqrt_kernels, DeviceType::kCpu, kFloating, unary_floating<Rsqrt>);
const RegisterKernel kTanh(tanh_kernels, DeviceType::kCpu, kFloating, unary_wide<Tanh>);
const RegisterKernel kSigmoid(sigmoid_kernels, DeviceType::kCpu, kFloating, unary_wide<Sigmoid>);
const RegisterKernel kErf(erf_kernels, DeviceType::kCpu, kFloating, unary_wide<Erf>);
const RegisterKernel kSoftplus(softplus_kernels, DeviceType::kCpu, kFloating, unary_wide<Softplus>);
const RegisterKernel kLogSigmoid(log_sigmoid_kernels, DeviceType::kCpu, kFloating, unary_wide<LogSigmoid>);
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
