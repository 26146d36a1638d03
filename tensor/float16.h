// bfloat16 and float16: two-byte storage types with explicit rounding to nearest even. Arithmetic is done in
// f32: both convert implicitly to float and explicitly from it. Usable in CUDA kernels (plain bits, no
// library types).
#ifndef ROUX_TENSOR_FLOAT16_H_
#define ROUX_TENSOR_FLOAT16_H_

#include <bit>
#include <cstdint>

#include "tensor/macros.h"

namespace roux {

namespace internal {
template <class To, class From>
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE To bits_as(From from) {
  return __builtin_bit_cast(To, from);
}

// f64 to f32 rounded to odd: a further rounding to 8 or 11 bits then gives what one rounding would.
ROUX_HOST_DEVICE inline float round_to_odd(double value) {
  const float nearest = static_cast<float>(value);
  const double back = nearest;
  if (back == value || value != value) return nearest;
  uint32_t u = bits_as<uint32_t>(nearest);
  if ((back < 0 ? -back : back) > (value < 0 ? -value : value)) --u;  // toward zero, then odd
  return bits_as<float>(u | 1u);
}

// i64 to f64 with all that lies below the 53 bits kept gathered in the last of them: a further rounding to 8
// or 11 bits then gives what one rounding would.
ROUX_HOST_DEVICE inline double sticky_double(int64_t value) {
  const auto bits = static_cast<uint64_t>(value), magnitude = value < 0 ? uint64_t{0} - bits : bits;
  if (magnitude < uint64_t{1} << 53) return static_cast<double>(value);
  const double kept = static_cast<double>((magnitude >> 11) | ((magnitude & 0x7ffu) != 0 ? 1u : 0u)) * 2048.0;
  return value < 0 ? -kept : kept;
}
}  // namespace internal

struct bfloat16 {
  uint16_t bits = 0;

  bfloat16() = default;
  ROUX_HOST_DEVICE explicit bfloat16(float value) {
    const uint32_t u = internal::bits_as<uint32_t>(value);
    const uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    const bool nan = (u & 0x7fffffffu) > 0x7f800000u;
    bits = static_cast<uint16_t>(nan ? ((u >> 16) | 0x40u) : rounded);  // keep a NaN a (quiet) NaN
  }
  ROUX_HOST_DEVICE explicit bfloat16(double value) : bfloat16(internal::round_to_odd(value)) {}
  ROUX_HOST_DEVICE operator float() const {
    return internal::bits_as<float>(static_cast<uint32_t>(bits) << 16);
  }
};

struct float16 {
  uint16_t bits = 0;

  float16() = default;
  ROUX_HOST_DEVICE explicit float16(float value) {
    const uint32_t u = internal::bits_as<uint32_t>(value);
    const uint32_t sign = (u >> 16) & 0x8000u, magnitude = u & 0x7fffffffu;
    uint32_t h;
    if (magnitude >= 0x47800000u) {  // >= 65536, inf or NaN
      h = magnitude > 0x7f800000u ? (0x7e00u | ((magnitude >> 13) & 0x3ffu)) : 0x7c00u;
    } else if (magnitude < 0x38800000u) {  // below 2^-14: the addition of 0.5 aligns and rounds the mantissa
      h = internal::bits_as<uint32_t>(internal::bits_as<float>(magnitude) + 0.5f) - 0x3f000000u;
    } else {  // normal; a carry out of the mantissa moves into the exponent, at the top into infinity
      h = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
    }
    bits = static_cast<uint16_t>(sign | h);
  }
  ROUX_HOST_DEVICE explicit float16(double value) : float16(internal::round_to_odd(value)) {}
  ROUX_HOST_DEVICE operator float() const {
    const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
    const uint32_t exponent = (bits >> 10) & 0x1fu, mantissa = bits & 0x3ffu;
    if (exponent == 0x1fu) return internal::bits_as<float>(sign | 0x7f800000u | (mantissa << 13));
    if (exponent == 0) {  // subnormal: mantissa * 2^-24 is exact in f32
      return internal::bits_as<float>(internal::bits_as<uint32_t>(static_cast<float>(mantissa) * 0x1p-24f) |
                                      sign);
    }
    return internal::bits_as<float>(sign | ((exponent + 112u) << 23) | (mantissa << 13));
  }
};

static_assert(sizeof(bfloat16) == 2 && sizeof(float16) == 2);

}  // namespace roux

#endif  // ROUX_TENSOR_FLOAT16_H_
