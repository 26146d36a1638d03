// Transcendental functions in f32 as branch-free polynomials: selects instead of branches and explicit fused
// multiply-adds, so that compilers vectorise loops over them and CPU, emulator and GPU get the same bits.
// Coefficients are the classic minimax sets for these ranges (Moshier, Cephes; erf: our own fits). Largest
// errors in units in the last place, held by vector_math_test over the whole range: exp 1.1, expm1 1.5, log
// 1.1, log1p 1.4, tanh 2, sigmoid 2.5 (0 below -88.7), erf 1.3, sin and cos 1.6; sincos_2pi 2^-23 absolute.
// f64 overloads call libm: the reference path.
#ifndef ROUX_TENSOR_VECTOR_MATH_H_
#define ROUX_TENSOR_VECTOR_MATH_H_

#include <cmath>
#include <cstdint>

#include "tensor/float16.h"
#include "tensor/macros.h"

namespace roux::vmath {

ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

// 2^n for n in [-126, 127].
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float pow2(int32_t n) {
  return internal::bits_as<float>((static_cast<uint32_t>(n) + 127u) << 23);
}

// Nearest integer as float, |x| < 2^22; ties to even.
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float round_small(float x) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23
  return (x + kMagic) - kMagic;
}

// e^x / 2^n - 1, where n is the integer nearest to x / log(2).
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float expm1_remainder(float x, float n) {
  float r = fma(n, -0.693359375f, x);
  r = fma(n, 2.12194440e-4f, r);
  float p = 1.9875691500e-4f;
  p = fma(p, r, 1.3981999507e-3f);
  p = fma(p, r, 8.3334519073e-3f);
  p = fma(p, r, 4.1665795894e-2f);
  p = fma(p, r, 1.6666665459e-1f);
  p = fma(p, r, 5.0000001201e-1f);
  return fma(p, r * r, r);
}
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float exp_remainder(float x, float n) {
  return expm1_remainder(x, n) + 1.0f;
}

// scale x rounded to an integer: as a float, and in the low bits of `shifted`, which is kRoundedZero for 0.
// |scale x| < 2^21; what a NaN gives is the caller's to discard.
struct Rounded {
  float n;
  uint32_t shifted;
};
constexpr uint32_t kRoundedZero = 0x4b400000u;
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE Rounded round_product(float x, float scale) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: the sum has no bits below one
  const float shifted = fma(x, scale, kMagic);
  return {shifted - kMagic, internal::bits_as<uint32_t>(shifted)};
}
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE Rounded round_exponent(float x) {
  return round_product(x, 1.44269504088896341f);  // 1 / log(2)
}

// e^x. Exact limits: 0 below -104, inf above 88.8. NaN stays NaN.
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float exp(float x) {
  x = x > 89.0f ? 89.0f : x;
  x = x < -105.0f ? -105.0f : x;
  const Rounded e = round_exponent(x);
  const int32_t k = static_cast<int32_t>(e.shifted - kRoundedZero);
  const int32_t half = k >> 1;  // two factors: their product may be subnormal or inf
  return exp_remainder(x, e.n) * pow2(half) * pow2(k - half);
}

// e^x where that is a normal number, x in [-87, 88]: the polynomial of exp without its overflow and subnormal
// range.
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float exp_normal(float x) {
  const Rounded e = round_exponent(x);
  return exp_remainder(x, e.n) * internal::bits_as<float>((e.shifted << 23) + 0x3f800000u);
}

// e^x - 1 without cancellation: 2^n (e^r - 1) + (2^n - 1), and from 64 on e^x.
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float expm1(float x) {
  const float low = x < -20.0f ? -20.0f : x, near = low > 89.0f ? 89.0f : low;
  const Rounded e = round_exponent(near);
  const int32_t k = static_cast<int32_t>(e.shifted - kRoundedZero), half = k >> 1;
  const float q = expm1_remainder(near, e.n), scale = pow2(k);
  const float small = fma(scale, q, scale - 1.0f), large = (q + 1.0f) * pow2(half) * pow2(k - half);
  const float y = near > 64.0f ? large : small;
  return x == 0.0f ? x : y;  // -0
}

// x = 2^exponent m with m in [sqrt(1/2), sqrt(2)), for normal x > 0.
struct Split {
  float m;
  int32_t exponent;
};
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE Split split_exponent(float x) {
  const uint32_t u = internal::bits_as<uint32_t>(x);
  int32_t e = static_cast<int32_t>((u - 0x3f3504f3u) >> 23);
  e = e >= 256 ? e - 512 : e;  // the subtraction wrapped: negative exponent
  return {internal::bits_as<float>(u - (static_cast<uint32_t>(e) << 23)), e};
}
// log(2^exponent (1 + r)) with 1 + r in [sqrt(1/2), sqrt(2)).
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float log_split(float r, float exponent) {
  const float z = r * r;
  float p = 7.0376836292e-2f;
  p = fma(p, r, -1.1514610310e-1f);
  p = fma(p, r, 1.1676998740e-1f);
  p = fma(p, r, -1.2420140846e-1f);
  p = fma(p, r, 1.4249322787e-1f);
  p = fma(p, r, -1.6668057665e-1f);
  p = fma(p, r, 2.0000714765e-1f);
  p = fma(p, r, -2.4999993993e-1f);
  p = fma(p, r, 3.3333331174e-1f);
  float y = p * r * z;
  y = fma(exponent, -2.12194440e-4f, y);
  y = fma(-0.5f, z, y);
  return fma(exponent, 0.693359375f, r + y);
}

