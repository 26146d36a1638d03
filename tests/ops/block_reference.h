// Block formats in plain loops: what a row becomes when it is quantised and read again. Rounding is f32's, as
// in the formats' definitions, so that no code differs; f16 by tensor/float16.h, which has tests of its own.
#ifndef ROUX_TESTS_OPS_BLOCK_REFERENCE_H_
#define ROUX_TESTS_OPS_BLOCK_REFERENCE_H_

#include <algorithm>
#include <cmath>

#include "tensor/ops/creation.h"
#include "tensor/ops/index.h"
#include "tensor/ops/quantize.h"
#include "tests/ops/suite.h"

namespace roux::testing {

inline int64_t padded_to(int64_t size, int64_t values) { return (size + values - 1) / values * values; }

// x with zeros behind each row, up to whole blocks; and blocks of that.
inline Tensor padded(const Tensor& x, DType format) {
  const int64_t size = x.size(-1), whole = padded_to(size, values_per_element(format));
  if (whole == size) return x;
  Shape rest = x.shape();
  rest[rest.rank() - 1] = whole - size;
  return cat({x, zeros(rest, x.dtype(), x.device())}, -1);
}
inline Tensor quantized(const Tensor& x, DType format) { return quantize(padded(x, format), format); }

// For entries that quantize an input.
inline void quantizes(Suite& suite) {
  suite.skip("names_itself", "quantize, which the entry calls first, refuses the values");
}

inline float as_half(float x) { return static_cast<float>(float16(x)); }

// The values of one block, in place; of nf4_dq with the scale that becomes of its own.
inline void round_block(DType format, std::vector<float>& x, float nested_scale) {
  float furthest = 0, low = x[0], high = x[0];
  for (float v : x) {
    if (std::fabs(v) > std::fabs(furthest)) furthest = v;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  const auto codes_of = [&](float d, float zero, float shift, int most) {
    const float inverse = d == 0 ? 0 : 1 / d;
    std::vector<int> codes;
    for (float v : x) {
      const float at = (v - zero) * inverse + shift;
      codes.push_back(std::min(most, static_cast<int>(std::floor(at))));
    }
    return codes;
  };
  if (format == kQ4_0 || format == kQ5_0) {
    const int middle = format == kQ4_0 ? 8 : 16;
    const float d = furthest / static_cast<float>(-middle);
    const auto codes = codes_of(d, 0, static_cast<float>(middle) + 0.5f, 2 * middle - 1);
    for (size_t i = 0; i < x.size(); ++i) x[i] = as_half(d) * static_cast<float>(codes[i] - middle);
  } else if (format == kQ4_1 || format == kQ5_1) {
    const int most = format == kQ4_1 ? 15 : 31;
    const float d = (high - low) / static_cast<float>(most);
    const auto codes = codes_of(d, low, 0.5f, most);
    for (size_t i = 0; i < x.size(); ++i) {
      const float scaled = as_half(d) * static_cast<float>(codes[i]);
      x[i] = scaled + as_half(low);
    }
  } else if (format == kQ8_0) {
    const float d = std::fabs(furthest) / 127, inverse = d == 0 ? 0 : 1 / d;
    for (float& v : x) v = as_half(d) * std::round(v * inverse);
  } else {  // nf4, nf4_dq: the nearest of the 16 quantiles
    constexpr double kQuantile[] = {-1.0,
                                    -0.6961928009986877,
                                    -0.5250730514526367,
                                    -0.39491748809814453,
                                    -0.28444138169288635,
                                    -0.18477343022823334,
                                    -0.09105003625154495,
                                    0.0,
                                    0.07958029955625534,
                                    0.16093020141124725,
                                    0.24611230194568634,
                                    0.33791524171829224,
                                    0.44070982933044434,
                                    0.5626170039176941,
                                    0.7229568362236023,
                                    1.0};
    const float absmax = std::fabs(furthest);
    for (float& v : x) {
      const auto at = static_cast<double>(absmax == 0 ? 0.0f : v / absmax);
      const double* nearest =
          std::min_element(std::begin(kQuantile), std::end(kQuantile),
                           [&](double a, double b) { return std::fabs(a - at) < std::fabs(b - at); });
      v = (format == kNF4_DQ ? nested_scale : absmax) * static_cast<float>(*nearest);
    }
  }
}

// By double quantisation: a scale becomes the mean of all and the nearest code of bitsandbytes' map of what
// is left, by the largest of each 256.
inline std::vector<float> nested_scales(const std::vector<float>& scales) {
  std::vector<float> map = {0, 1};
  for (int decade = 0; decade < 7; ++decade) {
    for (int parts = 1 << decade, k = 0; k < parts; ++k) {
      const auto edge = [&](int at) { return static_cast<float>(0.1 + 0.9 * at / parts); };
      const auto middle = static_cast<double>((edge(k) + edge(k + 1)) / 2) * std::pow(10.0, decade - 6);
      map.push_back(static_cast<float>(middle)), map.push_back(static_cast<float>(-middle));
    }
  }
  double sum = 0;
  for (const float scale : scales) sum += static_cast<double>(scale);
  const auto mean = static_cast<float>(sum / static_cast<double>(std::max<size_t>(scales.size(), 1)));
  std::vector<float> out;
  for (size_t i = 0; i < scales.size(); ++i) {
    float most = 0;
    for (size_t j = i / 256 * 256; j < std::min(scales.size(), i / 256 * 256 + 256); ++j)
      most = std::max(most, std::fabs(scales[j] - mean));
    const float at = most == 0 ? 0 : (scales[i] - mean) / most;
    const float nearest = *std::min_element(
        map.begin(), map.end(), [&](float a, float b) { return std::fabs(a - at) < std::fabs(b - at); });
    out.push_back(nearest * most + mean);
  }
  return out;
}

// What dequantize(quantized(x)) is, without the padding.
inline Ref quantized_values(const Ref& x, DType format) {
  const int64_t width = x.shape.back(), values = values_per_element(format);
  Ref y(x.shape);
  std::vector<float> scales;  // of nf4_dq
  for (int64_t row = 0; format == kNF4_DQ && row * width < x.size(); ++row) {
    for (int64_t begin = 0; begin < width; begin += values) {
      float most = 0;
      for (int64_t i = begin; i < std::min(begin + values, width); ++i)
        most = std::max(most, std::fabs(static_cast<float>(x[row * width + i])));
      scales.push_back(most);
    }
  }
  const std::vector<float> nested = nested_scales(scales);
  size_t at = 0;
  for (int64_t row = 0; row * width < x.size(); ++row) {
    for (int64_t begin = 0; begin < width; begin += values) {
      std::vector<float> block(static_cast<size_t>(values));
      const int64_t count = std::min(values, width - begin);
      for (int64_t i = 0; i < count; ++i)
        block[static_cast<size_t>(i)] = static_cast<float>(x[row * width + begin + i]);
      round_block(format, block, format == kNF4_DQ ? nested[at] : 0);
      ++at;
      for (int64_t i = 0; i < count; ++i)
        y[row * width + begin + i] = static_cast<double>(block[static_cast<size_t>(i)]);
    }
  }
  return y;
}

}  // namespace roux::testing

#endif  // ROUX_TESTS_OPS_BLOCK_REFERENCE_H_
