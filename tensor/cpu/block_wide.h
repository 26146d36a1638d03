// Block formats by AVX-512 in fewer instructions than block_format.h takes, with the same results: values of
// 4 and 5 bits are looked up in tables of the values themselves, codes of two strips are decoded at once.
#ifndef ROUX_TENSOR_CPU_BLOCK_WIDE_H_
#define ROUX_TENSOR_CPU_BLOCK_WIDE_H_

#include <type_traits>

#include "tensor/cpu/block_format.h"

namespace roux::cpu {

typedef uint8_t WideBytes __attribute__((vector_size(64)));
typedef uint16_t WideWords __attribute__((vector_size(64)));
typedef uint32_t WideInts __attribute__((vector_size(64)));

// 16 bytes, one a lane.
ROUX_ALWAYS_INLINE void load_lanes(const uint8_t* from, WideInts& x) {
  typedef uint8_t Bytes __attribute__((vector_size(16), aligned(1)));
  asm("vpmovzxbd %1, %0" : "=v"(x) : "m"(*reinterpret_cast<const Bytes*>(from)));
}
// table[lane mod 16], and of 32 numbers.
ROUX_ALWAYS_INLINE void look_up(const SixteenFloats& table, const WideInts& lane, SixteenFloats& x) {
  asm("vpermps %1, %2, %0" : "=v"(x) : "v"(table), "v"(lane));
}
ROUX_ALWAYS_INLINE void look_up(const SixteenFloats (&table)[2], const WideInts& lane, SixteenFloats& x) {
  x = (SixteenFloats)lane;
  asm("vpermi2ps %2, %1, %0" : "+v"(x) : "v"(table[0]), "v"(table[1]));
}

// scale (code - bias) + offset for the codes from `first` on.
template <DType kFormat>
ROUX_ALWAYS_INLINE void scaled_table(const BlockScales& s, int strip, float first, SixteenFloats& table) {
  if constexpr (kFormat == kNF4) {
    load_vector(kNf4Values, table);
  } else {
    constexpr SixteenFloats kCodes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    table = kCodes + (first - static_cast<float>(BlockFormat<kFormat>::kBias));
  }
  table *= s.scale[strip];
  if constexpr (BlockFormat<kFormat>::kOffsets) table += s.offset[strip];
}

// As strip_values<WideFloats, kFormat>().
template <DType kFormat>
ROUX_ALWAYS_INLINE void wide_values(const uint8_t* e, const BlockScales& s, int strip,
                                    SixteenFloats (&values)[2]) {
  constexpr WideInts kLane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  constexpr bool kNibbles = kFormat == kQ4_0 || kFormat == kQ4_1;
  WideInts low, high;
  SixteenFloats table[2];
  if constexpr (kNibbles || kFormat == kQ5_0 || kFormat == kQ5_1) {
    load_lanes(e + BlockFormat<kFormat>::kBytes - 16, low);
    high = low >> 4;
  } else if constexpr (kFormat == kQ4_K || kFormat == kQ5_K) {
    const uint8_t* bytes = e + BlockFormat<kFormat>::kBytes - 128 + strip / 2 * 32;
    load_lanes(bytes, low);
    load_lanes(bytes + 16, high);
    if (strip % 2 == 1) {
      low >>= 4;
      high >>= 4;
    }
  }
  if constexpr (kNibbles || kFormat == kQ4_K) {
    scaled_table<kFormat>(s, strip, 0, table[0]);
    look_up(table[0], low, values[0]);
    look_up(table[0], high, values[1]);
  } else if constexpr (kFormat == kNF4) {
    HalfCodes bytes;
    load_vector(e + strip * 16, bytes);
    const HalfCodes first = bytes >> 4;
    alignas(16) HalfCodes order[2] = {
        __builtin_shufflevector(first, bytes, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
        __builtin_shufflevector(first, bytes, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)};
    scaled_table<kFormat>(s, strip, 0, table[0]);
    unrolled<2>([&](auto part) ROUX_INLINE_LAMBDA {
      WideInts code;
      asm("vpmovzxbd %1, %0" : "=v"(code) : "v"(order[part]));
      look_up(table[0], code, values[part]);
    });
  } else if constexpr (kFormat == kQ5_0 || kFormat == kQ5_1 || kFormat == kQ5_K) {
    WideInts fifth[2];
    if constexpr (kFormat == kQ5_K) {
      load_lanes(e + 16, fifth[0]);
      load_lanes(e + 32, fifth[1]);
      fifth[0] = fifth[0] >> strip << 4;
      fifth[1] = fifth[1] >> strip << 4;
    } else {
      uint32_t bits;
      std::memcpy(&bits, e + BlockFormat<kFormat>::kBytes - 20, sizeof bits);
      fifth[0] = (WideInts{} + bits) >> kLane << 4;
      fifth[1] = (WideInts{} + bits) >> (kLane + 16) << 4;
    }
    scaled_table<kFormat>(s, strip, 0, table[0]);
    scaled_table<kFormat>(s, strip, 16, table[1]);
    look_up(table, (low & 15) | fifth[0], values[0]);  // the upper bits of a lane do not count
    look_up(table, (high & 15) | fifth[1], values[1]);
  } else if constexpr (kFormat == kQ8_0) {
    typedef int8_t Bytes __attribute__((vector_size(16), aligned(1)));
    unrolled<2>([&](auto part) ROUX_INLINE_LAMBDA {
      WideFloats::Ints code;
      asm("vpmovsxbd %1, %0" : "=v"(code) : "m"(*reinterpret_cast<const Bytes*>(e + 2 + part * 16)));
      values[part] = __builtin_convertvector(code, SixteenFloats) * s.scale[0];
    });
  } else {
    strip_values<WideFloats, kFormat>(e, s, strip, values);
  }
}

// The values of a strip, and all of an element.
template <class Lanes, DType kFormat>
ROUX_ALWAYS_INLINE void read_strip(const uint8_t* e, const BlockScales& s, int strip,
                                   typename Lanes::Vector (&values)[kStrip / kLanes<Lanes>]) {
  if constexpr (std::is_same_v<Lanes, WideFloats>) {
    wide_values<kFormat>(e, s, strip, values);
  } else {
    strip_values<Lanes, kFormat>(e, s, strip, values);
  }
}
template <class Lanes, DType kFormat>
ROUX_ALWAYS_INLINE void element_values(const uint8_t* e, float* y) {
  BlockScales s;
  BlockFormat<kFormat>::scales(e, s);
  unrolled<BlockFormat<kFormat>::kStrips>([&](auto strip) ROUX_INLINE_LAMBDA {
    typename Lanes::Vector values[kStrip / kLanes<Lanes>];
    read_strip<Lanes, kFormat>(e, s, strip, values);
    std::memcpy(y + strip * kStrip, values, sizeof values);
  });
}

// 16 bytes of two places, each twice; 32 bytes twice.
ROUX_ALWAYS_INLINE void load_twice(const uint8_t* a, const uint8_t* b, WideBytes& x) {
  HalfCodes first, second;
  load_vector(a, first);
  load_vector(b, second);
  const Codes both =
      __builtin_shufflevector(first, second, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
                              19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
  asm("vshufi64x2 $0x50, %g1, %g1, %0" : "=v"(x) : "v"(both));
}
ROUX_ALWAYS_INLINE void load_twice(const uint8_t* from, WideBytes& x) {
  typedef uint8_t Bytes __attribute__((vector_size(32), aligned(1)));
  asm("vbroadcasti64x4 %1, %0" : "=v"(x) : "m"(*reinterpret_cast<const Bytes*>(from)));
}
// Shifts words of the four quarters down; bits cross into lower bytes.
template <int a, int b, int c, int d>
ROUX_ALWAYS_INLINE void shift_quarters(WideBytes& x) {
  constexpr WideWords kShift = {a, a, a, a, a, a, a, a, b, b, b, b, b, b, b, b,
                                c, c, c, c, c, c, c, c, d, d, d, d, d, d, d, d};
  x = (WideBytes)((WideWords)x >> kShift);
}

// The codes of strips 2 pair and 2 pair + 1: of one element, or of two that lie `size` bytes apart.
template <DType kFormat>
ROUX_ALWAYS_INLINE void wide_codes(const uint8_t* e, int64_t size, int pair, WideBytes& q) {
  if constexpr (kFormat == kQ4_0 || kFormat == kQ4_1 || kFormat == kQ5_0 || kFormat == kQ5_1) {
    constexpr int64_t kAt = BlockFormat<kFormat>::kBytes - 16;
    load_twice(e + kAt, e + size + kAt, q);
    shift_quarters<0, 4, 0, 4>(q);
    q &= 15;
    if constexpr (kFormat == kQ5_0 || kFormat == kQ5_1) {
      uint32_t bits[2];
      std::memcpy(bits, e + kAt - 4, 4);
      std::memcpy(bits + 1, e + size + kAt - 4, 4);
      const uint64_t mask = uint64_t{bits[1]} << 32 | bits[0];
      const WideBytes sixteens = WideBytes{} + 16;
      WideBytes fifth;
      asm("kmovq %1, %%k1\n\tvmovdqu8 %2, %0%{%%k1%}%{z%}" : "=v"(fifth) : "r"(mask), "v"(sixteens) : "k1");
      q |= fifth;
    }
  } else if constexpr (kFormat == kQ4_K || kFormat == kQ5_K) {
    load_twice(e + BlockFormat<kFormat>::kBytes - 128 + pair * 32, q);
    shift_quarters<0, 0, 4, 4>(q);
    q &= 15;
    if constexpr (kFormat == kQ5_K) {
      WideBytes fifth;
      load_twice(e + 16, fifth);
      fifth = (WideBytes)((WideWords)fifth >> (2 * pair));
      shift_quarters<0, 0, 1, 1>(fifth);
      q |= (WideBytes)((WideWords)fifth << 4) & 16;
    }
  } else if constexpr (kFormat == kQ6_K) {
    WideBytes high;
    load_vector(e + pair / 2 * 64, q);
    load_twice(e + 128 + pair / 2 * 32, high);
    if (pair % 2 == 1) {
      q = (WideBytes)((WideWords)q >> 4);
      high = (WideBytes)((WideWords)high >> 4);
    }
    shift_quarters<0, 0, 2, 2>(high);
    q = (q & 15) | ((WideBytes)((WideWords)high << 4) & 48);
  } else {
    static_assert(kFormat == kQ8_0);
    Codes even, odd;
    load_vector(e + 2, even);
    load_vector(e + size + 2, odd);
    q = __builtin_shufflevector(even, odd, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
                                19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37,
                                38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56,
                                57, 58, 59, 60, 61, 62, 63) ^
        128;
  }
}

// Scales and offsets of a unit: an element of several strips, or two elements of one strip each.
struct WideScales {
  SixteenFloats scale, offset;  // in the lowest lanes
};
template <DType kFormat>
ROUX_ALWAYS_INLINE void wide_scales(const uint8_t* e, int64_t size, WideScales& s) {
  using Format = BlockFormat<kFormat>;
  typedef float Four __attribute__((vector_size(16)));
  Four four;
  if constexpr (Format::kStrips == 1 && Format::kOffsets) {  // scale, offset, scale, offset
    uint32_t halves[2];
    std::memcpy(halves, e, 4);
    std::memcpy(halves + 1, e + size, 4);
    const uint64_t all = uint64_t{halves[1]} << 32 | halves[0];
    four = (Four)_mm_cvtph_ps(_mm_cvtsi64_si128(static_cast<int64_t>(all)));
    asm("vmovaps %1, %x0" : "=v"(s.scale) : "v"(four));
  } else if constexpr (Format::kStrips == 1) {
    uint16_t halves[2];
    std::memcpy(halves, e, 2);
    std::memcpy(halves + 1, e + size, 2);
    const uint32_t all = static_cast<uint32_t>(halves[1]) << 16 | halves[0];
    four = (Four)_mm_cvtph_ps(_mm_cvtsi32_si128(static_cast<int32_t>(all)));
    asm("vmovaps %1, %x0" : "=v"(s.scale) : "v"(four));
  } else if constexpr (kFormat == kQ6_K) {
    typedef int8_t Bytes __attribute__((vector_size(16), aligned(1)));
    WideFloats::Ints scales;
    asm("vpmovsxbd %1, %0" : "=v"(scales) : "m"(*reinterpret_cast<const Bytes*>(e + 192)));
    s.scale = __builtin_convertvector(scales, SixteenFloats) * half_at(e + 208);
  } else {
    EightFloats scale, offset;
    load_k_scales(e + 4, half_at(e), half_at(e + 2), scale, offset);
    asm("vmovaps %1, %t0" : "=v"(s.scale) : "v"(scale));
    asm("vmovaps %1, %t0" : "=v"(s.offset) : "v"(offset));
  }
}

// Lanes 0 to 7 for strip 2 pair, the others for strip 2 pair + 1.
template <DType kFormat>
ROUX_ALWAYS_INLINE void wide_scale(const WideScales& s, uint32_t pair, SixteenFloats& x) {
  using Format = BlockFormat<kFormat>;
  const uint32_t step = Format::kStrips == 1 && Format::kOffsets ? 2 : 1, a = 2 * pair, b = a + step;
  const uint32_t h = 4 * pair;
  const WideInts whole = {a, a, a, a, a, a, a, a, b, b, b, b, b, b, b, b};
  const WideInts halves = {h,     h,     h,     h,     h + 1, h + 1, h + 1, h + 1,
                           h + 2, h + 2, h + 2, h + 2, h + 3, h + 3, h + 3, h + 3};
  look_up(s.scale, Format::kHalves == 1 ? whole : halves, x);
}
template <DType kFormat>
ROUX_ALWAYS_INLINE void wide_offset(const WideScales& s, uint32_t pair, SixteenFloats& x) {
  constexpr bool kTogether = BlockFormat<kFormat>::kStrips == 1;
  const uint32_t a = kTogether ? 1 : 2 * pair, b = kTogether ? 3 : a + 1;
  const WideInts lanes = {a, a, a, a, a, a, a, a, b, b, b, b, b, b, b, b};
  look_up(kTogether ? s.scale : s.offset, lanes, x);
}

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_BLOCK_WIDE_H_
