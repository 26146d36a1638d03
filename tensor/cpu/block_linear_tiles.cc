// block_linear with x in codes of 8 bits and 8 rows of it or more. An output is one chain of sums over
// strips of 32 values,
//
//   y = fma(float(sum of (code - bias) code_x), scale scale_x, y)        with halves: one of 16 codes each
//   y = fma(offset, scale_x float(sum of code_x), y)                     formats with offsets
//
// where for fewer rows (block_linear_int8.cc) it is 16 of them: an exact sum of 32 products instead of four
// is rounded eight times less, and 16 weights share its instructions. Every instruction set gives the same
// bits, and a row's do not depend on the rows beside it or on threads.
#include "tensor/cpu/block_linear_tiles.h"

#include <algorithm>
#include <vector>

#include "tensor/cpu/block_codes.h"
#include "tensor/cpu/block_tiles.h"
#include "tensor/cpu/elementwise_loops.h"
#include "tensor/cpu/wide.h"
#include "tensor/parallel.h"
#include "tensor/processor.h"
#include "tensor/tunable.h"

namespace roux::cpu {
namespace {

constinit const Tunable kTaskBytes("block_linear.tiles_task_bytes", 64 * 1024, 256);
// 3: AMX from 16 rows on, 2: VNNI, 1: AVX2, as far as the processor has them; all get the same bits.
constinit const Tunable kInstructions("block_linear.tiles", 3, 1);

struct TileRows {
  const CodedStrips* x;
  int64_t m, pairs;
  const uint8_t* weight;
  int64_t row_bytes, elements;  // of a row
  const float* bias;            // or null
  float* y;
  int64_t n;
};

void encode(const Tensor& x, bool flipped, CodedStrips* to) {
  const int64_t k = x.size(1), strips = k / kStrip, pairs = (strips + 1) / 2;
  const float* from = x.data<const float>();
  parallel_for(0, x.size(0), items_per_task(4 * k), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t strip = 0; strip < strips; ++strip) {
        CodedStrips& at = to[row * pairs + strip / 2];
        int8_t* const code = at.code[strip % 2];
        const float scale = encode_values(from + row * k + strip * kStrip, code);
        int sum = 0;
        for (int i = 0; i < kStrip; ++i) sum += code[i];
        at.scale[strip % 2] = scale;
        at.sum[strip % 2] = scale * static_cast<float>(sum);
        if (flipped) {
          for (int i = 0; i < kStrip; ++i) code[i] = static_cast<int8_t>(code[i] ^ -128);
        }
      }
    }
  });
}

// PackedStrip::start.
template <DType kFormat>
ROUX_ALWAYS_INLINE void add_starts(std::vector<PackedStrip<kFormat>>& packed) {
  constexpr int kHalves = BlockFormat<kFormat>::kHalves, kQuads = 8 / kHalves;
  for (PackedStrip<kFormat>& strip : packed) {
    for (int half = 0; half < kHalves; ++half) {
      WideFloats::Ints sum = {};
      const WideFloats::Ints all_128 = WideFloats::Ints{} + static_cast<int32_t>(0x80808080u);
      for (int quad = half * kQuads; quad < (half + 1) * kQuads; ++quad) {
        WideFloats::Ints weights;
        load_vector(strip.code[quad], weights);
        asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(all_128), "v"(weights));
      }
      sum = -sum;
      std::memcpy(strip.start[half], &sum, sizeof sum);
    }
  }
}

