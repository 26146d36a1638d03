// CPU matrix products: cut into blocks whose limits depend on the sizes alone, each one single-threaded gemm.
#include <algorithm>

#include "tensor/cpu/elementwise_loops.h"
#include "tensor/cpu/gemm.h"
#include "tensor/ops/matmul_tables.h"
#include "tensor/parallel.h"

namespace roux::cpu {
namespace {

// A block that is smaller than this is not worth another task (20 us at 160 GFLOP/s).
constinit const Tunable kBlockFlops("matmul.block_flops", 3'000'000, 2000);
// 512 x 1024 costs 3 % against one call (one core, 4096 x 1024 x 256); smaller only to have eight blocks.
constinit const Tunable kBlockRows("matmul.block_rows", 512, 16), kBlockCols("matmul.block_cols", 1024, 16);
constinit const Tunable kSmallestBlock("matmul.smallest_block", 64, 16);
// Far apart rows of a transposed operand defeat the cache while oneDNN packs them: short sums raise dW of a
// vocabulary head from 100 to 130 GFLOP/s (8192 x 256 x 4096, one core of a Xeon 8500, 2026-11).
constinit const Tunable kFarApart("matmul.far_apart", 1024, 5), kShortSum("matmul.short_sum", 128, 7);

struct Blocks {
  int64_t rows, cols;  // of a block
  int64_t down, across;
};

int64_t even_part(int64_t size, int64_t most) {
  const int64_t parts = (size + most - 1) / most;
  return std::max<int64_t>(16, ((size + parts - 1) / parts + 15) / 16 * 16);
}

// T: of the operands.
template <class T>
Blocks cut(int64_t m, int64_t n, int64_t k) {
  // Blocks side by side read rows of a again, blocks below each other arrange columns of b again: the faster
  // products are, the more that costs (16 bits, one core with AMX, 256 x 768 x 768, 2026-11).
  constexpr int64_t kRowsForColumns = sizeof(T) == 2 ? 4 : 1;
  int64_t rows = even_part(m, kBlockRows), cols = even_part(n, kBlockCols);
  auto count = [](int64_t size, int64_t part) { return (size + part - 1) / part; };
  while (count(m, rows) * count(n, cols) < 8 && rows * cols * k >= kBlockFlops &&
         std::max(rows, cols) > kSmallestBlock) {
    int64_t& longer = rows >= kRowsForColumns * cols || cols <= kSmallestBlock ? rows : cols;
    longer = even_part(longer, longer / 2);
  }
  return {rows, cols, count(m, rows), count(n, cols)};
}

template <class T>
GemmOperand<T> operand(const Tensor& x) {
  const GemmLayout layout = gemm_layout(x);
  return {x.data<const T>(), layout.ld, layout.transposed};
}

// c [m, n] = a b + bias, or c += a b, with ldc = n; one task a block.
template <class T, class C>
void multiply_block(const Blocks& blocks, int64_t index, int64_t m, int64_t n, int64_t k,
                    const GemmOperand<T>& a, const GemmOperand<T>& b, const T* bias, bool accumulate, C* c) {
  const int64_t row = index % blocks.down * blocks.rows, col = index / blocks.down * blocks.cols;
  const int64_t rows = std::min(blocks.rows, m - row), cols = std::min(blocks.cols, n - col);
  C* out = c + row * n + col;
  for (int64_t i = 0; bias != nullptr && i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) out[i * n + j] = static_cast<C>(bias[col + j]);
  }
  accumulate |= bias != nullptr;
  if (sizeof(T) >= 4 && a.transposed && a.ld >= kFarApart) {
    const int64_t depth = kShortSum;
    for (int64_t at = 0; at < std::max<int64_t>(k, 1); at += depth) {
      gemm(rows, cols, std::min(depth, k - at), a.at(row, at), b.at(at, col), accumulate || at > 0, out, n);
    }
    return;
  }
  gemm(rows, cols, k, a.at(row, 0), b.at(0, col), accumulate, out, n);
}

// Partial sums over k into the workspace [S, M, N], then their sum in order; the bias or what stands in y (as
// wide as the sums) comes first.
template <class T, class Y>
void multiply_split(const Tensor& a, const Tensor& b, const T* bias, bool accumulate, Tensor& workspace,
                    Tensor& y) {
  using C = std::conditional_t<std::is_same_v<T, double>, double, float>;
  const int64_t m = y.shape()[0], n = y.shape()[1], k = a.shape()[1], parts = workspace.shape()[0];
  const int64_t part_k = (k / parts + 15) / 16 * 16;
  const GemmOperand<T> ga = operand<T>(a), gb = operand<T>(b);
  C* partial = workspace.data<C>();
  const Blocks blocks = cut<T>(m, n, part_k);
  const int64_t per_part = blocks.down * blocks.across;
  parallel_for(0, parts * per_part, 1, [&](int64_t begin, int64_t) {
    const int64_t part = begin / per_part, k0 = std::min(k, part * part_k);
    const int64_t depth = (part == parts - 1 ? k : std::min(k, k0 + part_k)) - k0;
    multiply_block<T, C>(blocks, begin % per_part, m, n, depth, ga.at(0, k0), gb.at(k0, 0), nullptr, false,
                         partial + part * m * n);
  });
  Y* out = y.data<Y>();
  constexpr int64_t kTile = 64;  // sums that stay in registers or L1 while the parts are added
  const int64_t tiles = (n + kTile - 1) / kTile;
  parallel_for(0, m * tiles, items_per_task(std::min(n, kTile) * parts), [&](int64_t begin, int64_t end) {
    for (int64_t tile = begin; tile < end; ++tile) {
      const int64_t col = tile % tiles * kTile, at = tile / tiles * n + col, width = std::min(kTile, n - col);
      C sums[kTile] = {};
      for (int64_t j = 0; bias != nullptr && j < width; ++j) sums[j] = static_cast<C>(bias[col + j]);
      for (int64_t j = 0; accumulate && j < width; ++j) sums[j] = static_cast<C>(out[at + j]);
      for (int64_t p = 0; p < parts; ++p) {
        const C* part = partial + p * m * n + at;
        for (int64_t j = 0; j < width; ++j) sums[j] += part[j];
      }
      for (int64_t j = 0; j < width; ++j) out[at + j] = static_cast<Y>(sums[j]);
    }
  });
}

template <class T>
void multiply_batched(const Tensor& a, const Tensor& b, const T* bias, Tensor& y) {
  const int batch_rank = y.dim() - 2;
  const int64_t m = y.shape()[batch_rank], n = y.shape()[batch_rank + 1], k = a.shape().back();
  const Shape batch(absl::MakeConstSpan(y.shape().begin(), batch_rank));
  auto batch_strides = [&](const Tensor& x) {
    const int rank = x.dim() - 2;
    return broadcast_strides(Shape(absl::MakeConstSpan(x.shape().begin(), rank)),
                             Strides(absl::MakeConstSpan(x.strides().begin(), rank)), batch);
  };
  const Strides a_strides = batch_strides(a), b_strides = batch_strides(b);
  const GemmOperand<T> ga = operand<T>(a), gb = operand<T>(b);
  T* out = y.data<T>();
  const Blocks blocks = cut<T>(m, n, k);
  const int64_t per_item = blocks.down * blocks.across, tasks = numel(batch) * per_item;
  // With few rows the time is that of reading b: about 30 operations an element.
  const int64_t rows = std::max<int64_t>(30, std::min(m, blocks.rows));
  const int64_t flops = std::max<int64_t>(1, rows * std::min(n, blocks.cols) * k);
  parallel_for(0, tasks, std::max<int64_t>(1, kBlockFlops / 2 / flops), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t item = task / per_item;
      int64_t a_at = 0, b_at = 0;
      for (int64_t rest = item, axis = batch_rank - 1; axis >= 0; --axis) {
        const int i = static_cast<int>(axis);
        a_at += rest % batch[i] * a_strides[i];
        b_at += rest % batch[i] * b_strides[i];
        rest /= batch[i];
      }
      GemmOperand<T> item_a = ga, item_b = gb;
      item_a.data += a_at;
      item_b.data += b_at;
      multiply_block<T, T>(blocks, task % per_item, m, n, k, item_a, item_b, bias, false, out + item * m * n);
    }
  });
}

