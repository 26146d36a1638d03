// CUDA kernels of products with weights in blocks, in f32. Few rows of x: a warp decodes each weight once for
// all of them. More: tiles of 64 x 64 results a block of threads, for which 32 terms at a time are decoded
// into shared memory. Every sum has a fixed order.
#include "cuda/blocks.h"
#include "cuda/rows.h"
#include "tensor/ops/block_linear_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

// x [M, K] (transposed: [M, N]), weight [N, K], y [M, N] ([M, K]).
struct BlockProduct {
  const float* x;
  int64_t m, n, k;
  Blocks weight;
  const float* bias;  // may be null
  bool packets;       // rows of x start 16-byte aligned
  float* y;
};

constexpr int64_t kFewRows = 8;

// kRows rows of x from blockIdx.y on, a warp per row of the weight.
template <DType kFormat, int kRows>
__global__ void __launch_bounds__(kRowBlock) block_linear_rows_kernel(BlockProduct in) {
  ROUX_SHARED(tables, BlockTables<kFormat>);
  fill_tables(in.weight, tables);
  const int64_t column = WarpTeam::row(), first_row = int64_t{blockIdx.y} * kRows;
  if (column >= in.n) return;
  constexpr int kValues = BlockFormat<kFormat>::kValues;
  const Reader<kFormat> reader(in.weight, tables);
  const int64_t element = column * (in.k / kValues);
  Sum<float> sums[kRows] = {};
  for (int64_t at = WarpTeam::rank() * 8; at < in.k; at += WarpTeam::kSize * 8) {
    float weights[8];
    reader.eight(element + at / kValues, static_cast<int>(at % kValues), weights);
    for (int r = 0; r < kRows; ++r) {
      if (first_row + r >= in.m) break;
      const float* x = in.x + (first_row + r) * in.k + at;
      float values[8];
      if (in.packets) {
        for (int half = 0; half < 8; half += 4) {
          const auto packet = load_packet<4>(x, half, false);
          for (int e = 0; e < 4; ++e) values[half + e] = packet.value[e];
        }
      } else {
        for (int e = 0; e < 8; ++e) values[e] = x[e];
      }
      for (int e = 0; e < 8; ++e) sums[r].value = vmath::fma(weights[e], values[e], sums[r].value);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    const float sum = WarpTeam::reduce(sums[r]).value;
    if (WarpTeam::rank() != 0 || first_row + r >= in.m) continue;
    in.y[(first_row + r) * in.n + column] = in.bias != nullptr ? sum + in.bias[column] : sum;
  }
}

constexpr int kTile = 64, kDepth = 32, kThreads = 256;
constexpr int kPiece = 128;  // terms that are added up before they join the total: the error grows slower

// A thread has 4 x 4 results, 16 apart.
template <DType kFormat, bool kTransposed>
__global__ void __launch_bounds__(kThreads) block_linear_kernel(BlockProduct in) {
  ROUX_SHARED(tables, BlockTables<kFormat>);
  ROUX_SHARED(x_tile, float[kDepth][kTile + 1]);
  ROUX_SHARED(weight_tile, float[kDepth][kTile + 1]);
  fill_tables(in.weight, tables);
  constexpr int kValues = BlockFormat<kFormat>::kValues;
  const Reader<kFormat> reader(in.weight, tables);
  const int64_t columns = kTransposed ? in.k : in.n, depth = kTransposed ? in.n : in.k;
  const int64_t elements = in.k / kValues, column_tiles = (columns + kTile - 1) / kTile;
  const int64_t first_row = blockIdx.x / column_tiles * kTile,
                first_column = blockIdx.x % column_tiles * kTile;
  const int thread = static_cast<int>(threadIdx.x), row = thread / 16, column = thread % 16;
  float total[4][4] = {}, sum[4][4] = {};
  int64_t summed = 0;
  for (int64_t first = 0; first < depth; first += kDepth) {
    for (int e = thread; e < kDepth * kTile; e += kThreads) {
      const int64_t m = first_row + e / kDepth, term = first + e % kDepth;
      x_tile[e % kDepth][e / kDepth] = m < in.m && term < depth ? in.x[m * depth + term] : 0.0f;
    }
    // Each thread decodes eight values of one row of the weight: terms of a column, or columns of a term.
    constexpr int kShare = (kTransposed ? kTile : kDepth) / 8;
    const int line = thread / kShare, part = thread % kShare * 8;
    const int64_t n = (kTransposed ? first : first_column) + line,
                  k = (kTransposed ? first_column : first) + part;
    float weights[8] = {};
    if (n < in.n && k < in.k) {
      reader.eight(n * elements + k / kValues, static_cast<int>(k % kValues), weights);
    }
    for (int e = 0; e < 8; ++e) {
      (kTransposed ? weight_tile[line][part + e] : weight_tile[part + e][line]) = weights[e];
    }
    __syncthreads();
    for (int term = 0; term < kDepth; ++term) {
      float left[4], right[4];
      for (int i = 0; i < 4; ++i) {
        left[i] = x_tile[term][row + 16 * i];
        right[i] = weight_tile[term][column + 16 * i];
      }
      for (int i = 0; i < 4; ++i) {
        for (int j = 0; j < 4; ++j) sum[i][j] = vmath::fma(left[i], right[j], sum[i][j]);
      }
    }
    __syncthreads();
    summed += kDepth;
    if (summed % kPiece == 0 || first + kDepth >= depth) {
      for (int i = 0; i < 4; ++i) {
        for (int j = 0; j < 4; ++j) {
          total[i][j] += sum[i][j];
          sum[i][j] = 0.0f;
        }
      }
    }
  }
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) {
      const int64_t m = first_row + row + 16 * i, c = first_column + column + 16 * j;
      if (m >= in.m || c >= columns) continue;
      in.y[m * columns + c] = in.bias != nullptr ? total[i][j] + in.bias[c] : total[i][j];
    }
  }
}

