// CPU kernels of dequantize and quantize. A block is the unit of work: its bits depend on nothing else.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "tensor/cpu/block_wide.h"
#include "tensor/cpu/elementwise_loops.h"
#include "tensor/cpu/nested_scales.h"
#include "tensor/error.h"
#include "tensor/ops/quantize_tables.h"

namespace roux::cpu {
namespace {

template <class Lanes, DType kFormat, class T>
ROUX_ALWAYS_INLINE void dequantize_range(const uint8_t* from, T* to, int64_t count) {
  constexpr int kValues = BlockFormat<kFormat>::kStrips * kStrip;
  for (int64_t i = 0; i < count; ++i) {
    if constexpr (std::is_same_v<T, float>) {
      element_values<Lanes, kFormat>(from + i * BlockFormat<kFormat>::kBytes, to + i * kValues);
    } else {
      alignas(64) float values[kValues];
      element_values<Lanes, kFormat>(from + i * BlockFormat<kFormat>::kBytes, values);
      for (int j = 0; j < kValues; ++j) to[i * kValues + j] = static_cast<T>(values[j]);
    }
  }
}
template <DType kFormat, class T>
ROUX_FLAT_LOOP void dequantize_base(const uint8_t* from, T* to, int64_t count) {
  dequantize_range<NarrowFloats, kFormat>(from, to, count);
}
template <DType kFormat, class T>
ROUX_TARGET_AVX512 ROUX_FLAT_LOOP void dequantize_avx512(const uint8_t* from, T* to, int64_t count) {
  dequantize_range<WideFloats, kFormat>(from, to, count);
}

void dequantize_cpu(const Tensor& x, Tensor& y) {
  const auto* from = static_cast<const uint8_t*>(x.raw_data());
  const auto size = static_cast<int64_t>(size_of(x.dtype())), values = values_per_element(x.dtype());
  dispatch_block(x.dtype(), [&](auto format) {
    dispatch_floating(y.dtype(), [&](auto tag) {
      using T = decltype(tag);
      auto* const part = has_avx512() ? dequantize_avx512<format(), T> : dequantize_base<format(), T>;
      T* to = y.data<T>();
      parallel_for(0, x.numel(), items_per_task(values), [&](int64_t begin, int64_t end) {
        part(from + begin * size, to + begin * values, end - begin);
      });
    });
  });
}

// The first value of the largest magnitude.
float furthest_from_zero(const float* x, int count) {
  float furthest = 0;
  for (int i = 0; i < count; ++i) {
    if (std::fabs(x[i]) > std::fabs(furthest)) furthest = x[i];
  }
  return furthest;
}

void store_half(float value, uint8_t* to) {
  const float16 half(value);
  std::memcpy(to, &half.bits, sizeof half.bits);
}
float inverse(float d) {  // 0 where f16 makes 0 of d
  const float id = 1 / d;
  return std::isfinite(id) ? id : 0.0f;
}

// Codes of 4 bits, or of 5 where there is a place for the fifth.
void store_codes(const uint8_t* code, uint8_t* fifth_bits, uint8_t* nibbles) {
  for (int i = 0; i < 16; ++i) nibbles[i] = static_cast<uint8_t>((code[i] & 15) | code[i + 16] << 4);
  if (fifth_bits == nullptr) return;
  uint32_t bits = 0;
  for (int i = 0; i < kStrip; ++i) bits |= static_cast<uint32_t>(code[i] >> 4) << i;
  std::memcpy(fifth_bits, &bits, sizeof bits);
}

// q4_0 and q5_0: the value furthest from 0 has the code 0.
void quantize_symmetric(const float* x, int middle, uint8_t* fifth_bits, uint8_t* nibbles, uint8_t* e) {
  const float d = furthest_from_zero(x, kStrip) / static_cast<float>(-middle), id = inverse(d);
  uint8_t code[kStrip];
  for (int i = 0; i < kStrip; ++i) {
    const int nearest = static_cast<int>(x[i] * id + (static_cast<float>(middle) + 0.5f));
    code[i] = static_cast<uint8_t>(std::min(nearest, 2 * middle - 1));
  }
  store_half(d, e);
  store_codes(code, fifth_bits, nibbles);
}
// q4_1 and q5_1: codes from the smallest value to the largest.
void quantize_span(const float* x, int most, uint8_t* fifth_bits, uint8_t* nibbles, uint8_t* e) {
  const float low = *std::min_element(x, x + kStrip), high = *std::max_element(x, x + kStrip);
  const float d = (high - low) / static_cast<float>(most), id = inverse(d);
  uint8_t code[kStrip];
  for (int i = 0; i < kStrip; ++i) {
    code[i] = static_cast<uint8_t>(std::min(static_cast<int>((x[i] - low) * id + 0.5f), most));
  }
  store_half(d, e);
  store_half(low, e + 2);
  store_codes(code, fifth_bits, nibbles);
}
void quantize_bytes(const float* x, uint8_t* e) {
  const float d = std::fabs(furthest_from_zero(x, kStrip)) / 127, id = inverse(d);
  for (int i = 0; i < kStrip; ++i)
    e[2 + i] = static_cast<uint8_t>(static_cast<int8_t>(std::round(x[i] * id)));
  store_half(d, e);
}
void quantize_nf4(const float* x, uint8_t* e) {
  const float absmax = std::fabs(furthest_from_zero(x, 64));
  uint8_t code[64];
  for (int i = 0; i < 64; ++i) {
    const float scaled = absmax == 0 ? 0 : x[i] / absmax;
    uint8_t below = 0;  // boundaries lie half-way between two codes
    for (int c = 0; c < 15; ++c) below += scaled > 0.5f * (kNf4Values[c] + kNf4Values[c + 1]);
    code[i] = below;
  }
  for (int i = 0; i < 32; ++i) e[i] = static_cast<uint8_t>(code[2 * i] << 4 | code[2 * i + 1]);
  std::memcpy(e + 32, &absmax, sizeof absmax);
}

void quantize_block(DType dtype, const float* x, uint8_t* e) {
  switch (dtype) {
    case kQ4_0:
      return quantize_symmetric(x, 8, nullptr, e + 2, e);
    case kQ5_0:
      return quantize_symmetric(x, 16, e + 2, e + 6, e);
    case kQ4_1:
      return quantize_span(x, 15, nullptr, e + 4, e);
    case kQ5_1:
      return quantize_span(x, 31, e + 4, e + 8, e);
    case kQ8_0:
      return quantize_bytes(x, e);
    default:
      return quantize_nf4(x, e);
  }
}

// What the block's f16 numbers can express, and finite sums.
bool fits(DType dtype, const float* x, int64_t count) {
  const float most = std::fabs(furthest_from_zero(x, static_cast<int>(count)));
  bool finite = true;
  for (int64_t i = 0; i < count; ++i) finite &= std::isfinite(x[i]);
  if (!finite) return false;
  if (dtype == kNF4) return true;
  constexpr float kLargestHalf = 65504;
  switch (dtype) {
    case kQ4_0:
      return most <= 8 * kLargestHalf;
    case kQ5_0:
      return most <= 16 * kLargestHalf;
    case kQ8_0:
      return most <= 127 * kLargestHalf;
    default:
      return most <= kLargestHalf;
  }
}

void quantize_cpu(const Tensor& x, Tensor& y) {
  const DType dtype = y.dtype();
  const auto size = static_cast<int64_t>(size_of(dtype)), values = values_per_element(dtype);
  const float* from = x.data<const float>();
  auto* to = static_cast<uint8_t*>(y.raw_data());
  parallel_for(0, y.numel(), items_per_task(4 * values), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* block = from + i * values;
      if (!fits(dtype, block, values)) {
        throw Error(absl::StrCat("quantize: values ", i * values, " to ", (i + 1) * values - 1, " of ",
                                 to_string(x.spec()), " are not finite or too large for a block of ",
                                 name(dtype)));
      }
      quantize_block(dtype, block, to + i * size);
    }
  });
}

