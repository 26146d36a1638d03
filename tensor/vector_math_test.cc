// Errors in units in the last place against libm in f64, over a sample of the whole f32 range.
#include "tensor/vector_math.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace roux {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kTiny = 1e-45f;  // the smallest subnormal

// Distance of `got` from `exact` in units of the f32 spacing at `exact` (2^-149 for subnormals).
double ulps(float got, double exact) {
  if (std::isnan(exact)) return std::isnan(got) ? 0 : 1e30;
  if (static_cast<float>(exact) == got) return 0;  // infinities too
  if (std::isinf(got)) return std::fabs(exact) < 3.4028234e38 ? 1e30 : 1;
  const int exponent = exact == 0 ? -149 : std::max(std::ilogb(exact) - 23, -149);
  return std::fabs(got - exact) / std::ldexp(1.0, exponent);
}

struct Worst {
  double error = 0;
  float at = 0;
};

// Every 4093rd bit pattern: 2^20 values of both signs, all exponents, inf and NaN excluded by the caller's
// range.
template <class Got, class Exact>
Worst worst_error(float low, float high, Got got, Exact exact) {
  Worst worst;
  for (uint64_t bits = 0; bits <= 0xffffffffu; bits += 4093) {
    const float x = internal::bits_as<float>(static_cast<uint32_t>(bits));
    if (!(x >= low && x <= high)) continue;
    const double error = ulps(got(x), exact(static_cast<double>(x)));
    if (error > worst.error) worst = {error, x};
  }
  // The bit patterns above are dense near 0; the same count evenly over the interesting middle.
  for (int i = 0; i <= 1 << 18; ++i) {
    const float x = std::ldexp(static_cast<float>(i - (1 << 17)), -10);  // [-128, 128]
    if (!(x >= low && x <= high)) continue;
    const double error = ulps(got(x), exact(static_cast<double>(x)));
    if (error > worst.error) worst = {error, x};
  }
  return worst;
}

#define EXPECT_ULPS(worst, bound)                                            \
  EXPECT_LE((worst).error, bound) << "at " << (worst).at;                    \
  EXPECT_GT((worst).error, 0.5) << "a bound this loose should be tightened"; \
  RecordProperty("ulps", std::to_string((worst).error))

TEST(VectorMath, Exp) {
  const Worst worst = worst_error(
      -kInf, kInf, [](float x) { return vmath::exp(x); }, [](double x) { return std::exp(x); });
  EXPECT_ULPS(worst, 1.1);
  EXPECT_EQ(vmath::exp(0.0f), 1);
  EXPECT_EQ(vmath::exp(-0.0f), 1);
  EXPECT_EQ(vmath::exp(kTiny), 1);
  EXPECT_EQ(vmath::exp(kInf), kInf);
  EXPECT_EQ(vmath::exp(-kInf), 0);
  EXPECT_EQ(vmath::exp(88.8f), kInf);
  EXPECT_LT(vmath::exp(88.7f), kInf);
  EXPECT_EQ(vmath::exp(-103.0f), static_cast<float>(std::exp(-103.0)));  // a subnormal
  EXPECT_GT(vmath::exp(-103.0f), 0);
  EXPECT_EQ(vmath::exp(-104.5f), 0);
  EXPECT_TRUE(std::isnan(vmath::exp(kNaN)));
}

TEST(VectorMath, Log) {
  const Worst worst = worst_error(
      kTiny, 3.4028234e38f, [](float x) { return vmath::log(x); }, [](double x) { return std::log(x); });
  EXPECT_ULPS(worst, 1.1);
  EXPECT_EQ(vmath::log(1.0f), 0);
  EXPECT_EQ(vmath::log(0.0f), -kInf);
  EXPECT_EQ(vmath::log(-0.0f), -kInf);
  EXPECT_EQ(vmath::log(kInf), kInf);
  EXPECT_TRUE(std::isnan(vmath::log(-1.0f)));
  EXPECT_TRUE(std::isnan(vmath::log(-kTiny)));
  EXPECT_TRUE(std::isnan(vmath::log(-kInf)));
  EXPECT_TRUE(std::isnan(vmath::log(kNaN)));
  EXPECT_FLOAT_EQ(vmath::log(kTiny), static_cast<float>(-149 * std::log(2.0)));
}

