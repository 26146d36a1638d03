// block_linear with x in codes of 8 bits. Sums run in 16 lanes of f32: lane j < 8 adds up what codes 4 j to
// 4 j + 3 of the even strips of 32 values give, lane 8 + j likewise of the odd ones,
//
//   lane = fma(float(sum of (code - bias) code_x), scale scale_x, lane)
//   lane = fma(offset, scale_x float(sum of code_x), lane)                   formats with offsets
//
// and are folded at the end. Sums of codes are exact, so every instruction set gives the same bits, and a
// row's do not depend on the rows beside it or on threads. Many rows go to block_linear_tiles.cc.
#include <algorithm>

#include "tensor/batch_invariant.h"
#include "tensor/cpu/block_codes.h"
#include "tensor/cpu/block_linear_tiles.h"
#include "tensor/cpu/elementwise_loops.h"
#include "tensor/ops/block_linear_tables.h"
#include "tensor/parallel.h"
#include "tensor/processor.h"
#include "tensor/tunable.h"

namespace roux::cpu {
namespace {

constinit const Tunable kTaskBytes("block_linear.int8_task_bytes", 128 * 1024, 256);
// Lanes of a vector on processors that have 16; all get the same bits.
constinit const Tunable kWidest("block_linear.lanes", 16, 8);
constexpr int kWeights = 4;

// A strip of x.
template <bool kOffsets>
ROUX_ALWAYS_INLINE void encode_strip(const float* x, int bias, int8_t* code, int32_t* lane, float* scale) {
  const float d = encode_values(x, code);
  for (int j = 0; j < 8; ++j) {
    const int sum = code[4 * j] + code[4 * j + 1] + code[4 * j + 2] + code[4 * j + 3];
    const float scaled = d * static_cast<float>(sum);
    if (kOffsets)
      std::memcpy(lane + j, &scaled, sizeof scaled);
    else
      lane[j] = -bias * sum;
    scale[j] = d;
  }
}

template <bool kOffsets>
void encode(const Tensor& x, int bias, Tensor& codes) {
  const int64_t k = x.size(1), pairs = (k + 63) / 64;
  const float* from = x.data<const float>();
  auto* to = static_cast<CodePair*>(codes.raw_data());
  parallel_for(0, x.size(0), items_per_task(4 * k), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t strip = 0; strip < 2 * pairs; ++strip) {
        constexpr float kZeros[kStrip] = {};
        CodePair& pair = to[row * pairs + strip / 2];
        const int odd = static_cast<int>(strip % 2);
        const float* values = strip * kStrip < k ? from + row * k + strip * kStrip : kZeros;
        encode_strip<kOffsets>(values, bias, pair.code + odd * kStrip, pair.lane + odd * 8,
                               pair.scale + odd * 8);
      }
    }
  });
}

struct CodeRows {
  const CodePair* x;
  int64_t m, pairs;
  const uint8_t* weight;
  int64_t size, elements;  // bytes of an element; elements of a row
  const float* bias;       // or null
  float* y;
  int64_t n;
};

template <class Path, DType kFormat, int kRows, int kCols>
ROUX_ALWAYS_INLINE void add_unit(const uint8_t* w, int64_t row_bytes, int64_t size, const CodePair* x,
                                 int64_t pairs, typename Path::Floats (&sums)[kCols][kRows][Path::kParts]) {
  using U = Unit<kFormat>;
  unrolled<kCols>([&](auto c) ROUX_INLINE_LAMBDA {
    typename Path::Scales s;
    Path::template scales<kFormat>(w + c * row_bytes, size, s);
    unrolled<U::kPairs>([&](auto pair) ROUX_INLINE_LAMBDA {
      WeightPair<Path> decoded;
      decode_pair<Path, kFormat>(w + c * row_bytes, size, s, pair, decoded);
      unrolled<kRows>([&](auto r) ROUX_INLINE_LAMBDA {
        add_pair<Path, kFormat>(decoded, x[r * pairs + pair], sums[c][r]);
      });
    });
  });
}

constexpr int64_t kLargestStrip = 34;  // bytes of an element that is one strip

ROUX_ALWAYS_INLINE float fold_parts(const SixteenFloats (&sums)[1]) { return fold(sums[0]); }
ROUX_ALWAYS_INLINE float fold_parts(const EightFloats (&sums)[2]) { return fold(sums[0] + sums[1]); }