// Natural logarithm: -inf at 0, NaN below, inf at inf; subnormals exact to rounding.
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float log(float x) {
  const bool tiny = x < 1.17549435e-38f;
  const Split s = split_exponent(tiny ? x * 8388608.0f : x);
  float y = log_split(s.m - 1.0f, static_cast<float>(tiny ? s.exponent - 23 : s.exponent));
  y = x == 0.0f ? -__builtin_inff() : y;
  y = x < 0.0f ? __builtin_nanf("") : y;
  return x < __builtin_inff() ? y : x;  // inf and NaN
}

// log(1 + x) without losing the bits of x that 1 + x rounds away. -inf at -1, NaN below.
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float log1p(float x) {
  const float u = 1.0f + x, lost = x - (u - 1.0f);
  const Split s = split_exponent(u);
  const int32_t e = s.exponent < 126 ? s.exponent : 126;  // nothing is lost up there, but 2^-e must be finite
  float y = log_split(fma(lost, pow2(-e), s.m - 1.0f), static_cast<float>(s.exponent));
  y = x == 0.0f ? x : y;  // -0
  y = u == 0.0f ? -__builtin_inff() : y;
  y = u < 0.0f ? __builtin_nanf("") : y;
  return x < __builtin_inff() ? y : x;  // inf and NaN
}

// The smaller of x and `most` > 0, and the larger of x and `least` < 0; a NaN becomes the limit where it has
// that one's sign. Floats of one sign are ordered as their bits are, and compilers know the smaller of two
// integers as one instruction.
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float at_most(float x, float most) {
  const auto bits = internal::bits_as<int32_t>(x), limit = internal::bits_as<int32_t>(most);
  return internal::bits_as<float>(bits < limit ? bits : limit);
}
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float at_least(float x, float least) {
  const auto bits = internal::bits_as<uint32_t>(x), limit = internal::bits_as<uint32_t>(least);
  return internal::bits_as<float>(bits < limit ? bits : limit);
}

// e^x for x in [-87, 89]: inf above 88.8, and 0 where it would be below 2^-125. What a NaN gives is NaN.
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float exp_to_inf(float x) {
  const Rounded e = round_exponent(x);
  const float p = exp_remainder(x, e.n);
  return (p + p) * internal::bits_as<float>((e.shifted << 23) + 0x3f000000u);  // 2^(n - 1) is finite
}

ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float tanh(float x) {
  const float a = __builtin_fabsf(x), z = x * x;
  float p = -5.70498872745e-3f;
  p = fma(p, z, 2.06390887954e-2f);
  p = fma(p, z, -5.37397155531e-2f);
  p = fma(p, z, 1.33314422036e-1f);
  p = fma(p, z, -3.33332819422e-1f);
  const float small = fma(p * z, x, x);
  const float large = 1.0f - 2.0f / (exp_to_inf(at_most(2.0f * a, 89.0f)) + 1.0f);
  return a >= 0.625f ? __builtin_copysignf(large, x) : small;  // NaN is small
}

// 1 + e^-x, inf below -88.7, what sigmoid and its products divide by. A NaN gives a number: their numerators
// carry it on.
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float one_plus_exp_minus(float x) {
  return 1.0f + exp_to_inf(at_most(at_least(-x, -87.0f), 89.0f));
}
// 1 / (1 + e^-x)
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float sigmoid(float x) {
  return (x == x ? 1.0f : x) / one_plus_exp_minus(x);
}

// e^(-x^2 / 2), 0 where it would be below 2^-125. A NaN gives NaN or 0.
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float exp_minus_half_square(float x) {
  return exp_to_inf(at_least(-0.5f * x * x, -87.0f));
}

