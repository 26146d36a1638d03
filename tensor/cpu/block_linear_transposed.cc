// block_linear_transposed: panels of the weights are dequantised and multiplied one after the other. The
// blocks of a panel's product depend on the sizes alone and each is one single-threaded gemm, so the bits do
// not depend on the number of threads.
#include <algorithm>

#include "tensor/cpu/gemm.h"
#include "tensor/ops/block_linear_tables.h"
#include "tensor/ops/quantize_tables.h"
#include "tensor/parallel.h"
#include "tensor/tunable.h"

namespace roux::cpu {
namespace {

constinit const Tunable kBlockRows("block_linear.block_rows", 256, 16),
    kBlockCols("block_linear.block_cols", 128, 32);

void block_linear_transposed_cpu(const Tensor& x, const Tensor& weight, Tensor& panel, Tensor& y) {
  const int64_t m = x.size(0), n = weight.size(0), k = panel.size(1);
  const int64_t rows = kBlockRows, cols = kBlockCols;
  const int64_t down = (m + rows - 1) / rows, across = (k + cols - 1) / cols;
  const GemmOperand<float> from_x{x.data<const float>(), n};
  float* out = y.data<float>();
  for (int64_t begin = 0; begin < n; begin += panel.size(0)) {
    const int64_t depth = std::min(panel.size(0), n - begin);
    const Tensor part = alias(weight, {depth, weight.size(1)}, weight.strides(),
                              weight.impl()->offset + begin * weight.strides()[0]);
    Tensor values = alias(panel, {depth, k}, panel.strides(), panel.impl()->offset);
    dequantize_kernels.run(part, part, values);
    const GemmOperand<float> w{panel.data<const float>(), k};
    parallel_for(0, down * across, 1, [&](int64_t index, int64_t) {
      const int64_t row = index % down * rows, col = index / down * cols;
      gemm(std::min(rows, m - row), std::min(cols, k - col), depth, from_x.at(row, begin), w.at(0, col),
           begin > 0, out + row * k + col, k);
    });
  }
}

const RegisterKernel kTransposed(block_linear_transposed_kernels, DeviceType::kCpu, kBlockDTypes | kNF4_DQ,
                                 block_linear_transposed_cpu);

}  // namespace
}  // namespace roux::cpu
