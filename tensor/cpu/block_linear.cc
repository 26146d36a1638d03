// block_linear of many rows, and its transpose: panels of the weights are dequantised, then multiplied. The
// blocks of a panel's product depend on the sizes alone and each is one single-threaded gemm, so the bits do
// not depend on the number of threads.
#include <algorithm>

#include "tensor/cpu/gemm.h"
#include "tensor/cpu/grain.h"
#include "tensor/ops/block_linear_tables.h"
#include "tensor/ops/quantize_tables.h"
#include "tensor/parallel.h"

namespace roux::cpu {
namespace {

constinit const Tunable kBlockRows("block_linear.block_rows", 256, 16),
    kBlockCols("block_linear.block_cols", 128, 32);

// y [m, n] (+)= a b [k, n], cut into blocks.
void multiply(int64_t m, int64_t n, int64_t k, const GemmOperand<float>& a, const GemmOperand<float>& b,
              bool accumulate, float* y, int64_t ldy) {
  const int64_t rows = kBlockRows, cols = kBlockCols;
  const int64_t down = (m + rows - 1) / rows, across = (n + cols - 1) / cols;
  parallel_for(0, down * across, 1, [&](int64_t index, int64_t) {
    const int64_t row = index % down * rows, col = index / down * cols;
    gemm(std::min(rows, m - row), std::min(cols, n - col), k, a.at(row, 0), b.at(0, col), accumulate,
         y + row * ldy + col, ldy);
  });
}

void block_linear_panel_cpu(const Tensor& x, const Tensor& weight, const Tensor& bias, bool transposed,
                            Tensor& panel, Tensor& y) {
  const int64_t m = x.size(0), n = weight.size(0), k = panel.size(1), step = panel.size(0);
  const GemmOperand<float> from_x{x.data<const float>(), x.size(1)};
  float* out = y.data<float>();
  if (bias.defined()) {
    const float* from = bias.data<const float>();
    parallel_for(0, m, items_per_task(n), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) std::copy(from, from + n, out + i * n);
    });
  }
  for (int64_t begin = 0; begin < n; begin += step) {
    const int64_t rows = std::min(step, n - begin);
    const Tensor part = alias(weight, {rows, weight.size(1)}, weight.strides(),
                              weight.impl()->offset + begin * weight.strides()[0]);
    Tensor values = alias(panel, {rows, k}, panel.strides(), panel.impl()->offset);
    dequantize_kernels.run(part, part, values);
    const float* w = panel.data<const float>();
    if (transposed) {
      multiply(m, k, rows, from_x.at(0, begin), {w, k}, begin > 0, out, k);
    } else {
      multiply(m, rows, k, from_x, {w, k, true}, bias.defined(), out + begin, n);
    }
  }
}

const RegisterKernel kPanels(block_linear_panel_kernels, DeviceType::kCpu, kBlockDTypes,
                             block_linear_panel_cpu);

}  // namespace
}  // namespace roux::cpu
