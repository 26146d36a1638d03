// Elementwise ops. All broadcast (trailing axes aligned; 1 stretches) and promote by the rule in
// tensor/dtype.h; outputs are contiguous. bf16 and f16 are computed in f32 and rounded once. All throw Error
// when shapes do not broadcast or a dtype is not supported, and are differentiable to any order unless a
// comment says otherwise.
#ifndef ROUX_TENSOR_OPS_ELEMENTWISE_H_
#define ROUX_TENSOR_OPS_ELEMENTWISE_H_

#include "tensor/scalar.h"
#include "tensor/tensor.h"

namespace roux {

// Binary, on numeric dtypes.
Tensor add(const Tensor& a, const Tensor& b);  // a + b
Tensor sub(const Tensor& a, const Tensor& b);  // a - b
Tensor mul(const Tensor& a, const Tensor& b);  // a * b
Tensor div(const Tensor& a, const Tensor& b);  // a / b; integers are cast to f32 first
Tensor pow(const Tensor& a, const Tensor& b);  // a^b, floating; the gradient to b needs a > 0
// a - floor(a / b) b, with the sign of b (Python's %), on numeric dtypes. The gradient to b is -floor(a / b).
// Throws Error for an integer divisor of 0; by a floating 0 it is NaN.
Tensor remainder(const Tensor& a, const Tensor& b);
Tensor maximum(const Tensor& a, const Tensor& b);  // NaN wins; at ties half of the gradient goes to each
Tensor minimum(const Tensor& a, const Tensor& b);

// Comparisons: bool output, no gradient. NaN compares unequal to everything.
Tensor eq(const Tensor& a, const Tensor& b);
Tensor ne(const Tensor& a, const Tensor& b);
Tensor lt(const Tensor& a, const Tensor& b);
Tensor le(const Tensor& a, const Tensor& b);
Tensor gt(const Tensor& a, const Tensor& b);
Tensor ge(const Tensor& a, const Tensor& b);

// On any dtype, of which what is not zero counts as true, NaN too: bool output, no gradient.
Tensor logical_and(const Tensor& a, const Tensor& b);
Tensor logical_or(const Tensor& a, const Tensor& b);
Tensor logical_xor(const Tensor& a, const Tensor& b);
Tensor logical_not(const Tensor& x);

// Unary. neg, abs and sign take numeric dtypes, the others floating ones (integers are an error: cast first).
Tensor neg(const Tensor& x);
Tensor abs(const Tensor& x);  // gradient 0 at 0
// Steps: their gradient is 0 everywhere.
Tensor sign(const Tensor& x);   // -1, 0 or 1; 0 at NaN, as in PyTorch
Tensor round(const Tensor& x);  // to the nearest integer, half to even
Tensor floor(const Tensor& x);
Tensor ceil(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor expm1(const Tensor& x);  // e^x - 1, exact to rounding near 0 too
Tensor log(const Tensor& x);
Tensor log1p(const Tensor& x);  // log(1 + x), exact to rounding near 0 too
Tensor sin(const Tensor& x);    // of radians, over the whole range of the dtype
Tensor cos(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);  // 1 / sqrt(x)
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);  // 1 / (1 + e^-x)
Tensor erf(const Tensor& x);
Tensor softplus(const Tensor& x);     // log(1 + e^x) = max(x, 0) + log1p(e^-|x|); no overflow
Tensor log_sigmoid(const Tensor& x);  // log(sigmoid(x)) = -softplus(-x)
Tensor relu(const Tensor& x);         // max(x, 0); gradient 0 at 0, passed on at NaN
Tensor silu(const Tensor& x);         // x * sigmoid(x)
enum class GeluKind { kErf, kTanh };
// kErf: x/2 (1 + erf(x / sqrt 2)). kTanh: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))  [Hendrycks & Gimpel
// 2016]
Tensor gelu(const Tensor& x, GeluKind kind = GeluKind::kErf);

// condition ? a : b. condition: bool; a and b promote; all three broadcast.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
// min(max(x, low), high), numeric; needs low <= high. NaN stays NaN. The gradient passes where
// low <= x <= high, so not at NaN.
Tensor clamp(const Tensor& x, const Scalar& low, const Scalar& high);
// x converted to dtype, rounded once to the nearest (ties to even): floating to integer truncates toward zero
// and saturates (NaN gives 0), a narrower integer keeps the low bits, to bool tests for non-zero; the same on
// all devices. Returns x itself when it has that dtype. The gradient is cast back.
Tensor cast(const Tensor& x, DType dtype);

// Writes; not differentiable. Throw Error on a tensor that requires grad while recording is on (NoGradGuard
// lifts that), and on one that overlaps itself (an expanded axis). The other argument may share memory with
// x: it is read, or where needed copied, before anything is written.
void copy_(Tensor x, const Tensor& source);  // source broadcasts to x and is cast
void fill_(Tensor x, const Scalar& value);
// x += scale * other; other has x's shape and dtype. Throws Error for a fraction as scale of integers.
void add_(Tensor x, const Tensor& other, const Scalar& scale = 1);

// A plain number beside a tensor takes its dtype (fraction beside integers: f32). In arithmetic a number that
// bf16 or f16 does not hold takes part as f32: the result alone is rounded.
Tensor add(const Tensor& a, const Scalar& b);
Tensor sub(const Tensor& a, const Scalar& b);
Tensor sub(const Scalar& a, const Tensor& b);
Tensor mul(const Tensor& a, const Scalar& b);
Tensor div(const Tensor& a, const Scalar& b);
Tensor div(const Scalar& a, const Tensor& b);
Tensor pow(const Tensor& a, const Scalar& exponent);
Tensor remainder(const Tensor& a, const Scalar& b);
Tensor eq(const Tensor& a, const Scalar& b);
Tensor ne(const Tensor& a, const Scalar& b);
Tensor lt(const Tensor& a, const Scalar& b);
Tensor le(const Tensor& a, const Scalar& b);
Tensor gt(const Tensor& a, const Scalar& b);
Tensor ge(const Tensor& a, const Scalar& b);

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator-(const Tensor& x) { return neg(x); }
inline Tensor operator+(const Tensor& a, const Scalar& b) { return add(a, b); }
inline Tensor operator+(const Scalar& a, const Tensor& b) { return add(b, a); }
inline Tensor operator-(const Tensor& a, const Scalar& b) { return sub(a, b); }
inline Tensor operator-(const Scalar& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Scalar& b) { return mul(a, b); }
inline Tensor operator*(const Scalar& a, const Tensor& b) { return mul(b, a); }
inline Tensor operator/(const Tensor& a, const Scalar& b) { return div(a, b); }
inline Tensor operator/(const Scalar& a, const Tensor& b) { return div(a, b); }

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_ELEMENTWISE_H_
