// Numbers on their way into a tensor and between dtypes: every value is rounded once, to nearest even, and an
// integer is not rounded at all where the dtype holds it.
#include "tensor/scalar.h"

#include <cmath>
#include <limits>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensor/error_of.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int64_t kOdd = (int64_t{1} << 53) + 1, kMax = std::numeric_limits<int64_t>::max();
constexpr long double kInf = std::numeric_limits<long double>::infinity();

// Rounding by arithmetic on 64-bit mantissas, which hold every f64 and every i64: to a multiple of the
// spacing at x, ties to even.
double nearest(long double x, int bits, int smallest_exponent, long double largest) {
  if (x == 0 || !std::isfinite(x)) return static_cast<double>(x);
  const long double spacing = std::ldexp(1.0L, std::max(std::ilogb(x), smallest_exponent) - (bits - 1));
  const long double y = std::nearbyint(x / spacing) * spacing;
  return static_cast<double>(std::fabs(y) > largest ? std::copysign(kInf, x) : y);
}
double nearest(long double x, DType dtype) {
  if (dtype == kBF16) return nearest(x, 8, -126, 0x1.fep127L);
  if (dtype == kF16) return nearest(x, 11, -14, 65504);
  if (dtype == kF32) return nearest(x, 24, -126, 0x1.fffffep127L);
  return static_cast<double>(x);
}

template <class T>
void expect_casts(const std::vector<T>& values) {
  const Tensor x = tensor(values, {static_cast<int64_t>(values.size())});
  for (DType dtype : {kBF16, kF16, kF32, kF64}) {
    const std::vector<double> got = cast(x, dtype).template to_vector<double>();
    for (size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(got[i], nearest(static_cast<long double>(values[i]), dtype))
          << values[i] << " as " << name(dtype);
    }
  }
}

TEST(Casts, ReportedValues) {
  EXPECT_EQ(cast(full({}, 65519.999999, kF64), kF16).item(), 65504);
  EXPECT_EQ(cast(full({}, 16908289, kI32), kBF16).item(), 16908288);
  EXPECT_EQ(cast(full({}, 16908289, kI64), kBF16).item(), 16908288);
}

// Around every halfway point between neighbours of the 16-bit dtypes: the tie and one f64 (one integer) next
// to it.
TEST(Casts, DoublesRoundOnceAroundEveryTie) {
  std::vector<double> values;
  for (uint32_t bits = 0; bits < 0x7f80; ++bits) {  // all positive finite patterns of bf16; f16's lie below
    for (const bool half : {false, true}) {
      if (half && bits >= 0x7c00) continue;
      bfloat16 b, b1;
      float16 h, h1;
      b.bits = h.bits = static_cast<uint16_t>(bits);
      b1.bits = h1.bits = static_cast<uint16_t>(bits + 1);
      const double low = half ? double{h} : double{b};
      const double high =
          half ? (bits + 1 == 0x7c00 ? 65536.0 : double{h1}) : (bits + 1 == 0x7f80 ? 0x1p128 : double{b1});
      const double tie = low / 2 + high / 2;
      for (double x : {std::nextafter(tie, 0), tie, std::nextafter(tie, high)}) {
        values.push_back(bits % 2 == 0 ? x : -x);
      }
    }
  }
  expect_casts(values);
}

TEST(Casts, IntegersRoundOnceAroundEveryTie) {
  std::vector<int64_t> longs{0, kMax, kMax - 1, std::numeric_limits<int64_t>::min(), 65519, 65520, 65521};
  std::vector<int32_t> ints{0, std::numeric_limits<int32_t>::max(), std::numeric_limits<int32_t>::min()};
  for (int exponent = 8; exponent < 63; ++exponent) {
    for (int kept : {8, 11, 24, 53}) {  // the mantissas of bf16, f16, f32 and f64
      if (exponent < kept) continue;
      const int64_t half = int64_t{1} << (exponent - kept), one = int64_t{1} << exponent;
      for (int64_t step :
           {int64_t{0}, int64_t{1}, int64_t{2}, int64_t{127}, (int64_t{1} << (kept - 1)) - 1}) {
        for (int64_t near = -1; near <= 1; ++near) {
          const int64_t x = one + 2 * half * step + half + near;
          longs.push_back(x);
          longs.push_back(-x);
          if (x < (int64_t{1} << 31)) ints.push_back(static_cast<int32_t>(x));
        }
      }
    }
  }
  std::mt19937_64 random(3);
  for (int i = 0; i < 20000; ++i) {
    longs.push_back(static_cast<int64_t>(random()) >> (random() % 60));
    ints.push_back(static_cast<int32_t>(random()) >> (random() % 28));
  }
  expect_casts(longs);
  expect_casts(ints);
}

TEST(Numbers, FillRoundsOnce) {
  for (double x :
       {65519.999999, 1 + 0x1p-8 + 0x1p-40, 1 + 0x1p-11 + 0x1p-40, 0.1, -1e-7, 3.3895313892515355e38}) {
    for (DType dtype : {kBF16, kF16, kF32}) {
      EXPECT_EQ(full({}, x, dtype).item(), nearest(x, dtype)) << x;
      const Tensor y = zeros({3}, dtype);
      fill_(y, x);
      EXPECT_EQ(y.to_vector<double>()[2], nearest(x, dtype)) << x;
    }
  }
  EXPECT_EQ(full({}, (int64_t{1} << 62) + (int64_t{1} << 54) + 1, kBF16).item(), 0x1p62 + 0x1p55);
}