template <class T>
void matmul_cpu(const Tensor& a, const Tensor& b, const Tensor& bias, Tensor& workspace, Tensor& y) {
  const T* bias_data = bias.defined() ? bias.data<const T>() : nullptr;
  if (workspace.defined()) {
    multiply_split<T, T>(a, b, bias_data, false, workspace, y);
  } else {
    multiply_batched<T>(a, b, bias_data, y);
  }
}

template <class T>
void matmul_f32_cpu(const Tensor& a, const Tensor& b, bool accumulate, Tensor& workspace, Tensor& y) {
  if (workspace.defined()) {
    multiply_split<T, float>(a, b, nullptr, accumulate, workspace, y);
    return;
  }
  const int64_t m = y.shape()[0], n = y.shape()[1], k = a.shape()[1];
  const GemmOperand<T> ga = operand<T>(a), gb = operand<T>(b);
  float* out = y.data<float>();
  const Blocks blocks = cut<T>(m, n, k);
  parallel_for(0, blocks.down * blocks.across, 1, [&](int64_t index, int64_t) {
    multiply_block<T, float>(blocks, index, m, n, k, ga, gb, nullptr, accumulate, out);
  });
}

const RegisterKernel kMatmulF32(matmul_kernels, DeviceType::kCpu, kF32, matmul_cpu<float>);
const RegisterKernel kMatmulF64(matmul_kernels, DeviceType::kCpu, kF64, matmul_cpu<double>);
// Elsewhere the op converts to f32.
const DTypeSet kFast16Bit = has_bf16_gemm() ? DTypeSet(kBF16) : DTypeSet();
const RegisterKernel kMatmulBf16(matmul_kernels, DeviceType::kCpu, kFast16Bit, matmul_cpu<bfloat16>);
const RegisterKernel kMatmulF32Sums(matmul_f32_kernels, DeviceType::kCpu, kF32, matmul_f32_cpu<float>);
const RegisterKernel kMatmulBf16Sums(matmul_f32_kernels, DeviceType::kCpu, kFast16Bit,
                                     matmul_f32_cpu<bfloat16>);

}  // namespace
}  // namespace roux::cpu
