// block_linear in f32: each element of the weights is decoded once for 64 rows of x, into registers for one,
// two or four rows, else into a buffer in the first cache. An output is a sum over lanes in order of k,
// folded at the end: its bits depend on the vectors' width alone, not on other rows or on threads.
#include <algorithm>
#include <vector>

#include "tensor/cpu/block_wide.h"
#include "tensor/cpu/elementwise_loops.h"
#include "tensor/cpu/nested_scales.h"
#include "tensor/ops/block_linear_tables.h"
#include "tensor/parallel.h"
#include "tensor/tunable.h"

namespace roux::cpu {
namespace {

constinit const Tunable kTaskBytes("block_linear.task_bytes", 128 * 1024, 256);
constexpr int kWeights = 4;

struct BlockRows {
  const float* x;  // [m, k]
  int64_t m, k;
  const uint8_t* weight;
  int64_t row_bytes, elements;  // of a row
  const float* bias;            // or null
  float* y;
  int64_t n;
};

template <class Lanes, DType kFormat, int kRows, int kCols>
ROUX_ALWAYS_INLINE void multiply_block(const BlockRows& in, int64_t col) {
  using Format = BlockFormat<kFormat>;
  using Vector = typename Lanes::Vector;
  constexpr int kParts = kStrip / kLanes<Lanes>;
  constexpr int64_t size = Format::kBytes;
  // The next rows, into the second cache: the first one's few outstanding misses would bound the rate.
  const int64_t ahead = kCols * in.row_bytes;
  const float* x = in.x;
  const uint8_t* w = in.weight + col * in.row_bytes;
  Vector sums[kCols][kRows] = {};
  for (int64_t i = 0; i < in.elements; ++i, w += size, x += Format::kStrips * kStrip) {
    unrolled<kCols>([&](auto c) ROUX_INLINE_LAMBDA {
      const uint8_t* e = w + c * in.row_bytes;
      for (int64_t line = 0; line < size; line += 64) __builtin_prefetch(e + ahead + line, 0, 2);
      BlockScales s;
      Format::scales(e, s);
      unrolled<Format::kStrips>([&](auto strip) ROUX_INLINE_LAMBDA {
        Vector values[kParts];
        read_strip<Lanes, kFormat>(e, s, strip, values);
        unrolled<kParts>([&](auto part) ROUX_INLINE_LAMBDA {
          unrolled<kRows>([&](auto r) ROUX_INLINE_LAMBDA {
            Vector from_x;
            load_vector(x + r * in.k + strip * kStrip + part * kLanes<Lanes>, from_x);
            add_product(values[part], from_x, sums[c][r]);
          });
        });
      });
    });
  }
  unrolled<kCols>([&](auto c) ROUX_INLINE_LAMBDA {
    unrolled<kRows>([&](auto r) ROUX_INLINE_LAMBDA {
      const float bias = in.bias != nullptr ? in.bias[col + c] : 0.0f;
      in.y[r * in.n + col + c] = fold(sums[c][r]) + bias;
    });
  });
}

constexpr int64_t kChunk = 1024;  // values of a weight row that are decoded at once
constexpr int64_t kSlab = 64;     // rows of x for which they are

// sums += x w^T over `count` values.
template <class Lanes, int kRows, int kCols>
ROUX_ALWAYS_INLINE void add_tile(const float* x, int64_t ldx, const float (&w)[kCols][kChunk], int64_t count,
                                 typename Lanes::Vector (*sums)[kCols]) {
  using Vector = typename Lanes::Vector;
  Vector tile[kRows][kCols];
  unrolled<kRows>([&](auto r) ROUX_INLINE_LAMBDA {
    unrolled<kCols>([&](auto c) ROUX_INLINE_LAMBDA { tile[r][c] = sums[r][c]; });
  });
  for (int64_t i = 0; i < count; i += kLanes<Lanes>) {
    Vector values[kCols];
    unrolled<kCols>([&](auto c) ROUX_INLINE_LAMBDA { load_vector(w[c] + i, values[c]); });
    unrolled<kRows>([&](auto r) ROUX_INLINE_LAMBDA {
      Vector from_x;
      load_vector(x + r * ldx + i, from_x);
      unrolled<kCols>([&](auto c) ROUX_INLINE_LAMBDA { add_product(values[c], from_x, tile[r][c]); });
    });
  }
  unrolled<kRows>([&](auto r) ROUX_INLINE_LAMBDA {
    unrolled<kCols>([&](auto c) ROUX_INLINE_LAMBDA { sums[r][c] = tile[r][c]; });
  });
}

template <class Lanes, DType kFormat, int kCols>
ROUX_ALWAYS_INLINE void multiply_slab(const BlockRows& in, int64_t row, int64_t rows, int64_t col) {
  constexpr int64_t kValues = BlockFormat<kFormat>::kStrips * kStrip;
  constexpr int64_t size = BlockFormat<kFormat>::kBytes;
  alignas(64) float w[kCols][kChunk];
  typename Lanes::Vector sums[kSlab][kCols] = {};
  for (int64_t begin = 0; begin < in.k; begin += kChunk) {
    const int64_t count = std::min(kChunk, in.k - begin);
    for (int c = 0; c < kCols; ++c) {
      const uint8_t* e = in.weight + (col + c) * in.row_bytes + begin / kValues * size;
      for (int64_t i = 0; i < count; i += kValues, e += size) {
        element_values<Lanes, kFormat>(e, w[c] + i);
      }
    }
    const float* x = in.x + row * in.k + begin;
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) add_tile<Lanes, 4>(x + r * in.k, in.k, w, count, sums + r);
    for (; r < rows; ++r) add_tile<Lanes, 1>(x + r * in.k, in.k, w, count, sums + r);
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int c = 0; c < kCols; ++c) {
      const float bias = in.bias != nullptr ? in.bias[col + c] : 0.0f;
      in.y[(row + r) * in.n + col + c] = fold(sums[r][c]) + bias;
    }
  }
}

