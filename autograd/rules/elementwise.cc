// Gradient rules of the elementwise family. Rules return gradients of the broadcast shape; the engine sums
// them back.
#include "autograd/rule.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise_tables.h"

namespace roux {
namespace {

Tensor scalar_like(const Tensor& x, const Scalar& value) { return full({}, value, x.dtype(), x.device()); }
// grad_output where the condition holds, 0 elsewhere: a product with a mask would turn inf into NaN.
Tensor keep_where(const Tensor& condition, const Tensor& grad_output) {
  return where(condition, grad_output, scalar_like(grad_output, 0));
}

void add_backward(const NothingSaved&, const Tensor& grad_output, GradInputs& grad) {
  if (grad.needs(0)) grad.set(0, grad_output);
  if (grad.needs(1)) grad.set(1, grad_output);
}
void sub_backward(const NothingSaved&, const Tensor& grad_output, GradInputs& grad) {
  if (grad.needs(0)) grad.set(0, grad_output);
  if (grad.needs(1)) grad.set(1, -grad_output);
}
void neg_backward(const NothingSaved&, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, -grad_output);
}
void mul_backward(const PairSaved& s, const Tensor& grad_output, GradInputs& grad) {
  if (grad.needs(0)) grad.set(0, grad_output * s.b.get());
  if (grad.needs(1)) grad.set(1, grad_output * s.a.get());
}
void div_backward(const PairSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor b = s.b.get(), quotient = grad_output / b;
  if (grad.needs(0)) grad.set(0, quotient);
  if (grad.needs(1)) grad.set(1, -(quotient * (s.a.get() / b)));
}

// d/da a^b = b a^(b-1), 0 for b = 0 even at a = 0; d/db a^b = a^b log a, 0 at a = 0.
void pow_backward(const PowSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor a = s.a.get(), b = s.b.get();
  if (grad.needs(0)) {
    const Tensor exponent = where(eq(b, 0.0), scalar_like(b, 1), b - 1.0);
    grad.set(0, grad_output * b * pow(a, exponent));
  }
  if (grad.needs(1)) grad.set(1, grad_output * s.y.get() * log(where(eq(a, 0.0), scalar_like(a, 1), a)));
}

// d/da (a - floor(a / b) b) = 1, d/db = -floor(a / b); the quotient is a constant.
void remainder_backward(const PowSaved& s, const Tensor& grad_output, GradInputs& grad) {
  if (grad.needs(0)) grad.set(0, grad_output);
  if (!grad.needs(1)) return;
  const auto constant = [](const SavedTensor& x) {
    const Tensor value = x.get().detach();
    return value.dtype() == kF64 ? value : cast(value, kF32);
  };
  const Tensor quotient = round((constant(s.a) - constant(s.y)) / constant(s.b));
  grad.set(1, cast(-(grad_output * quotient), grad_output.dtype()));
}

// The gradient goes to input 0 where x > y and to input 1 where x < y. At ties each side gets half; beside a
// NaN both get all of it, as in PyTorch.
void extremum_backward(const Tensor& x, const Tensor& y, const Tensor& grad_output, GradInputs& grad) {
  const Tensor zero = scalar_like(grad_output, 0);
  const Tensor share = where(eq(x, y), grad_output * 0.5, grad_output);
  if (grad.needs(0)) grad.set(0, where(lt(x, y), zero, share));
  if (grad.needs(1)) grad.set(1, where(gt(x, y), zero, share));
}
void maximum_backward(const PairSaved& s, const Tensor& grad_output, GradInputs& grad) {
  extremum_backward(s.a.get(), s.b.get(), grad_output, grad);
}
void minimum_backward(const PairSaved& s, const Tensor& grad_output, GradInputs& grad) {
  extremum_backward(s.b.get(), s.a.get(), grad_output, grad);
}

void abs_backward(const InputSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor x = s.x.get();
  grad.set(0, keep_where(gt(x, 0.0), grad_output) - keep_where(lt(x, 0.0), grad_output));
}
void step_backward(const NothingSaved&, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, zeros_like(grad_output));
}
void expm1_backward(const InputSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, grad_output * exp(s.x.get()));
}
void log1p_backward(const InputSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, grad_output / (s.x.get() + 1.0));
}
void sin_backward(const InputSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, grad_output * cos(s.x.get()));
}
void cos_backward(const InputSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, -(grad_output * sin(s.x.get())));
}
void softplus_backward(const InputSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, grad_output * sigmoid(s.x.get()));
}
void log_sigmoid_backward(const InputSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, grad_output * sigmoid(-s.x.get()));
}
void log_backward(const InputSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, grad_output / s.x.get());
}
void erf_backward(const InputSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor x = s.x.get();
  grad.set(0, grad_output * exp(-(x * x)) * 1.12837916709551257390);  // 2 / sqrt(pi)
}
void exp_backward(const OutputSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, grad_output * s.y.get());
}
void sqrt_backward(const OutputSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, grad_output * 0.5 / s.y.get());
}
void rsqrt_backward(const OutputSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor y = s.y.get();
  grad.set(0, grad_output * -0.5 * y * y * y);  // y^3 alone may overflow
}
void tanh_backward(const OutputSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor y = s.y.get();
  grad.set(0, grad_output * (1.0 - y * y));
}
void sigmoid_backward(const OutputSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor y = s.y.get();
  grad.set(0, grad_output * (y * (1.0 - y)));
}
void relu_backward(const OutputSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor y = s.y.get();  // 0, more, or NaN, beside which the gradient passes as in PyTorch
  grad.set(0, keep_where(ne(y, 0), grad_output));
}