// By way of nf4, some blocks at once.
void dequantize_nested(const Tensor& x, Tensor& y) {
  const NestedScales scales(x);
  constexpr int64_t kAtOnce = 32, kValues = 64;
  dispatch_floating(y.dtype(), [&](auto tag) {
    using T = decltype(tag);
    auto* const part = has_avx512() ? dequantize_avx512<kNF4, T> : dequantize_base<kNF4, T>;
    T* to = y.data<T>();
    parallel_for(0, x.numel(), items_per_task(kValues), [&](int64_t begin, int64_t end) {
      uint8_t blocks[kAtOnce * BlockFormat<kNF4>::kBytes];
      for (int64_t i = begin; i < end; i += kAtOnce) {
        const int64_t count = std::min(kAtOnce, end - i);
        scales.expand(i, count, blocks);
        part(blocks, to + i * kValues, count);
      }
    });
  });
}

const RegisterKernel kDequantize(dequantize_kernels, DeviceType::kCpu, kBlockDTypes, dequantize_cpu);
const RegisterKernel kQuantize(quantize_kernels, DeviceType::kCpu,
                               kQ4_0 | kQ4_1 | kQ5_0 | kQ5_1 | kQ8_0 | kNF4, quantize_cpu);
const RegisterKernel kDequantizeNested(dequantize_kernels, DeviceType::kCpu, kNF4_DQ, dequantize_nested);

}  // namespace
}  // namespace roux::cpu