template <class Lanes, DType kFormat, int kCols>
ROUX_ALWAYS_INLINE void multiply_cols(const BlockRows& in, int64_t col) {
  // Of formats with many strips, sums of four rows stay in registers beside those of half as many weights.
  constexpr int kAtFour = BlockFormat<kFormat>::kStrips <= 2 ? kCols : (kCols + 1) / 2;
  switch (in.m) {
    case 1:
      return multiply_block<Lanes, kFormat, 1, kCols>(in, col);
    case 2:
      return multiply_block<Lanes, kFormat, 2, kCols>(in, col);
    case 4:
      for (int64_t c = col; c < col + kCols; c += kAtFour) multiply_block<Lanes, kFormat, 4, kAtFour>(in, c);
      return;
    default:
      for (int64_t row = 0; row < in.m; row += kSlab) {
        multiply_slab<Lanes, kFormat, kCols>(in, row, std::min(kSlab, in.m - row), col);
      }
  }
}

template <class Lanes, DType kFormat>
ROUX_ALWAYS_INLINE void multiply(const BlockRows& in, int64_t begin, int64_t end) {
  constexpr int kCols = sizeof(typename Lanes::Vector) == 64 ? kWeights : 2;  // as registers allow
  int64_t col = begin;
  for (; col + kCols <= end; col += kCols) multiply_cols<Lanes, kFormat, kCols>(in, col);
  for (; col < end; ++col) multiply_cols<Lanes, kFormat, 1>(in, col);
}
template <DType kFormat>
void multiply_base(const BlockRows& in, int64_t begin, int64_t end) {
  multiply<NarrowFloats, kFormat>(in, begin, end);
}
template <DType kFormat>
ROUX_TARGET_AVX512 void multiply_avx512(const BlockRows& in, int64_t begin, int64_t end) {
  multiply<WideFloats, kFormat>(in, begin, end);
}

void block_linear_cpu(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  const auto size = static_cast<int64_t>(size_of(weight.dtype()));
  const BlockRows in{x.data<const float>(),
                     x.size(0),
                     x.size(1),
                     static_cast<const uint8_t*>(weight.raw_data()),
                     weight.size(1) * size,
                     weight.size(1),
                     bias.defined() ? bias.data<const float>() : nullptr,
                     y.data<float>(),
                     y.size(1)};
  const int64_t tasks = in.n * in.elements * size / kTaskBytes + 1;
  const int64_t cols = ((in.n + tasks - 1) / tasks + kWeights - 1) / kWeights * kWeights;
  dispatch_block(weight.dtype(), [&](auto format) {
    auto* const part = has_avx512() ? multiply_avx512<format()> : multiply_base<format()>;
    parallel_for(0, in.n, cols, [&](int64_t begin, int64_t end) { part(in, begin, end); });
  });
}

// nf4_dq by way of nf4, some rows of weights at once.
void block_linear_nested(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  constexpr int64_t kRows = 2 * kWeights;
  const NestedScales scales(weight);
  const int64_t elements = weight.size(1), row_bytes = elements * BlockFormat<kNF4>::kBytes,
                n = weight.size(0);
  auto* const part = has_avx512() ? multiply_avx512<kNF4> : multiply_base<kNF4>;
  const int64_t tasks = n * row_bytes / kTaskBytes + 1;
  const int64_t cols = ((n + tasks - 1) / tasks + kRows - 1) / kRows * kRows;
  parallel_for(0, n, cols, [&](int64_t begin, int64_t end) {
    std::vector<uint8_t> blocks(static_cast<size_t>(kRows * row_bytes));
    for (int64_t col = begin; col < end; col += kRows) {
      const int64_t count = std::min(kRows, end - col);
      scales.expand(col * elements, count * elements, blocks.data());
      const BlockRows in{x.data<const float>(),
                         x.size(0),
                         x.size(1),
                         blocks.data(),
                         row_bytes,
                         elements,
                         bias.defined() ? bias.data<const float>() + col : nullptr,
                         y.data<float>() + col,
                         y.size(1)};
      part(in, 0, count);
    }
  });
}

const RegisterKernel kNestedLinear(block_linear_kernels, DeviceType::kCpu, kNF4_DQ, block_linear_nested);
const RegisterKernel kBlockLinear(block_linear_kernels, DeviceType::kCpu, kBlockDTypes, block_linear_cpu);

}  // namespace
}  // namespace roux::cpu