// A number that bf16 or f16 lacks is not rounded before the op: within 0.501 units of the exact result.
TEST(Numbers, BesideA16BitTensorTakePartUnrounded) {
  for (DType dtype : {kBF16, kF16}) {
    const Tensor x = cast(arange(1, 60) * 0.37, dtype);
    const std::vector<double> v = x.to_vector<double>();
    const double number = 0.1, large = 3.3;
    struct Case {
      const char* what;
      Tensor y;
      double (*exact)(double x, double number, double large);
    };
    const Case cases[] = {
        {"add", x + number, [](double a, double n, double) { return a + n; }},
        {"sub", x - number, [](double a, double n, double) { return a - n; }},
        {"from", number - x, [](double a, double n, double) { return n - a; }},
        {"mul", x * large, [](double a, double, double l) { return a * l; }},
        {"div", x / large, [](double a, double, double l) { return a / l; }},
        {"into", number / x, [](double a, double n, double) { return n / a; }},
        {"pow", pow(x, number), [](double a, double n, double) { return std::pow(a, n); }},
    };
    for (const Case& c : cases) {
      ASSERT_EQ(c.y.dtype(), dtype);
      const std::vector<double> y = c.y.to_vector<double>();
      for (size_t i = 0; i < v.size(); ++i) {
        const double exact = c.exact(v[i], number, large);
        const double unit = std::ldexp(1.0, std::ilogb(exact) - (dtype == kBF16 ? 7 : 10));
        EXPECT_LE(std::fabs(y[i] - exact), 0.501 * unit) << c.what << " of " << v[i];
      }
    }
  }
  EXPECT_EQ((full({}, 0.5, kF16) * 100000.0).item(), 49984);  // f16 lacks the factor; 50000 is a tie
}

TEST(Integers, AreExactBeyondTwoToThe53) {
  EXPECT_EQ(full({2}, kOdd, kI64).to_vector<int64_t>(), (std::vector<int64_t>{kOdd, kOdd}));
  EXPECT_EQ(full({}, kMax, kI64).to_vector<int64_t>()[0], kMax);
  const Tensor x = zeros({3}, kI64);
  fill_(x, -kOdd);
  EXPECT_EQ(x.to_vector<int64_t>()[1], -kOdd);
  EXPECT_EQ(arange(kOdd, kOdd + 3, 1, kI64).to_vector<int64_t>(),
            (std::vector<int64_t>{kOdd, kOdd + 1, kOdd + 2}));
  EXPECT_EQ(arange(kMax, kMax - 5, -2, kI64).to_vector<int64_t>(),
            (std::vector<int64_t>{kMax, kMax - 2, kMax - 4}));
  EXPECT_EQ(arange(-kMax, kMax, kMax, kI64).to_vector<int64_t>(), (std::vector<int64_t>{-kMax, 0}));
  EXPECT_EQ((x + (kOdd + 5)).to_vector<int64_t>()[0], 5);
  EXPECT_EQ((x * 1 - kOdd).to_vector<int64_t>()[0], -2 * kOdd);
  EXPECT_TRUE(eq(full({}, kOdd, kI64), kOdd).item());
  EXPECT_FALSE(eq(full({}, kOdd, kI64), kOdd - 1).item());
  EXPECT_EQ(clamp(full({}, kMax, kI64), 0, kOdd).to_vector<int64_t>()[0], kOdd);
  const Tensor sum = zeros({1}, kI64);
  add_(sum, ones({1}, kI64), kOdd);
  EXPECT_EQ(sum.to_vector<int64_t>()[0], kOdd);
}

TEST(Integers, WhatADoubleCannotHoldIsAnError) {
  EXPECT_EQ(full({}, kOdd - 1, kI64).item(), 0x1p53);
  EXPECT_THAT(error_of([] { full({}, kOdd, kI64).item(); }),
              StartsWith("item: 9007199254740993 is not exact as a double"));
  EXPECT_THAT(error_of([] { arange(0x1p53, 0x1p53 + 8, 1.5, kI64); }), StartsWith("arange: from 9"));
  EXPECT_THAT(error_of([] { Scalar(~uint64_t{0}); }), HasSubstr("18446744073709551615"));
}

// As a cast from a floating number: what lies beyond an integer dtype becomes its nearest limit.
TEST(Integers, SaturateInNarrowDtypes) {
  EXPECT_EQ(full({}, 300, kU8).item(), 255);
  EXPECT_EQ(full({}, -3, kU8).item(), 0);
  EXPECT_EQ(full({}, kMax, kI32).item(), std::numeric_limits<int32_t>::max());
  EXPECT_EQ(full({}, kOdd, kBool).item(), 1);
  EXPECT_EQ(full({}, 1e30, kI64).to_vector<int64_t>()[0], kMax);
}

TEST(Integers, AFractionScalesNoIntegerTensor) {
  const Tensor x = zeros({2}, kI64);
  EXPECT_THAT(error_of([&] { add_(x, x, 0.5); }), StartsWith("add_: scale is 0.5"));
  add_(x, ones({2}, kI64), 2.0);
  EXPECT_EQ(x.to_vector<int64_t>()[1], 2);
}

TEST(Integers, SumToHasOneDtype) {
  for (DType dtype : {kU8, kI32, kI64}) {
    const Tensor x = ones({2, 3}, dtype);
    EXPECT_EQ(sum_to(x, {2, 3}).dtype(), kI64);
    EXPECT_EQ(sum_to(x, {3}).dtype(), kI64);
    EXPECT_EQ(sum_to(x, {3}).to_vector<int64_t>(), (std::vector<int64_t>{2, 2, 2}));
  }
  EXPECT_EQ(sum_to(ones({2, 3}, kBF16), {2, 3}).dtype(), kBF16);
}

}  // namespace
}  // namespace roux
