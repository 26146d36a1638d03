// How the CPU kernels read block formats: an element is strips of 32 values, and of a strip
//
//   value i = scale[i / 16] (code[i] - kBias) + offset          NF4: scale kNf4Values[code[i]]
//
// with codes of 8 bits, each product and sum rounded to f32 on its own as in the formats' definitions
// (tensor/ops/quantize.h). Elements stand at any byte; vectors are returned by reference, since the functions
// are inlined into copies for several instruction sets.
#ifndef ROUX_TENSOR_CPU_BLOCK_FORMAT_H_
#define ROUX_TENSOR_CPU_BLOCK_FORMAT_H_

#include <immintrin.h>

#include <cstring>

#include "tensor/cpu/vector_sums.h"
#include "tensor/dtype.h"
#include "tensor/macros.h"
#include "tensor/nf4.h"

namespace roux::cpu {

constexpr int kStrip = 32;
typedef uint8_t Codes __attribute__((vector_size(32)));
typedef uint8_t HalfCodes __attribute__((vector_size(16)));

// Of all strips of an element, at most 8.
struct BlockScales {
  alignas(32) float scale[16];  // one a strip, or two where the format has halves
  alignas(32) float offset[8];
};

ROUX_ALWAYS_INLINE float half_at(const uint8_t* at) {
  uint16_t bits;
  std::memcpy(&bits, at, sizeof bits);
  return _cvtsh_ss(bits);
}
template <class Vector>
ROUX_ALWAYS_INLINE void load_vector(const void* from, Vector& x) {
  std::memcpy(&x, from, sizeof x);
}
// The low halves of 16 bytes, then the high ones.
ROUX_ALWAYS_INLINE void load_nibbles(const uint8_t* from, Codes& codes) {
  HalfCodes bytes;
  load_vector(from, bytes);
  const HalfCodes low = bytes & 15, high = bytes >> 4;
  codes = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
                                  19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
}
// 16 where bit i of 32 is set.
ROUX_ALWAYS_INLINE void load_fifth_bits(const uint8_t* from, Codes& codes) {
  uint32_t bits;
  std::memcpy(&bits, from, sizeof bits);
  typedef uint32_t Words __attribute__((vector_size(32)));
  const Codes spread = (Codes)(Words{} + bits);
  const Codes own_byte =
      __builtin_shufflevector(spread, spread, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 18, 18, 18, 18,
                              18, 18, 18, 18, 19, 19, 19, 19, 19, 19, 19, 19);
  constexpr Codes kBit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128,
                          1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  codes = (Codes)((own_byte & kBit) == kBit) & 16;
}
typedef int32_t EightInts __attribute__((vector_size(32)));
typedef uint16_t CodeWords __attribute__((vector_size(32)));

// Eight scales and eight minima of 6 bits in 12 bytes.
ROUX_ALWAYS_INLINE void load_k_scales(const uint8_t* from, float d, float d_min, EightFloats& scale,
                                      EightFloats& offset) {
  uint32_t word[3];
  std::memcpy(word, from, sizeof word);
  const uint32_t low = 0x3f3f3f3fu, high = 0x30303030u, nibbles = 0x0f0f0f0fu;
  const uint64_t scales = uint64_t{(word[2] & nibbles) | (word[0] >> 2 & high)} << 32 | (word[0] & low);
  const uint64_t minima = uint64_t{(word[2] >> 4 & nibbles) | (word[1] >> 2 & high)} << 32 | (word[1] & low);
  EightInts wide;
  asm("vpmovzxbd %1, %0" : "=v"(wide) : "v"(_mm_cvtsi64_si128(static_cast<int64_t>(scales))));
  scale = __builtin_convertvector(wide, EightFloats) * d;
  asm("vpmovzxbd %1, %0" : "=v"(wide) : "v"(_mm_cvtsi64_si128(static_cast<int64_t>(minima))));
  offset = -(__builtin_convertvector(wide, EightFloats) * d_min);
}

// kBytes and kStrips an element, kHalves scales a strip.
template <DType>
struct BlockFormat;

template <>
struct BlockFormat<kQ4_0> {  // f16 d; 16 bytes
  static constexpr int kBytes = 18, kStrips = 1, kHalves = 1, kBias = 8;
  static constexpr bool kOffsets = false;
  ROUX_ALWAYS_INLINE static void scales(const uint8_t* e, BlockScales& s) { s.scale[0] = half_at(e); }
  ROUX_ALWAYS_INLINE static void codes(const uint8_t* e, int, Codes& q) { load_nibbles(e + 2, q); }
};
template <>
struct BlockFormat<kQ4_1> {  // f16 d, m; 16 bytes
  static constexpr int kBytes = 20, kStrips = 1, kHalves = 1, kBias = 0;
  static constexpr bool kOffsets = true;
  ROUX_ALWAYS_INLINE static void scales(const uint8_t* e, BlockScales& s) {
    s.scale[0] = half_at(e);
    s.offset[0] = half_at(e + 2);
  }
  ROUX_ALWAYS_INLINE static void codes(const uint8_t* e, int, Codes& q) { load_nibbles(e + 4, q); }
};
template <>
struct BlockFormat<kQ5_0> {  // f16 d; 32 fifth bits; 16 bytes
  static constexpr int kBytes = 22, kStrips = 1, kHalves = 1, kBias = 16;
  static constexpr bool kOffsets = false;
  ROUX_ALWAYS_INLINE static void scales(const uint8_t* e, BlockScales& s) { s.scale[0] = half_at(e); }
  ROUX_ALWAYS_INLINE static void codes(const uint8_t* e, int, Codes& q) {
    Codes fifth;
    load_fifth_bits(e + 2, fifth);
    load_nibbles(e + 6, q);
    q |= fifth;
  }
};
template <>
struct BlockFormat<kQ5_1> {  // f16 d, m; 32 fifth bits; 16 bytes
  static constexpr int kBytes = 24, kStrips = 1, kHalves = 1, kBias = 0;
  static constexpr bool kOffsets = true;
  ROUX_ALWAYS_INLINE static void scales(const uint8_t* e, BlockScales& s) {
    s.scale[0] = half_at(e);
    s.offset[0] = half_at(e + 2);
  }
  ROUX_ALWAYS_INLINE static void codes(const uint8_t* e, int, Codes& q) {
    Codes fifth;
    load_fifth_bits(e + 4, fifth);
    load_nibbles(e + 8, q);
    q |= fifth;
  }
};
template <>
struct BlockFormat<kQ8_0> {  // f16 d; 32 signed bytes
  static constexpr int kBytes = 34, kStrips = 1, kHalves = 1, kBias = 128;
  static constexpr bool kOffsets = false;
  ROUX_ALWAYS_INLINE static void scales(const uint8_t* e, BlockScales& s) { s.scale[0] = half_at(e); }
  ROUX_ALWAYS_INLINE static void codes(const uint8_t* e, int, Codes& q) {
    load_vector(e + 2, q);
    q ^= 128;
  }
};
template <>
struct BlockFormat<kQ4_K> {  // f16 d, d_min; 12 bytes of scales; 4 x 32 bytes, low halves first
  static constexpr int kBytes = 144, kStrips = 8, kHalves = 1, kBias = 0;
  static constexpr bool kOffsets = true;
  ROUX_ALWAYS_INLINE static void scales(const uint8_t* e, BlockScales& s) {
    EightFloats scale, offset;
    load_k_scales(e + 4, half_at(e), half_at(e + 2), scale, offset);
    std::memcpy(s.scale, &scale, sizeof scale);
    std::memcpy(s.offset, &offset, sizeof offset);
  }
  ROUX_ALWAYS_INLINE static void codes(const uint8_t* e, int strip, Codes& q) {
    load_vector(e + 16 + strip / 2 * 32, q);
    q = strip % 2 == 0 ? q & 15 : q >> 4;
  }
};
template <>
struct BlockFormat<kQ5_K> {  // f16 d, d_min; 12 bytes of scales; 32 bytes, bit s of strip s; as Q4_K
  static constexpr int kBytes = 176, kStrips = 8, kHalves = 1, kBias = 0;
  static constexpr bool kOffsets = true;
  ROUX_ALWAYS_INLINE static void scales(const uint8_t* e, BlockScales& s) {
    EightFloats scale, offset;
    load_k_scales(e + 4, half_at(e), half_at(e + 2), scale, offset);
    std::memcpy(s.scale, &scale, sizeof scale);
    std::memcpy(s.offset, &offset, sizeof offset);
  }
  ROUX_ALWAYS_INLINE static void codes(const uint8_t* e, int strip, Codes& q) {
    Codes fifth;
    load_vector(e + 16, fifth);
    load_vector(e + 48 + strip / 2 * 32, q);
    q = (strip % 2 == 0 ? q & 15 : q >> 4) | ((Codes)((CodeWords)fifth >> strip << 4) & 16);
  }
};
template <>
struct BlockFormat<kQ6_K> {  // 2 x 64 bytes of low bits; 2 x 32 of high pairs; 16 signed scales; f16 d
  static constexpr int kBytes = 210, kStrips = 8, kHalves = 2, kBias = 32;
  static constexpr bool kOffsets = false;
  ROUX_ALWAYS_INLINE static void scales(const uint8_t* e, BlockScales& s) {
    typedef int8_t Bytes __attribute__((vector_size(8), aligned(1)));
    const float d = half_at(e + 208);
    for (int i = 0; i < 16; i += 8) {
      EightInts wide;
      asm("vpmovsxbd %1, %0" : "=v"(wide) : "m"(*reinterpret_cast<const Bytes*>(e + 192 + i)));
      const EightFloats product = __builtin_convertvector(wide, EightFloats) * d;
      std::memcpy(s.scale + i, &product, sizeof product);
    }
  }
  ROUX_ALWAYS_INLINE static void codes(const uint8_t* e, int strip, Codes& q) {
    Codes high;
    load_vector(e + strip / 4 * 64 + strip % 2 * 32, q);
    load_vector(e + 128 + strip / 4 * 32, high);
    q = (strip % 4 < 2 ? q & 15 : q >> 4) | ((Codes)((CodeWords)high >> (strip % 4 * 2) << 4) & 48);
  }
};
template <>
struct BlockFormat<kNF4> {  // 32 bytes, the earlier value in the high half; f32 absmax
  static constexpr int kBytes = 36, kStrips = 2, kHalves = 1, kBias = 0;
  static constexpr bool kOffsets = false;
  ROUX_ALWAYS_INLINE static void scales(const uint8_t* e, BlockScales& s) {
    float absmax;
    std::memcpy(&absmax, e + 32, sizeof absmax);
    s.scale[0] = s.scale[1] = absmax;
  }
  ROUX_ALWAYS_INLINE static void codes(const uint8_t* e, int strip, Codes& q) {
    HalfCodes bytes;
    load_vector(e + strip * 16, bytes);
    const HalfCodes low = bytes & 15, high = bytes >> 4;
    q = __builtin_shufflevector(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9,
                                25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  }
};

// Vectors of f32 in which kernels compute, of 16 and of 8 lanes.
struct WideFloats {
  using Vector = SixteenFloats;
  typedef int32_t Ints __attribute__((vector_size(64)));
};
struct NarrowFloats {
  using Vector = EightFloats;
  typedef int32_t Ints __attribute__((vector_size(32)));
};
template <class Lanes>
constexpr int kLanes = sizeof(typename Lanes::Vector) / sizeof(float);

// table[code], by instructions that compilers name differently.
ROUX_ALWAYS_INLINE void lookup_nf4(const WideFloats::Ints& code, WideFloats::Vector& x) {
  WideFloats::Vector table;
  load_vector(kNf4Values, table);
  asm("vpermps %1, %2, %0" : "=v"(x) : "v"(table), "v"(code));
}
ROUX_ALWAYS_INLINE void lookup_nf4(const NarrowFloats::Ints& code, NarrowFloats::Vector& x) {
  NarrowFloats::Vector low, high;
  load_vector(kNf4Values, low);
  load_vector(kNf4Values + 8, high);
  asm("vpermps %1, %2, %0" : "=x"(low) : "x"(low), "x"(code));  // by the lowest three bits
  asm("vpermps %1, %2, %0" : "=x"(high) : "x"(high), "x"(code));
  x = code < 8 ? low : high;
}

// The values of a strip, from scales that BlockFormat::scales() has read.
template <class Lanes, DType kFormat>
ROUX_ALWAYS_INLINE void strip_values(const uint8_t* e, const BlockScales& s, int strip,
                                     typename Lanes::Vector (&values)[kStrip / kLanes<Lanes>]) {
  using Format = BlockFormat<kFormat>;
  Codes q;
  Format::codes(e, strip, q);
  q -= Format::kBias;
  alignas(32) int8_t code[kStrip];
  std::memcpy(code, &q, sizeof code);
  unrolled<kStrip / kLanes<Lanes>>([&](auto part) ROUX_INLINE_LAMBDA {
    typedef int8_t Bytes __attribute__((vector_size(kLanes<Lanes>)));
    Bytes bytes;
    typename Lanes::Ints wide;
    typename Lanes::Vector x;
    load_vector(code + part * kLanes<Lanes>, bytes);
    asm("vpmovsxbd %1, %0" : "=v"(wide) : "vm"(bytes));  // GCC goes by way of 16 bits
    if constexpr (kFormat == kNF4) {
      lookup_nf4(wide, x);
    } else {
      x = __builtin_convertvector(wide, typename Lanes::Vector);
    }
    x *= s.scale[strip * Format::kHalves + part * Format::kHalves * kLanes<Lanes> / kStrip];
    if constexpr (Format::kOffsets) x += s.offset[strip];
    values[part] = x;
  });
}

// Calls fn(std::integral_constant<DType, format>).
template <class Fn>
decltype(auto) dispatch_block(DType dtype, Fn&& fn) {
  switch (dtype) {
    case kQ4_0:
      return fn(std::integral_constant<DType, kQ4_0>());
    case kQ4_1:
      return fn(std::integral_constant<DType, kQ4_1>());
    case kQ5_0:
      return fn(std::integral_constant<DType, kQ5_0>());
    case kQ5_1:
      return fn(std::integral_constant<DType, kQ5_1>());
    case kQ8_0:
      return fn(std::integral_constant<DType, kQ8_0>());
    case kQ4_K:
      return fn(std::integral_constant<DType, kQ4_K>());
    case kQ5_K:
      return fn(std::integral_constant<DType, kQ5_K>());
    case kQ6_K:
      return fn(std::integral_constant<DType, kQ6_K>());
    default:
      return fn(std::integral_constant<DType, kNF4>());
  }
}

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_BLOCK_FORMAT_H_