TEST(VectorMath, Expm1) {
  const Worst worst = worst_error(
      -kInf, kInf, [](float x) { return vmath::expm1(x); }, [](double x) { return std::expm1(x); });
  EXPECT_ULPS(worst, 1.5);
  EXPECT_TRUE(std::signbit(vmath::expm1(-0.0f)));
  EXPECT_EQ(vmath::expm1(kTiny), kTiny);
  EXPECT_EQ(vmath::expm1(kInf), kInf);
  EXPECT_EQ(vmath::expm1(-kInf), -1);
  EXPECT_EQ(vmath::expm1(88.8f), kInf);
  EXPECT_LT(vmath::expm1(88.7f), kInf);
  EXPECT_TRUE(std::isnan(vmath::expm1(kNaN)));
}

TEST(VectorMath, Log1p) {
  const Worst worst = worst_error(
      -1, 3.4028234e38f, [](float x) { return vmath::log1p(x); }, [](double x) { return std::log1p(x); });
  EXPECT_ULPS(worst, 1.4);
  EXPECT_TRUE(std::signbit(vmath::log1p(-0.0f)));
  EXPECT_EQ(vmath::log1p(kTiny), kTiny);
  EXPECT_EQ(vmath::log1p(-1.0f), -kInf);
  EXPECT_EQ(vmath::log1p(kInf), kInf);
  EXPECT_TRUE(std::isnan(vmath::log1p(-1.0000001f)));
  EXPECT_TRUE(std::isnan(vmath::log1p(-kInf)));
  EXPECT_TRUE(std::isnan(vmath::log1p(kNaN)));
}

TEST(VectorMath, SinCos) {
  const auto sine = [](float x) { return vmath::sin(x); };
  const auto cosine = [](float x) { return vmath::cos(x); };
  const auto exact_sine = [](double x) { return std::sin(x); };
  const auto exact_cosine = [](double x) { return std::cos(x); };
  constexpr float kLargest = 3.4028234e38f;
  const Worst worst_sine = worst_error(-kLargest, kLargest, sine, exact_sine);
  const Worst worst_cosine = worst_error(-kLargest, kLargest, cosine, exact_cosine);
  EXPECT_ULPS(worst_sine, 1.6);
  EXPECT_ULPS(worst_cosine, 1.6);
  // Where the result is smallest, and the reduction must be most exact: floats beside multiples of pi/2.
  for (int n = -63661; n <= 63661; ++n) {
    const float multiple = static_cast<float>(n * M_PI_2);
    for (float x : {std::nextafter(multiple, -kInf), multiple, std::nextafter(multiple, kInf)}) {
      ASSERT_LE(ulps(sine(x), exact_sine(x)), 1.6) << x;
      ASSERT_LE(ulps(cosine(x), exact_cosine(x)), 1.6) << x;
    }
  }
  EXPECT_TRUE(std::signbit(vmath::sin(-0.0f)));
  EXPECT_EQ(vmath::sin(kTiny), kTiny);
  EXPECT_EQ(vmath::cos(0.0f), 1);
  for (float x : {kInf, -kInf, kNaN}) {
    EXPECT_TRUE(std::isnan(vmath::sin(x)));
    EXPECT_TRUE(std::isnan(vmath::cos(x)));
  }
}

TEST(VectorMath, Tanh) {
  const Worst worst = worst_error(
      -kInf, kInf, [](float x) { return vmath::tanh(x); }, [](double x) { return std::tanh(x); });
  EXPECT_ULPS(worst, 2.0);
  EXPECT_EQ(vmath::tanh(0.0f), 0);
  EXPECT_EQ(vmath::tanh(kTiny), kTiny);
  EXPECT_EQ(vmath::tanh(kInf), 1);
  EXPECT_EQ(vmath::tanh(-kInf), -1);
  EXPECT_TRUE(std::isnan(vmath::tanh(kNaN)));
  EXPECT_TRUE(std::isnan(vmath::tanh(-kNaN)));
}

