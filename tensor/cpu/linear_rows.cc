// linear() of few rows, whose time is that of reading the weights: each weight is read once, and tasks are
// cut by the weights' bytes. In batch-invariant mode all products are these, in blocks of rows. Memory must
// see one stream: four rows of weights walked side by side come at 30 GB/s where rows one by one come at 57
// (two cores of an EPYC, 2026-11-29). Up to two rows of x go with one row of weights at a time; more would
// wait for x, so they go with four, and the next four are fetched in order. An output is a sum over lanes of
// k in order of k, folded at the end: its bits depend on the vectors' width alone, not on other rows or on
// threads.
#include <algorithm>
#include <cstring>

#include "tensor/cpu/elementwise_loops.h"
#include "tensor/cpu/vector_sums.h"
#include "tensor/ops/matmul_tables.h"
#include "tensor/parallel.h"
#include "tensor/tunable.h"

namespace roux::cpu {
namespace {

constinit const Tunable kTaskBytes("linear.task_bytes", 256 * 1024, 256);
// Of a block of many rows: products, and bytes of x that stay in a core's cache.
constinit const Tunable kTaskProducts("linear.task_products", 1 << 21, 256),
    kCachedBytes("linear.cached_bytes", 1 << 19, 256);

// Registers: kRows rows of x by kWeights rows of weights hold one vector of sums each.
struct WideTile {
  typedef float Vector __attribute__((vector_size(64)));
  typedef uint32_t Bits __attribute__((vector_size(64)));
  typedef uint16_t Halves __attribute__((vector_size(32)));
  static constexpr int kRows = 4;
};
struct NarrowTile {
  typedef float Vector __attribute__((vector_size(32)));
  typedef uint32_t Bits __attribute__((vector_size(32)));
  typedef uint16_t Halves __attribute__((vector_size(16)));
  static constexpr int kRows = 2;
};
constexpr int kWeights = 4;

template <class Tile>
constexpr int kLanes = sizeof(typename Tile::Vector) / sizeof(float);

// A vector's worth of elements in f32.
template <class Tile>
ROUX_ALWAYS_INLINE void load(const float* from, typename Tile::Vector& x) {
  std::memcpy(&x, from, sizeof x);
}
template <class Tile>
ROUX_ALWAYS_INLINE void load(const bfloat16* from, typename Tile::Vector& x) {
  typename Tile::Halves halves;
  std::memcpy(&halves, from, sizeof halves);
  x = (typename Tile::Vector)(__builtin_convertvector(halves, typename Tile::Bits) << 16);
}
template <class Tile>
ROUX_ALWAYS_INLINE void load(const float16* from, typename Tile::Vector& x) {
  using Vector = typename Tile::Vector;
  using Bits = typename Tile::Bits;
  typename Tile::Halves halves;
  std::memcpy(&halves, from, sizeof halves);
  const Bits bits = __builtin_convertvector(halves, Bits), magnitude = bits & 0x7fffu;
  const Bits value = (Bits)((Vector)(magnitude << 13) * 0x1p112f);  // exact, for subnormals too
  const Bits not_finite = (Bits)(magnitude >= 0x7c00u) & 0x7f800000u;
  x = (Vector)(value | not_finite | (bits & 0x8000u) << 16);
}

// x rounded to the dtype of the second argument, still in f32.
template <class Tile>
ROUX_ALWAYS_INLINE void round_to(typename Tile::Vector& x, bfloat16) {
  using Bits = typename Tile::Bits;
  const Bits u = (Bits)x, rounded = u + 0x7fffu + ((u >> 16) & 1u);
  const Bits nan = (Bits)((u & 0x7fffffffu) > 0x7f800000u);
  x = (typename Tile::Vector)(((rounded & ~nan) | ((u | 0x400000u) & nan)) & 0xffff0000u);
}
template <class Tile>
ROUX_ALWAYS_INLINE void round_to(typename Tile::Vector& x, float16) {
  using Vector = typename Tile::Vector;
  using Bits = typename Tile::Bits;
  const Bits u = (Bits)x, magnitude = u & 0x7fffffffu;
  const Bits normal = (magnitude + 0xfffu + ((magnitude >> 13) & 1u)) & ~0x1fffu;
  const Bits small = (Bits)(((Vector)magnitude + 0.5f) - 0.5f);  // 0.5 has the ulp of f16's subnormals
  const Bits is_small = (Bits)(magnitude < 0x38800000u);
  Bits rounded = (small & is_small) | (normal & ~is_small);
  const Bits too_large = (Bits)(rounded >= 0x47800000u);
  rounded = (rounded & ~too_large) | (too_large & 0x7f800000u);
  const Bits nan = (Bits)(magnitude > 0x7f800000u);
  rounded = (rounded & ~nan) | (nan & 0x7fc00000u);
  x = (Vector)(rounded | (u & 0x80000000u));
}

template <class Tile, class X, class W>
ROUX_ALWAYS_INLINE void load_weights(const W* from, typename Tile::Vector& w) {
  load<Tile>(from, w);
  if constexpr (!std::is_same_v<X, W>) round_to<Tile>(w, X());
}

template <class X, class W>
struct LinearRows {
  const X* x;
  int64_t ldx;
  const W* weight;
  int64_t ldw, k;
  const X* bias;  // or null
  X* y;
  int64_t ldy;
};

// kRows x kCols outputs, from row `row` of x and row `col` of the weights on.
template <class Tile, int kRows, int kCols, class X, class W>
ROUX_ALWAYS_INLINE void multiply_block(const LinearRows<X, W>& in, int64_t row, int64_t col) {
  using Vector = typename Tile::Vector;
  constexpr int64_t kStep = kLanes<Tile>, kLine = 64;  // bytes of a cache line
  constexpr int kLines = kCols > 1 ? kCols * kStep * static_cast<int>(sizeof(W)) / kLine : 0;  // of a step
  const X* x = in.x + row * in.ldx;
  const W* w = in.weight + col * in.ldw;
  const char* ahead = reinterpret_cast<const char*>(w + kCols * in.ldw);
  Vector sums[kCols][kRows] = {};
  const auto add = [&](const X* from_x, int64_t ldx, const W* from_w, int64_t ldw)
      __attribute__((always_inline)) {
    Vector xs[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) load<Tile>(from_x + r * ldx, xs[r]);
#pragma GCC unroll 4
    for (int c = 0; c < kCols; ++c) {
      Vector weights;
      load_weights<Tile, X>(from_w + c * ldw, weights);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) add_product(weights, xs[r], sums[c][r]);
    }
  };
  int64_t i = 0;
  for (; i + kStep <= in.k; i += kStep) {
    for (int line = 0; line < kLines; ++line, ahead += kLine) __builtin_prefetch(ahead);
    add(x + i, in.ldx, w + i, in.ldw);
  }
  if (i < in.k) {
    X last_x[kRows][kStep] = {};
    W last_w[kCols][kStep] = {};
    for (int r = 0; r < kRows; ++r) std::copy(x + r * in.ldx + i, x + r * in.ldx + in.k, last_x[r]);
    for (int c = 0; c < kCols; ++c) std::copy(w + c * in.ldw + i, w + c * in.ldw + in.k, last_w[c]);
    add(last_x[0], kStep, last_w[0], kStep);
  }
#pragma GCC unroll 4
  for (int c = 0; c < kCols; ++c) {
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const float bias = in.bias != nullptr ? static_cast<float>(in.bias[col + c]) : 0.0f;
      in.y[(row + r) * in.ldy + col + c] = static_cast<X>(fold(sums[c][r]) + bias);
    }
  }
}