void silu_fused_backward(const InputSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, silu_backward(s.x.get(), grad_output));
}
Tensor silu_composed(const InputSaved&, absl::Span<const Tensor> in) { return in[0] * sigmoid(in[0]); }

void gelu_fused_backward(const GeluSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, gelu_backward(s.x.get(), grad_output, s.kind));
}
Tensor gelu_composed(const GeluSaved& s, absl::Span<const Tensor> in) {
  const Tensor& x = in[0];
  if (s.kind == GeluKind::kErf) return 0.5 * x * (1.0 + erf(x * 0.70710678118654752440));
  // (1 + tanh(u)) / 2 = sigmoid(2 u). Beyond 40 that is 0 or 1, and the powers would only overflow.
  const Tensor near = clamp(x, -40, 40);
  return x * sigmoid(1.59576912160573071176 * (near + 0.044715 * (near * near * near)));
}

void where_backward(const WhereSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor condition = s.condition.get(), zero = scalar_like(grad_output, 0);
  if (grad.needs(1)) grad.set(1, where(condition, grad_output, zero));
  if (grad.needs(2)) grad.set(2, where(condition, zero, grad_output));
}
void clamp_backward(const ClampSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor x = s.x.get(), zero = scalar_like(grad_output, 0);
  const Tensor inside = where(ge(x, s.low), grad_output, zero);  // 0 at NaN
  grad.set(0, where(le(x, s.high), inside, zero));
}
void cast_backward(const CastSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, cast(grad_output, s.from));
}

const RegisterGrad kAdd(add_grad, add_backward);
const RegisterGrad kSub(sub_grad, sub_backward);
const RegisterGrad kNeg(neg_grad, neg_backward);
const RegisterGrad kMul(mul_grad, mul_backward);
const RegisterGrad kDiv(div_grad, div_backward);
const RegisterGrad kPow(pow_grad, pow_backward);
const RegisterGrad kRemainder(remainder_grad, remainder_backward);
const RegisterGrad kMaximum(maximum_grad, maximum_backward);
const RegisterGrad kMinimum(minimum_grad, minimum_backward);
const RegisterGrad kAbs(abs_grad, abs_backward);
const RegisterGrad kSign(sign_grad, step_backward);
const RegisterGrad kRound(round_grad, step_backward);
const RegisterGrad kFloor(floor_grad, step_backward);
const RegisterGrad kCeil(ceil_grad, step_backward);
const RegisterGrad kExpm1(expm1_grad, expm1_backward);
const RegisterGrad kLog1p(log1p_grad, log1p_backward);
const RegisterGrad kSin(sin_grad, sin_backward);
const RegisterGrad kCos(cos_grad, cos_backward);
const RegisterGrad kSoftplus(softplus_grad, softplus_backward);
const RegisterGrad kLogSigmoid(log_sigmoid_grad, log_sigmoid_backward);
const RegisterGrad kLog(log_grad, log_backward);
const RegisterGrad kErf(erf_grad, erf_backward);
const RegisterGrad kExp(exp_grad, exp_backward);
const RegisterGrad kSqrt(sqrt_grad, sqrt_backward);
const RegisterGrad kRsqrt(rsqrt_grad, rsqrt_backward);
const RegisterGrad kTanh(tanh_grad, tanh_backward);
const RegisterGrad kSigmoid(sigmoid_grad, sigmoid_backward);
const RegisterGrad kRelu(relu_grad, relu_backward);
const RegisterFusedGrad kSilu(silu_grad, silu_fused_backward, silu_composed);
const RegisterFusedGrad kGelu(gelu_grad, gelu_fused_backward, gelu_composed);
const RegisterGrad kWhere(where_grad, where_backward);
const RegisterGrad kClamp(clamp_grad, clamp_backward);
const RegisterGrad kCast(cast_grad, cast_backward);

}  // namespace
}  // namespace roux
