// Products of codes of 8 bits with weights of block formats, two strips of 32 values at a time: how weights
// are decoded to codes and scales, and what is added to which lane, for VNNI and for AVX2. Both give the same
// bits (the formulas are in block_linear_int8.cc).
#ifndef ROUX_TENSOR_CPU_BLOCK_CODES_H_
#define ROUX_TENSOR_CPU_BLOCK_CODES_H_

#include <algorithm>
#include <cmath>

#include "tensor/cpu/block_wide.h"

namespace roux::cpu {

// Of 64 values of x; see block_linear_code_bytes().
struct CodePair {
  int8_t code[64];
  int32_t lane[16];  // -bias (sum of four codes), or the bits of f32 scale (sum of four codes)
  float scale[16];   // of the lane's strip
};
static_assert(sizeof(CodePair) == 192);

// x in codes -127 .. 127 of 32 values; returns their scale, NaN where a value is not finite.
ROUX_ALWAYS_INLINE float encode_values(const float* x, int8_t* code) {
  uint32_t largest = 0;  // as bits: NaN is above all
  for (int i = 0; i < kStrip; ++i) {
    uint32_t bits;
    std::memcpy(&bits, x + i, sizeof bits);
    largest = std::max(largest, bits & 0x7fffffffu);
  }
  float d;
  std::memcpy(&d, &largest, sizeof d);
  d /= 127;
  const bool finite = largest < 0x7f800000u;
  float inverse = 1 / d;
  inverse = finite && inverse < INFINITY ? inverse : 0;
  for (int i = 0; i < kStrip; ++i) {
    code[i] = static_cast<int8_t>(finite ? static_cast<int>(__builtin_rintf(x[i] * inverse)) : 0);
  }
  return finite ? d : NAN;
}

// Whole pairs of strips: one element, or two where an element is one strip.
template <DType kFormat>
struct Unit {
  static constexpr bool kTwo = BlockFormat<kFormat>::kStrips == 1;
  static constexpr int kElements = kTwo ? 2 : 1, kPairs = BlockFormat<kFormat>::kStrips * kElements / 2;
};

// VNNI: both strips of a pair in one vector.
struct WideCodes {
  static constexpr int kParts = 1, kRows = 4, kCols = 4;
  using Bytes = WideBytes;
  using Ints = WideFloats::Ints;
  using Floats = SixteenFloats;
  using Scales = WideScales;
  template <DType kFormat>
  ROUX_ALWAYS_INLINE static void scales(const uint8_t* e, int64_t size, Scales& s) {
    wide_scales<kFormat>(e, size, s);
  }
  template <DType kFormat>
  ROUX_ALWAYS_INLINE static void scale(const Scales& s, int pair, int, Floats& x) {
    wide_scale<kFormat>(s, static_cast<uint32_t>(pair), x);
  }
  template <DType kFormat>
  ROUX_ALWAYS_INLINE static void offset(const Scales& s, int pair, int, Floats& x) {
    wide_offset<kFormat>(s, static_cast<uint32_t>(pair), x);
  }
  template <DType kFormat>
  ROUX_ALWAYS_INLINE static void codes(const uint8_t* e, int64_t size, int pair, int, Bytes& q) {
    wide_codes<kFormat>(e, size, pair, q);
  }
  template <DType>
  ROUX_ALWAYS_INLINE static void dot(const Bytes& q, const int8_t* x, const int32_t* start, Ints& sum) {
    Bytes codes;
    load_vector(x, codes);
    start != nullptr ? load_vector(start, sum) : void(sum = Ints{});
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(q), "vm"(codes));
  }
};