TEST(VectorMath, Sigmoid) {
  const auto exact = [](double x) { return 1 / (1 + std::exp(-x)); };
  const Worst worst = worst_error(
      -87.3f, kInf, [](float x) { return vmath::sigmoid(x); }, exact);
  EXPECT_ULPS(worst, 2.5);
  // Below, e^-x overflows and the result is 0 instead of a subnormal.
  for (float x = -110; x < -87.3f; x += 0.01f) {
    const float y = vmath::sigmoid(x);
    EXPECT_GE(y, 0);
    EXPECT_NEAR(y, exact(x), 1.2e-38) << x;
  }
  EXPECT_EQ(vmath::sigmoid(0.0f), 0.5f);
  EXPECT_EQ(vmath::sigmoid(kInf), 1);
  EXPECT_EQ(vmath::sigmoid(-kInf), 0);
  EXPECT_TRUE(std::isnan(vmath::sigmoid(kNaN)));
  EXPECT_TRUE(std::isnan(vmath::sigmoid(-kNaN)));
}

TEST(VectorMath, Erf) {
  const Worst worst = worst_error(
      -kInf, kInf, [](float x) { return vmath::erf(x); }, [](double x) { return std::erf(x); });
  EXPECT_ULPS(worst, 1.3);
  for (float x = 0.9f; x < 1.0f; x = std::nextafter(x, 2.0f)) {  // every value about the seam of the two fits
    ASSERT_LE(ulps(vmath::erf(x), std::erf(static_cast<double>(x))), 1.3) << x;
  }
  for (float x = -5; x < 0; x += 0.01f) EXPECT_EQ(vmath::erf(x), -vmath::erf(-x));
  EXPECT_EQ(vmath::erf(0.0f), 0);
  EXPECT_TRUE(std::signbit(vmath::erf(-0.0f)));
  EXPECT_EQ(vmath::erf(kTiny), kTiny);
  EXPECT_EQ(vmath::erf(kInf), 1);
  EXPECT_EQ(vmath::erf(-kInf), -1);
  EXPECT_TRUE(std::isnan(vmath::erf(kNaN)));
  EXPECT_TRUE(std::isnan(vmath::erf(-kNaN)));
}

TEST(VectorMath, ExpMinusHalfSquare) {
  for (float x = -13; x <= 13; x += 0.001f) {  // the rounding of x^2 / 2 grows with it
    const double exact = std::exp(-0.5 * static_cast<double>(x) * static_cast<double>(x));
    ASSERT_NEAR(vmath::exp_minus_half_square(x), exact, 8e-6 * exact) << x;
  }
  for (float x : {14.0f, 1e19f, 1e30f, kInf}) {
    EXPECT_EQ(vmath::exp_minus_half_square(x), 0) << x;
    EXPECT_EQ(vmath::exp_minus_half_square(-x), 0) << x;
  }
}

TEST(VectorMath, SinCosOfATurn) {
  double worst = 0, worst_norm = 0;
  for (uint32_t i = 0; i <= 1u << 20; ++i) {
    const float u = static_cast<float>(i) * 0x1p-20f;
    float sine, cosine;
    vmath::sincos_2pi(u, &sine, &cosine);
    const double angle = 2 * M_PI * static_cast<double>(u);
    worst = std::max({worst, std::fabs(sine - std::sin(angle)), std::fabs(cosine - std::cos(angle))});
    worst_norm = std::max(worst_norm,
                          std::fabs(std::hypot(static_cast<double>(sine), static_cast<double>(cosine)) - 1));
  }
  EXPECT_LE(worst, 0x1p-23);  // absolute: one unit in the last place at 1
  EXPECT_LE(worst_norm, 0x1p-23);
  const float quarter[5][2] = {{0, 1}, {1, 0}, {0, -1}, {-1, 0}, {0, 1}};
  for (int k = 0; k <= 4; ++k) {
    float sine, cosine;
    vmath::sincos_2pi(0.25f * static_cast<float>(k), &sine, &cosine);
    EXPECT_EQ(sine, quarter[k][0]) << k;
    EXPECT_EQ(cosine, quarter[k][1]) << k;
  }
}

}  // namespace
}  // namespace roux
