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
