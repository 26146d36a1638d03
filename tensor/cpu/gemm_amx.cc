#include "tensor/cpu/gemm_amx.h"

#include <immintrin.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <type_traits>

#include "tensor/error.h"
#include "tensor/macros.h"

#define ROUX_TARGET_AMX \
  __attribute__((       \
      target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,amx-tile,amx-bf16,prefer-vector-width=512")))

namespace roux::cpu {
namespace {

constexpr int64_t kTile = 16;          // rows of a tile, and its columns of f32
constexpr int64_t kBlock = 2 * kTile;  // rows and columns of c at a time, and k of a step
constexpr int64_t kStepBytes = 2 * kTile * kBlock * static_cast<int64_t>(sizeof(bfloat16));  // of an operand
constexpr int64_t kStepValues = kStepBytes / static_cast<int64_t>(sizeof(bfloat16));

int64_t blocks_of(int64_t size) { return (size + kBlock - 1) / kBlock; }

// Memory of this thread: grows, and lives as long as it.
template <class T>
class Scratch {
 public:
  T* at_least(int64_t values) {
    if (values > size_) {
      data_.reset(static_cast<T*>(std::aligned_alloc(64, static_cast<size_t>(values) * sizeof(T))));
      ROUX_INVARIANT(data_ != nullptr);
      size_ = values;
    }
    return data_.get();
  }

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  std::unique_ptr<T, Free> data_;
  int64_t size_ = 0;
};

// Which part of a value: bf16 as it is; of f32 the nearest bf16, or the nearest to what that leaves.
enum class Part { kFirst, kSecond };

ROUX_TARGET_AMX ROUX_ALWAYS_INLINE uint64_t first_bits(int64_t count) {
  return (uint64_t{1} << std::clamp<int64_t>(count, 0, kBlock)) - 1;
}

// The first `count` of 32 values, then zeros.
template <Part kPart>
ROUX_TARGET_AMX ROUX_ALWAYS_INLINE __m512i load_values(const bfloat16* from, int64_t count) {
  if (count >= kBlock) return _mm512_loadu_si512(from);
  return _mm512_maskz_loadu_epi16(static_cast<__mmask32>(first_bits(count)), from);
}
template <Part kPart>
ROUX_TARGET_AMX ROUX_ALWAYS_INLINE __m512i load_values(const float* from, int64_t count) {
  const uint64_t mask = first_bits(count);
  __m512 low = _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), from),
         high = _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask >> kTile), from + kTile);
  if constexpr (kPart == Part::kSecond) {
    low -= _mm512_cvtpbh_ps(_mm512_cvtneps_pbh(low));
    high -= _mm512_cvtpbh_ps(_mm512_cvtneps_pbh(high));
  }
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

// 16 x 16 pairs of values, transposed: quarters of rows by unpacking, then the quarters.
typedef uint32_t Pairs __attribute__((vector_size(64)));
typedef uint64_t Fours __attribute__((vector_size(64)));
ROUX_TARGET_AMX ROUX_ALWAYS_INLINE void transpose_pairs(Pairs (&r)[16]) {
  Pairs t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    t[i + 1] =
        __builtin_shufflevector(r[i], r[i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    const int at = i / 2 * 4 + i % 2;
    const Fours a = (Fours)t[at], b = (Fours)t[at + 2];
    r[i / 2 * 4 + i % 2 * 2] = (Pairs)__builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
    r[i / 2 * 4 + i % 2 * 2 + 1] = (Pairs)__builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    const int at = i / 4 * 8 + i % 4;
    const Fours a = (Fours)r[at], b = (Fours)r[at + 4];
    t[at] = (Pairs)__builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13);
    t[at + 4] = (Pairs)__builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    for (int odd = 0; odd < 2; ++odd) {
      const Fours a = (Fours)t[4 * odd + i], b = (Fours)t[8 + 4 * odd + i];
      r[4 * odd + i] = (Pairs)__builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13);
      r[8 + 4 * odd + i] = (Pairs)__builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15);
    }
  }
}

