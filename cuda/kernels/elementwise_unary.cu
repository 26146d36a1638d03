// CUDA kernels of the unary elementwise ops and of the activations' backward.
#include "cuda/elementwise.h"
#include "tensor/elementwise_math.h"
#include "tensor/ops/elementwise_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

using namespace elementwise;  // the op functors

using Signs = OneOf<Neg, Abs, Sign>;
using Functions = OneOf<Exp, Expm1, Log, Log1p, Sqrt, Rsqrt, Tanh, Sigmoid, Erf, Softplus, LogSigmoid, Relu,
                        Silu, GeluErf, GeluTanh, Round, Floor, Ceil>;
using Turns = OneOf<Sin, Cos>;  // whose rare f64 branch needs more registers than the others have

template <class Op>
void unary_numeric(const Tensor& x, Tensor& y) {
  const Signs op{position_in<Op>(static_cast<Signs*>(nullptr))};
  dispatch_numeric(x.dtype(), [&](auto tag) { launch_elementwise<decltype(tag), decltype(tag)>(op, y, x); });
}
template <class Op, class Group = Functions>
void unary_floating(const Tensor& x, Tensor& y) {
  const Group op{position_in<Op>(static_cast<Group*>(nullptr))};
  dispatch_floating(x.dtype(), [&](auto tag) { launch_elementwise<decltype(tag), decltype(tag)>(op, y, x); });
}

using Activations = OneOf<SiluBackward, GeluErfBackward, GeluTanhBackward>;
template <class Op>
void activation_backward(const Tensor& x, const Tensor& grad_output, Tensor& grad_input) {
  const Activations op{position_in<Op>(static_cast<Activations*>(nullptr))};
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch_elementwise<T, T, T>(op, grad_input, x, grad_output);
  });
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kNeg(neg_kernels, kDevice, kNumeric, unary_numeric<Neg>);
const RegisterKernel kAbs(abs_kernels, kDevice, kNumeric, unary_numeric<Abs>);
const RegisterKernel kSign(sign_kernels, kDevice, kNumeric, unary_numeric<Sign>);
const RegisterKernel kRound(round_kernels, kDevice, kFloating, unary_floating<Round>);
const RegisterKernel kFloor(floor_kernels, kDevice, kFloating, unary_floating<Floor>);
const RegisterKernel kCeil(ceil_kernels, kDevice, kFloating, unary_floating<Ceil>);
const RegisterKernel kExp(exp_kernels, kDevice, kFloating, unary_floating<Exp>);
const RegisterKernel kExpm1(expm1_kernels, kDevice, kFloating, unary_floating<Expm1>);
const RegisterKernel kLog(log_kernels, kDevice, kFloating, unary_floating<Log>);
const RegisterKernel kLog1p(log1p_kernels, kDevice, kFloating, unary_floating<Log1p>);
const RegisterKernel kSin(sin_kernels, kDevice, kFloating, unary_floating<Sin, Turns>);
const RegisterKernel kCos(cos_kernels, kDevice, kFloating, unary_floating<Cos, Turns>);
const RegisterKernel kSqrt(sqrt_kernels, kDevice, kFloating, unary_floating<Sqrt>);
const RegisterKernel kRsqrt(rsqrt_kernels, kDevice, kFloating, unary_floating<Rsqrt>);
const RegisterKernel kTanh(tanh_kernels, kDevice, kFloating, unary_floating<Tanh>);
const RegisterKernel kSigmoid(sigmoid_kernels, kDevice, kFloating, unary_floating<Sigmoid>);
const RegisterKernel kErf(erf_kernels, kDevice, kFloating, unary_floating<Erf>);
const RegisterKernel kSoftplus(softplus_kernels, kDevice, kFloating, unary_floating<Softplus>);
const RegisterKernel kLogSigmoid(log_sigmoid_kernels, kDevice, kFloating, unary_floating<LogSigmoid>);
const RegisterKernel kRelu(relu_kernels, kDevice, kFloating, unary_floating<Relu>);
const RegisterKernel kSilu(silu_kernels, kDevice, kFloating, unary_floating<Silu>);
const RegisterKernel kGeluErf(gelu_erf_kernels, kDevice, kFloating, unary_floating<GeluErf>);
const RegisterKernel kGeluTanh(gelu_tanh_kernels, kDevice, kFloating, unary_floating<GeluTanh>);
const RegisterKernel kSiluBackward(silu_backward_kernels, kDevice, kFloating,
                                   activation_backward<SiluBackward>);
const RegisterKernel kGeluErfBackward(gelu_erf_backward_kernels, kDevice, kFloating,
                                      activation_backward<GeluErfBackward>);
const RegisterKernel kGeluTanhBackward(gelu_tanh_backward_kernels, kDevice, kFloating,
                                       activation_backward<GeluTanhBackward>);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