template <class Path, DType kFormat, int kRows, int kCols>
ROUX_ALWAYS_INLINE void multiply_block(const CodeRows& in, int64_t col) {
  using U = Unit<kFormat>;
  const int64_t row_bytes = in.elements * in.size, unit_bytes = U::kElements * in.size;
  const int64_t ahead = kCols * row_bytes;  // as in block_linear.cc
  const CodePair* x = in.x;
  const uint8_t* w = in.weight + col * row_bytes;
  typename Path::Floats sums[kCols][kRows][Path::kParts] = {};
  for (int64_t i = 0; i + U::kElements <= in.elements; i += U::kElements) {
    for (int c = 0; c < kCols; ++c) {
      for (int64_t line = 0; line < unit_bytes; line += 64) {
        __builtin_prefetch(w + c * row_bytes + ahead + line, 0, 2);
      }
    }
    add_unit<Path, kFormat, kRows, kCols>(w, row_bytes, in.size, x, in.pairs, sums);
    w += unit_bytes;
    x += U::kPairs;
  }
  if (in.elements % U::kElements != 0) {  // the last strip, beside one of zeros
    uint8_t both[kCols][2 * kLargestStrip] = {};
    for (int c = 0; c < kCols; ++c) std::copy_n(w + c * row_bytes, in.size, both[c]);
    add_unit<Path, kFormat, kRows, kCols>(both[0], sizeof both[0], in.size, x, in.pairs, sums);
  }
  unrolled<kCols>([&](auto c) ROUX_INLINE_LAMBDA {
    unrolled<kRows>([&](auto r) ROUX_INLINE_LAMBDA {
      const float bias = in.bias != nullptr ? in.bias[col + c] : 0.0f;
      in.y[r * in.n + col + c] = fold_parts(sums[c][r]) + bias;
    });
  });
}

constexpr int64_t kChunk = 16;  // pairs of a weight row that are decoded at once
constexpr int64_t kSlab = 64;   // rows of x for which they are

// The pairs from `begin` on of a row of weights.
template <class Path, DType kFormat>
ROUX_ALWAYS_INLINE void decode_chunk(const CodeRows& in, const uint8_t* row, int64_t begin, int64_t count,
                                     WeightPair<Path>* w) {
  using U = Unit<kFormat>;
  int64_t element = begin / U::kPairs * U::kElements;
  for (int64_t i = 0; i < count; i += U::kPairs, element += U::kElements) {
    const uint8_t* e = row + element * in.size;
    uint8_t both[2 * kLargestStrip] = {};
    if (U::kTwo && element + 1 == in.elements) {
      std::copy_n(e, in.size, both);
      e = both;
    }
    typename Path::Scales s;
    Path::template scales<kFormat>(e, in.size, s);
    unrolled<U::kPairs>(
        [&](auto pair) ROUX_INLINE_LAMBDA { decode_pair<Path, kFormat>(e, in.size, s, pair, w[i + pair]); });
  }
}

template <class Path, DType kFormat, int kRows, int kCols>
ROUX_ALWAYS_INLINE void add_tile(const CodePair* x, int64_t pairs, const WeightPair<Path> (&w)[kCols][kChunk],
                                 int64_t count, typename Path::Floats (*sums)[kCols][Path::kParts]) {
  typename Path::Floats tile[kRows][kCols][Path::kParts];
  const auto each = [](const auto& fn) ROUX_INLINE_LAMBDA {
    unrolled<kRows>([&](auto r) ROUX_INLINE_LAMBDA {
      unrolled<kCols>([&](auto c) ROUX_INLINE_LAMBDA {
        unrolled<Path::kParts>([&](auto part) ROUX_INLINE_LAMBDA { fn(r, c, part); });
      });
    });
  };
  each([&](auto r, auto c, auto part) ROUX_INLINE_LAMBDA { tile[r][c][part] = sums[r][c][part]; });
  for (int64_t i = 0; i < count; ++i) {
    unrolled<kCols>([&](auto c) ROUX_INLINE_LAMBDA {
      unrolled<kRows>(
          [&](auto r) ROUX_INLINE_LAMBDA { add_pair<Path, kFormat>(w[c][i], x[r * pairs + i], tile[r][c]); });
    });
  }
  each([&](auto r, auto c, auto part) ROUX_INLINE_LAMBDA { sums[r][c][part] = tile[r][c][part]; });
}