// One strip after the other.
struct NarrowCodes {
  static constexpr int kParts = 2, kRows = 2, kCols = 2;
  using Bytes = Codes;
  using Ints = NarrowFloats::Ints;
  using Floats = EightFloats;
  using Scales = BlockScales;
  template <DType kFormat>
  ROUX_ALWAYS_INLINE static void scales(const uint8_t* e, int64_t size, Scales& s) {
    using Format = BlockFormat<kFormat>;
    Format::scales(e, s);
    if constexpr (Unit<kFormat>::kTwo) {
      BlockScales second;
      Format::scales(e + size, second);
      s.scale[1] = second.scale[0];
      s.offset[1] = second.offset[0];
    }
  }
  template <DType kFormat>
  ROUX_ALWAYS_INLINE static void scale(const Scales& s, int pair, int part, Floats& x) {
    constexpr int kHalves = BlockFormat<kFormat>::kHalves;
    const float* const of = s.scale + kHalves * (2 * pair + part);
    const float a = of[0], b = of[kHalves - 1];
    x = Floats{a, a, a, a, b, b, b, b};
  }
  template <DType kFormat>
  ROUX_ALWAYS_INLINE static void offset(const Scales& s, int pair, int part, Floats& x) {
    x = Floats{} + s.offset[2 * pair + part];
  }
  template <DType kFormat>
  ROUX_ALWAYS_INLINE static void codes(const uint8_t* e, int64_t size, int pair, int part, Bytes& q) {
    using Format = BlockFormat<kFormat>;
    Unit<kFormat>::kTwo ? Format::codes(e + part * size, 0, q) : Format::codes(e, 2 * pair + part, q);
  }
  template <DType kFormat>
  ROUX_ALWAYS_INLINE static void dot(const Bytes& q, const int8_t* x, const int32_t* start, Ints& sum) {
    Codes codes;
    load_vector(x, codes);
    __m256i a = (__m256i)q, b = (__m256i)codes;
    if constexpr (kFormat == kQ8_0) {  // sums of two products would not fit: signs go to x
      const __m256i centred = (__m256i)(q ^ 128);
      a = _mm256_abs_epi8(centred);
      b = _mm256_sign_epi8(b, centred);
      start = nullptr;
    }
    sum = (Ints)_mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1));
    if (start == nullptr) return;
    Ints first;
    load_vector(start, first);
    sum += first;
  }
};

// A pair of strips of weights as the products read it, in registers or in a buffer; offsets of formats that
// have some.
template <class Path>
struct WeightPair {
  typename Path::Bytes code[Path::kParts];
  typename Path::Floats scale[Path::kParts], offset[Path::kParts];
};

template <class Path, DType kFormat>
ROUX_ALWAYS_INLINE void decode_pair(const uint8_t* e, int64_t size, const typename Path::Scales& s, int pair,
                                    WeightPair<Path>& w) {
  unrolled<Path::kParts>([&](auto part) ROUX_INLINE_LAMBDA {
    Path::template codes<kFormat>(e, size, pair, part, w.code[part]);
    Path::template scale<kFormat>(s, pair, part, w.scale[part]);
    if constexpr (BlockFormat<kFormat>::kOffsets)
      Path::template offset<kFormat>(s, pair, part, w.offset[part]);
  });
}

// sums += the products of a pair.
template <class Path, DType kFormat>
ROUX_ALWAYS_INLINE void add_pair(const WeightPair<Path>& w, const CodePair& x,
                                 typename Path::Floats (&sums)[Path::kParts]) {
  using Format = BlockFormat<kFormat>;
  using Floats = typename Path::Floats;
  constexpr int kLanesAtOnce = sizeof(Floats) / sizeof(float);
  unrolled<Path::kParts>([&](auto part) ROUX_INLINE_LAMBDA {
    const int32_t* lane = x.lane + part * kLanesAtOnce;
    typename Path::Ints dot;
    Path::template dot<kFormat>(w.code[part], x.code + part * kStrip, Format::kOffsets ? nullptr : lane, dot);
    Floats scale_x;
    load_vector(x.scale + part * kLanesAtOnce, scale_x);
    add_product(__builtin_convertvector(dot, Floats), w.scale[part] * scale_x, sums[part]);
    if constexpr (Format::kOffsets) {
      Floats sum_x;
      load_vector(lane, sum_x);
      add_product(w.offset[part], sum_x, sums[part]);
    }
  });
}

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_BLOCK_CODES_H_
