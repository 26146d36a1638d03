#include "tensor/float16.h"

#include <cmath>
#include <limits>
#include <random>

#include "gtest/gtest.h"

namespace roux {
namespace {

// Rounding by arithmetic, not by bits: to a multiple of the spacing at x, ties to even (nearbyint's default
// mode).
double rounded(double x, int mantissa_bits, int smallest_exponent, double largest) {
  if (!std::isfinite(x) || x == 0) return x;
  const int exponent = std::max(std::ilogb(x), smallest_exponent);
  const double spacing = std::ldexp(1.0, exponent - mantissa_bits);
  const double y = std::nearbyint(x / spacing) * spacing;
  return std::fabs(y) > largest ? std::copysign(std::numeric_limits<double>::infinity(), x) : y;
}
double as_bf16(double x) { return rounded(x, 7, -126, 3.3895313892515355e38); }
double as_f16(double x) { return rounded(x, 10, -14, 65504); }

template <class T, class Reference, class From>
void expect_rounds(From x, Reference reference) {
  const double want = reference(static_cast<double>(x)), got = static_cast<float>(T(x));
  if (std::isnan(want)) {
    EXPECT_TRUE(std::isnan(got)) << x;
  } else {
    EXPECT_EQ(got, want) << x;
    EXPECT_EQ(std::signbit(got), std::signbit(want)) << x;
  }
}

TEST(Float16, EveryPatternSurvivesAFloat) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    bfloat16 b;
    b.bits = static_cast<uint16_t>(bits);
    float16 h;
    h.bits = static_cast<uint16_t>(bits);
    const float bf = b, hf = h;
    // A signalling NaN becomes a quiet one and keeps its sign.
    if (std::isnan(bf)) {
      EXPECT_EQ(bfloat16(bf).bits | 0x40u, bits | 0x40u);
    } else {
      EXPECT_EQ(bfloat16(bf).bits, bits);
      EXPECT_EQ(bfloat16(static_cast<double>(bf)).bits, bits);
    }
    if (std::isnan(hf)) {
      EXPECT_EQ(float16(hf).bits | 0x200u, bits | 0x200u);
    } else {
      EXPECT_EQ(float16(hf).bits, bits);
      EXPECT_EQ(float16(static_cast<double>(hf)).bits, bits);
    }
  }
}

TEST(Float16, ValuesOfThePatterns) {
  for (uint32_t bits = 0; bits < 0x7c00; ++bits) {  // the definition of binary16
    const uint32_t exponent = bits >> 10, mantissa = bits & 0x3ff;
    const double value = exponent == 0 ? std::ldexp(mantissa, -24)
                                       : std::ldexp(1024 + mantissa, static_cast<int>(exponent) - 25);
    float16 h;
    h.bits = static_cast<uint16_t>(bits);
    EXPECT_EQ(static_cast<float>(h), value);
    h.bits = static_cast<uint16_t>(bits | 0x8000);
    EXPECT_EQ(static_cast<float>(h), -value);
  }
}

TEST(Float16, FloatsRoundToNearestEven) {
  for (uint64_t u = 0; u <= 0xffffffffu; u += 10007) {
    const float x = internal::bits_as<float>(static_cast<uint32_t>(u));
    expect_rounds<bfloat16>(x, as_bf16);
    expect_rounds<float16>(x, as_f16);
  }
  // Ties and their neighbours, in all binades of f16.
  for (uint32_t exponent = 100; exponent < 145; ++exponent) {
    for (uint32_t mantissa = 0; mantissa < 1u << 23; mantissa += 1u << 12) {
      for (int32_t step = -1; step <= 1; ++step) {
        const float x = internal::bits_as<float>(((exponent << 23) | mantissa) + static_cast<uint32_t>(step));
        expect_rounds<float16>(x, as_f16);
        expect_rounds<bfloat16>(-x, as_bf16);
      }
    }
  }
}

TEST(Float16, DoublesRoundOnce) {
  // Just above a tie by less than f32 can tell: rounding to f32 first would land on the tie.
  const double tie_bf16 = 1 + 0x1p-8, tie_f16 = 1 + 0x1p-11, above = 0x1p-40;
  EXPECT_EQ(static_cast<float>(bfloat16(tie_bf16)), 1);
  EXPECT_EQ(static_cast<float>(bfloat16(tie_bf16 + above)), 1 + 0x1p-7f);
  EXPECT_EQ(static_cast<float>(float16(tie_f16)), 1);
  EXPECT_EQ(static_cast<float>(float16(tie_f16 + above)), 1 + 0x1p-10f);
  EXPECT_EQ(static_cast<float>(float16(-tie_f16 - above)), -1 - 0x1p-10f);
  std::mt19937_64 random(1);
  for (int i = 0; i < 300000; ++i) {
    const double x = internal::bits_as<double>(random());
    expect_rounds<bfloat16>(x, as_bf16);
    const double scaled = std::ldexp(static_cast<double>(static_cast<int64_t>(random())),
                                     -63 - static_cast<int>(random() % 30) + 17);
    expect_rounds<float16>(scaled, as_f16);
  }
}

TEST(Float16, LimitsAndOverflow) {
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(float16(65504.0f).bits, 0x7bff);
  EXPECT_EQ(float16(65519.996f).bits, 0x7bff);
  EXPECT_EQ(float16(65520.0f).bits, 0x7c00);  // the tie goes to even: infinity
  EXPECT_EQ(float16(1e30f).bits, 0x7c00);
  EXPECT_EQ(float16(-inf).bits, 0xfc00);
  EXPECT_EQ(float16(0x1p-24f).bits, 1);
  EXPECT_EQ(float16(0x1p-25f).bits, 0);  // tie to even
  EXPECT_EQ(float16(0x1.8p-25f).bits, 1);
  EXPECT_EQ(float16(-0.0f).bits, 0x8000);
  EXPECT_EQ(bfloat16(3.4028234e38f).bits, 0x7f80);
  EXPECT_EQ(bfloat16(inf).bits, 0x7f80);
  EXPECT_EQ(bfloat16(-0.0f).bits, 0x8000);
  EXPECT_EQ(bfloat16(1e-45f).bits, 0);
  EXPECT_EQ(float16(1e300).bits, 0x7c00);
  EXPECT_EQ(bfloat16(-1e300).bits, 0xff80);
  EXPECT_EQ(bfloat16(1e-300).bits, 0);
  for (uint32_t payload : {1u, 0x200000u, 0x400000u, 0x7fffffu}) {
    const float nan = internal::bits_as<float>(0x7f800000u | payload);
    EXPECT_TRUE(std::isnan(static_cast<float>(float16(nan)))) << payload;
    EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(nan)))) << payload;
  }
}

}  // namespace
}  // namespace roux