template <class Path, DType kFormat, int kCols>
ROUX_ALWAYS_INLINE void multiply_slab(const CodeRows& in, int64_t row, int64_t rows, int64_t col) {
  const int64_t row_bytes = in.elements * in.size;
  WeightPair<Path> w[kCols][kChunk];
  typename Path::Floats sums[kSlab][kCols][Path::kParts] = {};
  for (int64_t begin = 0; begin < in.pairs; begin += kChunk) {
    const int64_t count = std::min(kChunk, in.pairs - begin);
    for (int c = 0; c < kCols; ++c) {
      decode_chunk<Path, kFormat>(in, in.weight + (col + c) * row_bytes, begin, count, w[c]);
    }
    const CodePair* x = in.x + row * in.pairs + begin;
    int64_t r = 0;
    for (; r + Path::kRows <= rows; r += Path::kRows) {
      add_tile<Path, kFormat, Path::kRows>(x + r * in.pairs, in.pairs, w, count, sums + r);
    }
    for (; r < rows; ++r) {
      add_tile<Path, kFormat, 1>(x + r * in.pairs, in.pairs, w, count, sums + r);
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int c = 0; c < kCols; ++c) {
      const float bias = in.bias != nullptr ? in.bias[col + c] : 0.0f;
      in.y[(row + r) * in.n + col + c] = fold_parts(sums[r][c]) + bias;
    }
  }
}

template <class Path, DType kFormat, int kCols>
ROUX_ALWAYS_INLINE void multiply_cols(const CodeRows& in, int64_t col) {
  switch (in.m) {
    case 1:
      return multiply_block<Path, kFormat, 1, kCols>(in, col);
    case 2:
      return multiply_block<Path, kFormat, 2, kCols>(in, col);
    case Path::kRows == 4 ? 4:
      -1 : return multiply_block<Path, kFormat, Path::kRows, kCols>(in, col);
    default:
      for (int64_t row = 0; row < in.m; row += kSlab) {
        multiply_slab<Path, kFormat, kCols>(in, row, std::min(kSlab, in.m - row), col);
      }
  }
}
template <class Path, DType kFormat>
ROUX_ALWAYS_INLINE void multiply(const CodeRows& in, int64_t begin, int64_t end) {
  int64_t col = begin;
  for (; col + Path::kCols <= end; col += Path::kCols) multiply_cols<Path, kFormat, Path::kCols>(in, col);
  for (; col < end; ++col) multiply_cols<Path, kFormat, 1>(in, col);
}
template <DType kFormat>
void multiply_base(const CodeRows& in, int64_t begin, int64_t end) {
  multiply<NarrowCodes, kFormat>(in, begin, end);
}
template <DType kFormat>
ROUX_TARGET_AVX512 __attribute__((target("avx512vnni"))) void multiply_vnni(const CodeRows& in, int64_t begin,
                                                                            int64_t end) {
  multiply<WideCodes, kFormat>(in, begin, end);
}

void block_linear_int8_cpu(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& codes,
                           Tensor& y) {
  if (x.size(0) >= kTiledRows && !batch_invariant()) return block_linear_tiles(x, weight, bias, codes, y);
  const auto size = static_cast<int64_t>(size_of(weight.dtype()));
  const CodeRows in{static_cast<const CodePair*>(codes.raw_data()),
                    x.size(0),
                    (x.size(1) + 63) / 64,
                    static_cast<const uint8_t*>(weight.raw_data()),
                    size,
                    weight.size(1),
                    bias.defined() ? bias.data<const float>() : nullptr,
                    y.data<float>(),
                    y.size(1)};
  const int64_t tasks = in.n * in.elements * size / kTaskBytes + 1;
  const int64_t cols = ((in.n + tasks - 1) / tasks + kWeights - 1) / kWeights * kWeights;
  dispatch_block(weight.dtype(), [&](auto format) {
    if constexpr (format() != kNF4) {
      using Format = BlockFormat<format()>;
      encode<Format::kOffsets>(x, Format::kBias, codes);
      auto* const part = kWidest == 16 && has_vnni() ? multiply_vnni<format()> : multiply_base<format()>;
      parallel_for(0, in.n, cols, [&](int64_t begin, int64_t end) { part(in, begin, end); });
    }
  });
}

const RegisterKernel kInt8(block_linear_int8_kernels, DeviceType::kCpu,
                           kQ4_0 | kQ4_1 | kQ5_0 | kQ5_1 | kQ8_0 | kQ4_K | kQ5_K | kQ6_K,
                           block_linear_int8_cpu);

}  // namespace
}  // namespace roux::cpu