BlockProduct product_of(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  return {x.data<const float>(),
          x.size(0),
          weight.size(0),
          weight.size(1) * values_per_element(weight.dtype()),
          blocks_of(weight),
          bias.defined() ? bias.data<const float>() : nullptr,
          rows_in_packets(x.size(1), x),
          y.data<float>()};
}
unsigned tiles_of(int64_t rows, int64_t columns) {
  return static_cast<unsigned>((rows + kTile - 1) / kTile * ((columns + kTile - 1) / kTile));
}

void block_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  const BlockProduct in = product_of(x, weight, bias, y);
  dispatch_block(weight.dtype(), [&](auto tag) {
    constexpr DType kFormat = decltype(tag)::value;
    if (in.m > kFewRows) {
      launch(block_linear_kernel<kFormat, false>, {.grid = tiles_of(in.m, in.n), .block = kThreads}, in);
      return;
    }
    const auto rows = [&](auto* kernel, int64_t at_once) {
      const dim3 grid(WarpTeam::blocks(in.n), blocks_for(in.m, at_once));
      launch(kernel, {.grid = grid, .block = kRowBlock}, in);
    };
    in.m == 1 ? rows(block_linear_rows_kernel<kFormat, 1>, 1) : rows(block_linear_rows_kernel<kFormat, 4>, 4);
  });
}

void block_linear_transposed(const Tensor& x, const Tensor& weight, Tensor&, Tensor& y) {
  const BlockProduct in = product_of(x, weight, Tensor(), y);
  dispatch_block(weight.dtype(), [&](auto tag) {
    launch(block_linear_kernel<decltype(tag)::value, true>, {.grid = tiles_of(in.m, in.k), .block = kThreads},
           in);
  });
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kBlockLinear(block_linear_kernels, kDevice, kBlockDTypes | kNF4_DQ, block_linear);
const RegisterKernel kTransposed(block_linear_transposed_kernels, kDevice, kBlockDTypes | kNF4_DQ,
                                 block_linear_transposed);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