// Up to 0.92 as x + x P(x^2), which is exact to rounding for the smallest x; above as 1 - 2^(x Q(x)) with
// x Q(x) = log2(erfc(x)), where erfc is less than a quarter of the result. From 4 on it is 1. Q and the power
// are summed in pairs, which halves the chain of operations that wait for each other.
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float erf(float x) {
  const float magnitude = __builtin_fabsf(x), a = at_most(magnitude, 4.0f), z = a * a;
  float p = -5.99940140e-4f;
  p = fma(p, z, 4.99482929e-3f);
  p = fma(p, z, -2.67677191e-2f);
  p = fma(p, z, 1.12818459e-1f);
  p = fma(p, z, -3.76124965e-1f);
  p = fma(p, z, 1.28379150e-1f);
  float q = fma(3.087598695e-4f, a, -4.638569816e-3f);
  q = fma(q, z, fma(3.302442142e-2f, a, -1.518625841e-1f));
  q = fma(q, z, fma(-9.171462582e-1f, a, -1.628102489f));
  const Rounded n = round_product(q, a);
  const float r = fma(q, a, -n.n), r2 = r * r;
  float e = fma(1.5353359550e-4f, r, 1.3398875889e-3f);
  e = fma(e, r2, fma(9.6184373790e-3f, r, 5.5503324668e-2f));
  e = fma(e, r2, fma(2.4022647913e-1f, r, 6.9314720286e-1f));
  const float power = internal::bits_as<float>((n.shifted << 23) + 0x3f800000u);
  const float small = fma(p, x, x), large = fma(fma(e, r, 1.0f), -power, 1.0f);
  return magnitude >= 0.92f ? __builtin_copysignf(large, x) : small;  // NaN is small
}

// Of r in [-pi/4, pi/4].
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float sin_quadrant(float r) {
  const float z = r * r;
  float s = -1.9515295891e-4f;
  s = fma(s, z, 8.3321608736e-3f);
  s = fma(s, z, -1.6666654611e-1f);
  return fma(s * z, r, r);
}
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float cos_quadrant(float r) {
  const float z = r * r;
  float c = 2.443315711809948e-5f;
  c = fma(c, z, -1.388731625493765e-3f);
  c = fma(c, z, 4.166664568298827e-2f);
  return fma(c, z * z, fma(-0.5f, z, 1.0f));
}

// sin(x + quadrants pi/2) for |x| up to kNearTurns: pi/2 in three parts of 24 bits; n times the first is
// subtracted exactly.
constexpr float kNearTurns = 1e5f;
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float sin_near(float x, uint32_t quadrants) {
  const Rounded n = round_product(x, 0.636619772367581343f);  // 2 / pi
  float r = fma(n.n, -1.57079637050628662f, x);
  r = fma(n.n, 4.37113882867379116e-8f, r);
  r = fma(n.n, 1.71512451000588188e-15f, r);
  const uint32_t k = n.shifted + quadrants;  // kRoundedZero is a multiple of four
  const float y = (k & 1u) ? cos_quadrant(r) : sin_quadrant(r);
  return quadrants == 0 && x == 0.0f ? x : ((k & 2u) ? -y : y);  // sin(-0) is -0
}
// Beyond, libm in f64 reduces the argument.
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE bool is_near_turns(float x) {
  return x <= kNearTurns && x >= -kNearTurns;
}
ROUX_HOST_DEVICE inline float sin(float x) {
  return is_near_turns(x) ? sin_near(x, 0) : static_cast<float>(std::sin(static_cast<double>(x)));
}
ROUX_HOST_DEVICE inline float cos(float x) {
  return is_near_turns(x) ? sin_near(x, 1) : static_cast<float>(std::cos(static_cast<double>(x)));
}

// sin and cos of 2 pi u for u in [0, 1].
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE void sincos_2pi(float u, float* sine, float* cosine) {
  const float quadrant = round_small(4.0f * u);
  const float r = fma(quadrant, -0.25f, u) * 6.28318530717958648f;
  const float s = sin_quadrant(r), c = cos_quadrant(r);
  const int32_t k = static_cast<int32_t>(quadrant);
  const float a = (k & 1) ? c : s, b = (k & 1) ? s : c;
  *sine = (k & 2) ? -a : a;
  *cosine = ((k + 1) & 2) ? -b : b;
}

ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE double fma(double a, double b, double c) {
  return __builtin_fma(a, b, c);
}
ROUX_HOST_DEVICE inline double exp(double x) { return std::exp(x); }
ROUX_HOST_DEVICE inline double log(double x) { return std::log(x); }
ROUX_HOST_DEVICE inline double tanh(double x) { return std::tanh(x); }
ROUX_HOST_DEVICE inline double one_plus_exp_minus(double x) { return 1.0 + std::exp(-x); }
ROUX_HOST_DEVICE inline double exp_minus_half_square(double x) { return std::exp(-0.5 * x * x); }
ROUX_HOST_DEVICE inline double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
ROUX_HOST_DEVICE inline double erf(double x) { return std::erf(x); }
ROUX_HOST_DEVICE inline double expm1(double x) { return std::expm1(x); }
ROUX_HOST_DEVICE inline double log1p(double x) { return std::log1p(x); }
ROUX_HOST_DEVICE inline double sin(double x) { return std::sin(x); }
ROUX_HOST_DEVICE inline double cos(double x) { return std::cos(x); }

}  // namespace roux::vmath

#endif  // ROUX_TENSOR_VECTOR_MATH_H_