template <class Path, DType kFormat>
ROUX_ALWAYS_INLINE void multiply_rows(const TileRows& in, const std::vector<PackedStrip<kFormat>>& packed,
                                      int64_t row, int64_t col, int64_t cols) {
  typename Path::Floats sums[Path::kRows][Path::kParts] = {};
  const CodedStrips* x = in.x + row * in.pairs;
  const auto strips = static_cast<int64_t>(packed.size());
  int64_t strip = 0;
  for (; strip + 2 <= strips; strip += 2, ++x) {
    unrolled<2>([&](auto odd) ROUX_INLINE_LAMBDA {
      Path::template add_strip<kFormat>(packed[strip + odd], x, in.pairs, odd, sums);
    });
  }
  if (strip < strips) {
    Path::template add_strip<kFormat>(packed[strip], x, in.pairs, std::integral_constant<int, 0>(), sums);
  }
  unrolled<Path::kRows>([&](auto r) ROUX_INLINE_LAMBDA {
    float* const y = in.y + (row + r) * in.n + col;
    if (cols == kTileWeights && in.bias == nullptr) {
      std::memcpy(y, sums[r], sizeof sums[r]);
    } else {
      float values[kTileWeights];
      std::memcpy(values, sums[r], sizeof values);
      for (int64_t c = 0; c < cols; ++c) y[c] = values[c] + (in.bias != nullptr ? in.bias[col + c] : 0.0f);
    }
  });
}

template <class Path, DType kFormat>
ROUX_ALWAYS_INLINE void multiply(const TileRows& in, int64_t begin, int64_t end) {
  const typename Path::template Scope<kFormat> scope;
  std::vector<PackedStrip<kFormat>> packed(static_cast<size_t>(in.elements * BlockFormat<kFormat>::kStrips));
  for (int64_t col = begin; col < end; col += kTileWeights) {
    const int64_t cols = std::min<int64_t>(kTileWeights, end - col);
    pack_strips<kFormat>(in.weight + col * in.row_bytes, in.row_bytes, in.elements, cols, packed.data());
    if constexpr (Path::kFlipped) add_starts<kFormat>(packed);
    for (int64_t row = 0; row < in.m; row += Path::kRows) {
      // The last rows once more, where they fill no tile.
      multiply_rows<Path, kFormat>(in, packed, std::min(row, in.m - Path::kRows), col, cols);
    }
  }
}
template <DType kFormat>
void multiply_base(const TileRows& in, int64_t begin, int64_t end) {
  multiply<NarrowTiles, kFormat>(in, begin, end);
}
template <DType kFormat>
ROUX_TARGET_AVX512 __attribute__((target("avx512vnni"))) void multiply_vnni(const TileRows& in, int64_t begin,
                                                                            int64_t end) {
  multiply<VnniTiles, kFormat>(in, begin, end);
}
template <DType kFormat>
ROUX_TARGET_AVX512 void multiply_amx(const TileRows& in, int64_t begin, int64_t end) {
  multiply<AmxTiles, kFormat>(in, begin, end);
}

}  // namespace

void block_linear_tiles(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& codes, Tensor& y) {
  const auto size = static_cast<int64_t>(size_of(weight.dtype()));
  const TileRows in{static_cast<const CodedStrips*>(codes.raw_data()),
                    x.size(0),
                    (x.size(1) / kStrip + 1) / 2,
                    static_cast<const uint8_t*>(weight.raw_data()),
                    weight.size(1) * size,
                    weight.size(1),
                    bias.defined() ? bias.data<const float>() : nullptr,
                    y.data<float>(),
                    y.size(1)};
  const bool amx = kInstructions >= 3 && in.m >= AmxTiles::kRows && has_amx_int8(),
             vnni = !amx && kInstructions >= 2 && has_vnni();
  encode(x, vnni, static_cast<CodedStrips*>(codes.raw_data()));
  const int64_t groups = std::max<int64_t>(1, kTaskBytes / (kTileWeights * in.row_bytes));
  dispatch_block(weight.dtype(), [&](auto format) {
    if constexpr (format() != kNF4) {
      auto* const part = amx    ? multiply_amx<format()>
                         : vnni ? multiply_vnni<format()>
                                : multiply_base<format()>;
      parallel_for(0, in.n, groups * kTileWeights, [&](int64_t begin, int64_t end) { part(in, begin, end); });
    }
  });
}

}  // namespace roux::cpu