// A block of an operand as two tiles, zeros where it ends. "Along": 32 rows of it are rows of `from`, k runs
// along them. "Across": k runs down the rows of `from`. kPaired: the tiles' rows are pairs of k (what AMX
// wants of b), else rows of the operand (of a).
template <bool kPaired, Part kPart, class T>
ROUX_TARGET_AMX void pack_along(const T* from, int64_t ld, int64_t rows, int64_t k, bfloat16* to) {
  for (int tile = 0; tile < 2; ++tile, rows -= kTile, from += kTile * ld, to += kTile * kBlock) {
    Pairs r[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) r[i] = i < rows ? (Pairs)load_values<kPart>(from + i * ld, k) : Pairs{};
    if constexpr (kPaired) transpose_pairs(r);
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) _mm512_store_si512(to + i * kBlock, (__m512i)r[i]);
  }
}
template <bool kPaired, Part kPart, class T>
ROUX_TARGET_AMX void pack_across(const T* from, int64_t ld, int64_t rows, int64_t k, bfloat16* to) {
  static constexpr struct alignas(64) Order {
    uint16_t low[32], high[32];
    constexpr Order() : low(), high() {
      for (uint16_t i = 0; i < 16; ++i) {
        low[2 * i] = i, low[2 * i + 1] = static_cast<uint16_t>(i + 32);
        high[2 * i] = static_cast<uint16_t>(i + 16), high[2 * i + 1] = static_cast<uint16_t>(i + 48);
      }
    }
  } kOrder;
  const __m512i low = _mm512_load_si512(kOrder.low), high = _mm512_load_si512(kOrder.high);
  Pairs first[16], second[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {
    const __m512i even = 2 * i < k ? load_values<kPart>(from + 2 * i * ld, rows) : _mm512_setzero_si512();
    const __m512i odd =
        2 * i + 1 < k ? load_values<kPart>(from + (2 * i + 1) * ld, rows) : _mm512_setzero_si512();
    first[i] = (Pairs)_mm512_permutex2var_epi16(even, low, odd);
    second[i] = (Pairs)_mm512_permutex2var_epi16(even, high, odd);
  }
  if constexpr (!kPaired) {
    transpose_pairs(first);
    transpose_pairs(second);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {
    _mm512_store_si512(to + i * kBlock, (__m512i)first[i]);
    _mm512_store_si512(to + (16 + i) * kBlock, (__m512i)second[i]);
  }
}

// Rows from `row` on of an operand [rows, k] (of the transpose of b), all of k, as steps of two tiles each.
template <bool kPaired, Part kPart, class T>
ROUX_TARGET_AMX void pack(const GemmOperand<T>& x, int64_t row, int64_t rows, int64_t k, bfloat16* to) {
  for (int64_t at = 0; at < k; at += kBlock, to += kStepValues) {
    const GemmOperand<T> from = x.at(row, at);
    const int64_t depth = std::min(kBlock, k - at);
    if (x.transposed) {
      pack_across<kPaired, kPart>(from.data, x.ld, rows, depth, to);
    } else {
      pack_along<kPaired, kPart>(from.data, x.ld, rows, depth, to);
    }
  }
}

// Tiles of a [32, k]: in place or packed.
struct Strip {
  const bfloat16* data;
  int64_t row_bytes, second, step;  // second tile, next step: in values
};

// out [32, 32] = (out +) a b over `steps` steps of 32, where a is the sum of kParts strips behind each other.
template <bool kAdd, int kParts>
ROUX_TARGET_AMX ROUX_ALWAYS_INLINE void multiply_tiles(const Strip& a, const bfloat16* b, int64_t steps,
                                                       float* out, int64_t ld) {
  const int64_t out_bytes = ld * static_cast<int64_t>(sizeof(float));
  if constexpr (kAdd) {
    _tile_loadd(0, out, out_bytes);
    _tile_loadd(1, out + kTile, out_bytes);
    _tile_loadd(2, out + kTile * ld, out_bytes);
    _tile_loadd(3, out + kTile * ld + kTile, out_bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  const bfloat16* at = a.data;
  for (int64_t i = 0; i < steps; ++i, at += a.step, b += kStepValues) {
    _tile_loadd(6, b, 64);
    _tile_loadd(7, b + kStepValues / 2, 64);
#pragma GCC unroll 2
    for (int part = 0; part < kParts; ++part) {
      const bfloat16* rows = at + part * steps * kStepValues;
      _tile_loadd(4, rows, a.row_bytes);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(5, rows + a.second, a.row_bytes);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, out, out_bytes);
  _tile_stored(1, out + kTile, out_bytes);
  _tile_stored(2, out + kTile * ld, out_bytes);
  _tile_stored(3, out + kTile * ld + kTile, out_bytes);
}

// A part of a block of c, rows x cols, and the same in f32: read with zeros around it, and written.
ROUX_TARGET_AMX ROUX_ALWAYS_INLINE __m512 load_f32(uint64_t mask, const float* from) {
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), from);
}
ROUX_TARGET_AMX ROUX_ALWAYS_INLINE __m512 load_f32(uint64_t mask, const bfloat16* from) {
  const __m256i halves = _mm256_maskz_loadu_epi16(static_cast<__mmask16>(mask), from);
  return (__m512)((Pairs)_mm512_cvtepu16_epi32(halves) << 16);
}
template <class C>
ROUX_TARGET_AMX void read_block(const C* c, int64_t ldc, int64_t rows, int64_t cols, float* sums,
                                int64_t ld) {
  const uint64_t mask = first_bits(cols);
  for (int64_t i = 0; i < kBlock; ++i) {
    const uint64_t here = i < rows ? mask : 0;
    const C* from = here != 0 ? c + i * ldc : c;
    _mm512_store_ps(sums + i * ld, load_f32(here, from));
    _mm512_store_ps(sums + i * ld + kTile, load_f32(here >> kTile, from + kTile));
  }
}
ROUX_TARGET_AMX void write_block(const float* sums, int64_t ld, int64_t rows, int64_t cols, float* c,
                                 int64_t ldc) {
  const uint64_t mask = first_bits(cols);
  for (int64_t i = 0; i < rows; ++i) {
    _mm512_mask_storeu_ps(c + i * ldc, static_cast<__mmask16>(mask), _mm512_load_ps(sums + i * ld));
    _mm512_mask_storeu_ps(c + i * ldc + kTile, static_cast<__mmask16>(mask >> kTile),
                          _mm512_load_ps(sums + i * ld + kTile));
  }
}
ROUX_TARGET_AMX void write_block(const float* sums, int64_t ld, int64_t rows, int64_t cols, bfloat16* c,
                                 int64_t ldc) {
  const auto mask = static_cast<__mmask32>(first_bits(cols));
  for (int64_t i = 0; i < rows; ++i) {
    const __m512 low = _mm512_load_ps(sums + i * ld), high = _mm512_load_ps(sums + i * ld + kTile);
    _mm512_mask_storeu_epi16(c + i * ldc, mask, (__m512i)_mm512_cvtne2ps_pbh(high, low));
  }
}

// All tiles have 16 rows of 64 bytes.
struct alignas(64) TileShapes {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

template <int kParts>
ROUX_TARGET_AMX void multiply_block(bool add, const Strip& a, const bfloat16* b, int64_t steps, float* out,
                                    int64_t ld) {
  add ? multiply_tiles<true, kParts>(a, b, steps, out, ld)
      : multiply_tiles<false, kParts>(a, b, steps, out, ld);
}

// Sums over k go on from piece to piece, in f32: in c, or beside it where c is bf16.
template <class A, class C>
ROUX_TARGET_AMX void multiply(int64_t m, int64_t n, int64_t k, GemmOperand<A> a, GemmOperand<bfloat16> b,
                              bool accumulate, C* c, int64_t ldc) {
  constexpr int64_t kDepth = 512;               // of a piece: rows of a in the first cache
  constexpr int64_t kPackedBytes = 512 * 1024;  // of b at a time: a part of the second cache
  constexpr int kParts = std::is_same_v<A, float> ? 2 : 1;
  constexpr bool kInC = std::is_same_v<C, float>;
  thread_local Scratch<bfloat16> scratch_a, scratch_b;
  thread_local Scratch<float> scratch_c;
  const int64_t pieces = (k + kDepth - 1) / kDepth, depth = blocks_of((k + pieces - 1) / pieces) * kBlock;
  const int64_t strip_values = depth / kBlock * kStepValues;
  const int64_t panels = std::clamp<int64_t>(kPackedBytes / (depth / kBlock * kStepBytes), 1, blocks_of(n));
  bfloat16* const packed_a = scratch_a.at_least(kParts * strip_values);
  bfloat16* const packed_b = scratch_b.at_least(panels * strip_values);
  const bool beside = !kInC && pieces > 1;
  const int64_t ld_sums = beside ? blocks_of(n) * kBlock : kBlock;
  float* const all_sums = scratch_c.at_least((beside ? blocks_of(m) : 1) * kBlock * ld_sums);
  const GemmOperand<bfloat16> b_rows{b.data, b.ld, !b.transposed};  // [n, k]
  static constexpr TileShapes kShapes;
  _tile_loadconfig(&kShapes);
  for (int64_t begin = 0; begin < k; begin += depth) {
    const int64_t here = std::min(depth, k - begin), steps = blocks_of(here);
    const GemmOperand<A> piece_a = a.at(0, begin);
    const GemmOperand<bfloat16> piece_b = b_rows.at(0, begin);
    const bool first_piece = begin == 0, last_piece = begin + depth >= k, add = accumulate || !first_piece;
    for (int64_t first = 0; first < n; first += panels * kBlock) {
      const int64_t end = std::min(n, first + panels * kBlock);
      for (int64_t col = first; col < end; col += kBlock) {
        pack<true, Part::kFirst>(piece_b, col, std::min(kBlock, n - col), here,
                                 packed_b + (col - first) / kBlock * strip_values);
      }
      for (int64_t row = 0; row < m; row += kBlock) {
        const int64_t rows = std::min(kBlock, m - row);
        Strip strip{packed_a, 64, kStepValues / 2, kStepValues};
        bool in_place = false;
        if constexpr (kParts == 1) {
          in_place = !a.transposed && here % kBlock == 0 && rows == kBlock;
          if (in_place) {
            strip = {piece_a.data + row * a.ld, a.ld * static_cast<int64_t>(sizeof(A)), kTile * a.ld, kBlock};
          }
        }
        if (!in_place) pack<false, Part::kFirst>(piece_a, row, rows, here, packed_a);
        if constexpr (kParts == 2) {
          pack<false, Part::kSecond>(piece_a, row, rows, here, packed_a + steps * kStepValues);
        }
        for (int64_t col = first; col < end; col += kBlock) {
          const int64_t cols = std::min(kBlock, n - col);
          const bfloat16* panel = packed_b + (col - first) / kBlock * strip_values;
          C* out = c + row * ldc + col;
          if constexpr (kInC) {
            if (rows == kBlock && cols == kBlock) {
              multiply_block<kParts>(add, strip, panel, steps, out, ldc);
              continue;
            }
          }
          float* sums = beside ? all_sums + row * ld_sums + col : all_sums;
          if (kInC ? add : accumulate && first_piece) read_block(out, ldc, rows, cols, sums, ld_sums);
          multiply_block<kParts>(add, strip, panel, steps, sums, ld_sums);
          if (kInC || last_piece) write_block(sums, ld_sums, rows, cols, out, ldc);
        }
      }
    }
  }
  _tile_release();
}

}  // namespace

void gemm_amx(int64_t m, int64_t n, int64_t k, GemmOperand<bfloat16> a, GemmOperand<bfloat16> b,
              bool accumulate, float* c, int64_t ldc) {
  multiply(m, n, k, a, b, accumulate, c, ldc);
}
void gemm_amx(int64_t m, int64_t n, int64_t k, GemmOperand<bfloat16> a, GemmOperand<bfloat16> b,
              bool accumulate, bfloat16* c, int64_t ldc) {
  multiply(m, n, k, a, b, accumulate, c, ldc);
}
void gemm_amx(int64_t m, int64_t n, int64_t k, GemmOperand<float> a, GemmOperand<bfloat16> b, bool accumulate,
              float* c, int64_t ldc) {
  multiply(m, n, k, a, b, accumulate, c, ldc);
}

}  // namespace roux::cpu