template <class Tile, int kCols, class X, class W>
ROUX_ALWAYS_INLINE void multiply_cols(const LinearRows<X, W>& in, int64_t m, int64_t col) {
  int64_t row = 0;
  for (; row + Tile::kRows <= m; row += Tile::kRows) multiply_block<Tile, Tile::kRows, kCols>(in, row, col);
  if (Tile::kRows > 2 && row + 2 <= m) {
    multiply_block<Tile, 2, kCols>(in, row, col);
    row += 2;
  }
  if (row < m) multiply_block<Tile, 1, kCols>(in, row, col);
}

template <class Tile, class X, class W>
ROUX_ALWAYS_INLINE void multiply(const LinearRows<X, W>& in, int64_t m, int64_t begin, int64_t end) {
  int64_t col = begin;
  for (; m > 2 && col + kWeights <= end; col += kWeights) multiply_cols<Tile, kWeights>(in, m, col);
  for (; col < end; ++col) multiply_cols<Tile, 1>(in, m, col);
}
template <class X, class W>
void multiply_base(const LinearRows<X, W>& in, int64_t m, int64_t begin, int64_t end) {
  multiply<NarrowTile>(in, m, begin, end);
}
template <class X, class W>
ROUX_TARGET_AVX512 void multiply_avx512(const LinearRows<X, W>& in, int64_t m, int64_t begin, int64_t end) {
  multiply<WideTile>(in, m, begin, end);
}

// Rows of x that a task multiplies with weights of so many elements; in whole registers.
int64_t rows_of_task(int64_t weights, int64_t row_bytes) {
  constexpr int64_t kFewest = 8;
  const int64_t most = std::max(kFewest, kCachedBytes / std::max<int64_t>(row_bytes, 1));
  return std::clamp(kTaskProducts / std::max<int64_t>(weights, 1), kFewest, most) / 4 * 4;
}

template <class X, class W>
void linear_rows(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  const int64_t m = y.size(0), n = y.size(1), k = x.size(1);
  const LinearRows<X, W> in{x.data<const X>(),
                            x.strides()[0],
                            weight.data<const W>(),
                            weight.strides()[0],
                            k,
                            bias.defined() ? bias.data<const X>() : nullptr,
                            y.data<X>(),
                            n};
  const int64_t bytes = n * k * static_cast<int64_t>(sizeof(W)), tasks = bytes / kTaskBytes + 1;
  const int64_t cols = ((n + tasks - 1) / tasks + kWeights - 1) / kWeights * kWeights;
  const int64_t rows = rows_of_task(std::min(n, cols) * k, k * static_cast<int64_t>(sizeof(X)));
  const int64_t across = (n + cols - 1) / cols, down = (m + rows - 1) / rows;
  auto* const part = has_avx512() ? multiply_avx512<X, W> : multiply_base<X, W>;
  parallel_for(0, down * across, 1, [&](int64_t task, int64_t) {
    const int64_t row = task / across * rows, col = task % across * cols;
    LinearRows<X, W> block = in;
    block.x += row * in.ldx;
    block.y += row * in.ldy;
    part(block, std::min(rows, m - row), col, std::min(n, col + cols));
  });
}

template <class X>
void linear_rows_cpu(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  weight.dtype() == x.dtype() ? linear_rows<X, X>(x, weight, bias, y)
                              : linear_rows<X, float>(x, weight, bias, y);
}

const RegisterKernel kLinearRowsF32(linear_rows_kernels, DeviceType::kCpu, kF32, linear_rows_cpu<float>);
const RegisterKernel kLinearRowsBf16(linear_rows_kernels, DeviceType::kCpu, kBF16, linear_rows_cpu<bfloat16>);
const RegisterKernel kLinearRowsF16(linear_rows_kernels, DeviceType::kCpu, kF16, linear_rows_cpu<float16>);

}  // namespace
}  // namespace roux::cpu
