// Products of codes of 8 bits with 16 weights of a block format side by side, a strip of 32 values at a time:
// how weights are packed, and the products of a strip by AMX, by VNNI and by AVX2. All give the same bits
// (the formulas are in block_linear_tiles.cc).
#ifndef ROUX_TENSOR_CPU_BLOCK_TILES_H_
#define ROUX_TENSOR_CPU_BLOCK_TILES_H_

#include <algorithm>

#include "tensor/cpu/block_format.h"

namespace roux::cpu {

constexpr int kTileWeights = 16;

// 64 values of a row of x. At 96 bytes no strip of codes lies across two cache lines.
struct CodedStrips {
  int8_t code[2][kStrip];  // with kFlipped paths: plus 128, unsigned
  float scale[2];
  float sum[2];  // scale times the sum of the codes
  float unused[4];
};
static_assert(sizeof(CodedStrips) == 96);

// A strip of 16 rows of weights: codes less the format's bias, four of a row side by side.
template <DType kFormat>
struct PackedStrip {
  static constexpr int kHalves = BlockFormat<kFormat>::kHalves;
  alignas(64) int8_t code[8][kTileWeights][4];
  float scale[kHalves][kTileWeights];
  float offset[kTileWeights];
  int32_t start[kHalves][kTileWeights];  // of kFlipped paths: -128 (sum of the codes)
};

// Eight rows of eight ints: columns become rows.
ROUX_ALWAYS_INLINE void transpose_ints(EightInts (&x)[8]) {
  EightInts y[8], z[8];
  unrolled<4>([&](auto i) ROUX_INLINE_LAMBDA {
    y[2 * i] = __builtin_shufflevector(x[2 * i], x[2 * i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    y[2 * i + 1] = __builtin_shufflevector(x[2 * i], x[2 * i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  });
  unrolled<2>([&](auto i) ROUX_INLINE_LAMBDA {
    unrolled<2>([&](auto j) ROUX_INLINE_LAMBDA {
      const EightInts &a = y[4 * i + j], &b = y[4 * i + j + 2];
      z[4 * i + 2 * j] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
      z[4 * i + 2 * j + 1] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
    });
  });
  unrolled<4>([&](auto i) ROUX_INLINE_LAMBDA {
    x[i] = __builtin_shufflevector(z[i], z[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    x[i + 4] = __builtin_shufflevector(z[i], z[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  });
}

// Of `count` rows of weights that lie row_bytes apart; the last stands in for those that are missing.
template <DType kFormat>
ROUX_ALWAYS_INLINE void pack_strips(const uint8_t* weight, int64_t row_bytes, int64_t elements, int64_t count,
                                    PackedStrip<kFormat>* packed) {
  using Format = BlockFormat<kFormat>;
  constexpr int kHalves = Format::kHalves;
  const uint8_t* row[kTileWeights];
  for (int c = 0; c < kTileWeights; ++c) row[c] = weight + std::min<int64_t>(c, count - 1) * row_bytes;
  for (int64_t i = 0; i < elements; ++i, packed += Format::kStrips) {
    for (int group = 0; group < kTileWeights; group += 8) {
      for (int c = group; c < group + 8; ++c) {
        BlockScales s;
        Format::scales(row[c] + i * Format::kBytes, s);
        for (int strip = 0; strip < Format::kStrips; ++strip) {
          for (int half = 0; half < kHalves; ++half)
            packed[strip].scale[half][c] = s.scale[strip * kHalves + half];
          if constexpr (Format::kOffsets) packed[strip].offset[c] = s.offset[strip];
        }
      }
      unrolled<Format::kStrips>([&](auto strip) ROUX_INLINE_LAMBDA {
        EightInts quads[8];
        unrolled<8>([&](auto c) ROUX_INLINE_LAMBDA {
          Codes q;
          Format::codes(row[group + c] + i * Format::kBytes, strip, q);
          quads[c] = (EightInts)(q - static_cast<uint8_t>(Format::kBias));
        });
        transpose_ints(quads);
        unrolled<8>([&](auto j) ROUX_INLINE_LAMBDA {
          std::memcpy(packed[strip].code[j][group], &quads[j], sizeof quads[j]);
        });
      });
    }
  }
}

// What a strip adds to the sums of a row of x: dot is the exact sum of code code_x of one half of it, or of
// all of it.
template <DType kFormat, class Ints, class Floats>
ROUX_ALWAYS_INLINE void add_dot(const Ints& dot, const PackedStrip<kFormat>& w, int half, int first,
                                const CodedStrips& x, int odd, Floats& sum) {
  Floats scale;
  load_vector(w.scale[half] + first, scale);
  add_product(__builtin_convertvector(dot, Floats), scale * x.scale[odd], sum);
  if constexpr (BlockFormat<kFormat>::kOffsets) {
    Floats offset;
    load_vector(w.offset + first, offset);
    add_product(offset, x.sum[odd] - Floats{}, sum);  // less 0 is exact
  }
}

// Sixteen rows of x: a product of two tiles.
struct AmxTiles {
  static constexpr int kRows = 16, kParts = 1;
  static constexpr bool kFlipped = false;
  using Floats = SixteenFloats;

  // The shapes of the tiles while it lives: 0 and 1 are x, 2 and 3 weights, 4 and 5 their products.
  template <DType kFormat>
  class Scope {
   public:
    ROUX_ALWAYS_INLINE Scope() {
      constexpr int kValues = kStrip / BlockFormat<kFormat>::kHalves;
      struct {
        uint8_t palette = 1, start_row = 0, reserved[14] = {};
        uint16_t row_bytes[16] = {kValues, kValues, 64, 64, 64, 64};
        uint8_t rows[16] = {16, 16, kValues / 4, kValues / 4, 16, 16};
      } shapes;
      static_assert(sizeof shapes == 64);
      asm volatile("ldtilecfg %0" : : "m"(shapes));
    }
    ROUX_ALWAYS_INLINE ~Scope() { asm volatile("tilerelease"); }
  };

  template <DType kFormat>
  ROUX_ALWAYS_INLINE static void add_strip(const PackedStrip<kFormat>& w, const CodedStrips* x, int64_t pairs,
                                           auto odd, Floats (&sums)[kRows][kParts]) {
    constexpr int kHalves = BlockFormat<kFormat>::kHalves;
    alignas(64) int32_t dots[kHalves][kRows][kTileWeights];
    unrolled<kHalves>([&](auto half) ROUX_INLINE_LAMBDA {
      const int8_t *a = x->code[odd] + half * (kStrip / kHalves), *b = w.code[half * (8 / kHalves)][0];
      const int64_t row_bytes = pairs * static_cast<int64_t>(sizeof *x), line = 64;
      // The tiles of odd strips are others, so that two products are under way at once.
      if constexpr (odd == 0) {
        asm volatile(
            "tileloadd (%1,%2,1), %%tmm0\n\ttileloadd (%3,%4,1), %%tmm2\n\ttilezero %%tmm4\n\t"
            "tdpbssd %%tmm2, %%tmm0, %%tmm4\n\ttilestored %%tmm4, (%5,%4,1)"
            : "=m"(dots[half])
            : "r"(a), "r"(row_bytes), "r"(b), "r"(line), "r"(dots[half]), "m"(w.code));
      } else {
        asm volatile(
            "tileloadd (%1,%2,1), %%tmm1\n\ttileloadd (%3,%4,1), %%tmm3\n\ttilezero %%tmm5\n\t"
            "tdpbssd %%tmm3, %%tmm1, %%tmm5\n\ttilestored %%tmm5, (%5,%4,1)"
            : "=m"(dots[half])
            : "r"(a), "r"(row_bytes), "r"(b), "r"(line), "r"(dots[half]), "m"(w.code));
      }
    });
    unrolled<kHalves>([&](auto half) ROUX_INLINE_LAMBDA {
      unrolled<kRows>([&](auto r) ROUX_INLINE_LAMBDA {
        WideFloats::Ints dot;
        load_vector(dots[half][r], dot);
        add_dot<kFormat>(dot, w, half, 0, x[r * pairs], odd, sums[r][0]);
      });
    });
  }
};

// VNNI: codes of x, 0 to 255, times signed ones of 16 weights.
struct VnniTiles {
  static constexpr int kRows = 8, kParts = 1;
  static constexpr bool kFlipped = true;
  using Floats = SixteenFloats;
  using Ints = WideFloats::Ints;
  template <DType>
  struct Scope {
    ROUX_ALWAYS_INLINE Scope() {}
  };

  template <DType kFormat>
  ROUX_ALWAYS_INLINE static void add_strip(const PackedStrip<kFormat>& w, const CodedStrips* x, int64_t pairs,
                                           auto odd, Floats (&sums)[kRows][kParts]) {
    constexpr int kHalves = BlockFormat<kFormat>::kHalves, kQuads = 8 / kHalves;
    unrolled<kHalves>([&](auto half) ROUX_INLINE_LAMBDA {
      Ints start, dot[kRows];
      load_vector(w.start[half], start);
      unrolled<kRows>([&](auto r) ROUX_INLINE_LAMBDA { dot[r] = start; });
      unrolled<kQuads>([&](auto quad) ROUX_INLINE_LAMBDA {
        constexpr int kQuad = half * kQuads + quad;
        Ints weights;
        load_vector(w.code[kQuad], weights);
        unrolled<kRows>([&](auto r) ROUX_INLINE_LAMBDA {
          int32_t four;
          std::memcpy(&four, x[r * pairs].code[odd] + 4 * kQuad, sizeof four);
          const Ints codes = Ints{} + four;
          asm("vpdpbusd %2, %1, %0" : "+v"(dot[r]) : "v"(codes), "v"(weights));
        });
      });
      unrolled<kRows>([&](auto r) ROUX_INLINE_LAMBDA {
        add_dot<kFormat>(dot[r], w, half, 0, x[r * pairs], odd, sums[r][0]);
      });
    });
  }
};

// AVX2: signs go from the weights to the codes of x, so that sums of two products fit in 16 bits.
struct NarrowTiles {
  static constexpr int kRows = 2, kParts = 2;
  static constexpr bool kFlipped = false;
  using Floats = EightFloats;
  template <DType>
  struct Scope {
    ROUX_ALWAYS_INLINE Scope() {}
  };

  template <DType kFormat>
  ROUX_ALWAYS_INLINE static void add_strip(const PackedStrip<kFormat>& w, const CodedStrips* x, int64_t pairs,
                                           auto odd, Floats (&sums)[kRows][kParts]) {
    constexpr int kHalves = BlockFormat<kFormat>::kHalves, kQuads = 8 / kHalves;
    unrolled<kHalves>([&](auto half) ROUX_INLINE_LAMBDA {
      unrolled<kParts>([&](auto part) ROUX_INLINE_LAMBDA {
        EightInts dot[kRows] = {};
        unrolled<kQuads>([&](auto quad) ROUX_INLINE_LAMBDA {
          constexpr int kQuad = half * kQuads + quad;
          __m256i weights;
          load_vector(w.code[kQuad][part * 8], weights);
          unrolled<kRows>([&](auto r) ROUX_INLINE_LAMBDA {
            int32_t four;
            std::memcpy(&four, x[r * pairs].code[odd] + 4 * kQuad, sizeof four);
            const __m256i codes = _mm256_sign_epi8(_mm256_set1_epi32(four), weights);
            dot[r] += (EightInts)_mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(weights), codes),
                                                   _mm256_set1_epi16(1));
          });
        });
        unrolled<kRows>([&](auto r) ROUX_INLINE_LAMBDA {
          add_dot<kFormat>(dot[r], w, half, part * 8, x[r * pairs], odd, sums[r][part]);
        });
      });
    });
  }
};

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_BLOCK_TILES_H_
