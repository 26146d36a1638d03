// CUDA kernels of matrix products: tiles of 64 x 64 results a block. f32 and f64 multiply in registers,
// 16-bit dtypes on mma.sync with f32 sums, k passing by in two stages of shared memory. Every sum has a fixed
// order: along k, in pieces of kPiece, then over the pieces, then over the parts of a split.
#include "cuda/elementwise.h"
#include "cuda/mma.h"
#include "tensor/ops/matmul_tables.h"
#include "tensor/vector_math.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

constexpr int kTile = 64;    // rows and columns of a block's result
constexpr int kPiece = 128;  // terms that are added up before they join the total: the error grows slower
constexpr int kSumBlock = 256;

__device__ __forceinline__ float multiply_add(float a, float b, float c) { return vmath::fma(a, b, c); }
__device__ __forceinline__ double multiply_add(double a, double b, double c) {
  return __builtin_fma(a, b, c);
}

// One product: y [batch, M, N] = a b + bias. Parts of a sum over k go to sums [parts, M, N] instead.
template <class T, class Out, class S>
struct Product {
  const T *a, *b;
  int64_t m, n, k;
  int64_t a_row, a_column, b_row, b_column;  // strides
  Layout<2> batch;                           // of a and b
  const T* bias;                             // may be null
  bool accumulate;                           // y += a b
  int64_t k_part;                            // terms of a part; k unless there are sums
  S* sums;                                   // may be null
  Out* y;

  int64_t row_tiles, column_tiles;
};

// What a block computes. The tiles of one result are numbered by columns first.
struct Place {
  int64_t first_row, first_column, batch, part;
};
template <class P>
__device__ __forceinline__ Place place_of(const P& in) {
  const int64_t tiles = in.row_tiles * in.column_tiles, block = blockIdx.x, tile = block % tiles;
  // Products of a batch are not split.
  return {tile / in.column_tiles * kTile, tile % in.column_tiles * kTile, in.sums ? 0 : block / tiles,
          in.sums ? block / tiles : 0};
}

template <class P, class S>
__device__ __forceinline__ void store(const P& in, const Place& at, int64_t row, int64_t column, S value) {
  if (row >= in.m || column >= in.n) return;
  const int64_t i = row * in.n + column;
  if (in.sums) {
    in.sums[at.part * in.m * in.n + i] = value;
    return;
  }
  using Out = std::remove_pointer_t<decltype(in.y)>;
  Out& y = in.y[at.batch * in.m * in.n + i];
  if (in.bias) value += static_cast<S>(in.bias[column]);
  if (in.accumulate) value += static_cast<S>(y);
  y = static_cast<Out>(value);
}

constexpr int kThreads = 256, kDepth = 16;

// f32 and f64: a thread has 4 x 4 results, 16 apart.
template <class T>
__global__ void __launch_bounds__(kThreads) matmul_kernel(Product<T, T, T> in) {
  ROUX_SHARED(a_tile, T[kDepth][kTile + 1]);
  ROUX_SHARED(b_tile, T[kDepth][kTile + 1]);
  const Place at = place_of(in);
  const int thread = static_cast<int>(threadIdx.x), row = thread / 16, column = thread % 16;
  int64_t offset[2];
  in.batch.offsets(at.batch, offset);
  const T *a = in.a + offset[0], *b = in.b + offset[1];
  const int64_t end = min(in.k, (at.part + 1) * in.k_part);
  T total[4][4] = {}, sum[4][4] = {};
  int64_t summed = 0;
  for (int64_t first = at.part * in.k_part; first < end; first += kDepth) {
    for (int e = thread; e < kDepth * kTile; e += kThreads) {
      // Threads beside each other read what lies beside each other.
      const int a_k = in.a_column == 1 ? e % kDepth : e / kTile,
                a_m = in.a_column == 1 ? e / kDepth : e % kTile;
      const int64_t m = at.first_row + a_m, k = first + a_k;
      a_tile[a_k][a_m] = m < in.m && k < end ? a[m * in.a_row + k * in.a_column] : T(0);
      const int b_k = in.b_column == 1 ? e / kTile : e % kDepth,
                b_n = in.b_column == 1 ? e % kTile : e / kDepth;
      const int64_t n = at.first_column + b_n, kb = first + b_k;
      b_tile[b_k][b_n] = n < in.n && kb < end ? b[kb * in.b_row + n * in.b_column] : T(0);
    }
    __syncthreads();
    for (int k = 0; k < kDepth; ++k) {
      T left[4], right[4];
      for (int i = 0; i < 4; ++i) {
        left[i] = a_tile[k][row + 16 * i];
        right[i] = b_tile[k][column + 16 * i];
      }
      for (int i = 0; i < 4; ++i) {
        for (int j = 0; j < 4; ++j) sum[i][j] = multiply_add(left[i], right[j], sum[i][j]);
      }
    }
    __syncthreads();
    summed += kDepth;
    if (summed % kPiece == 0 || first + kDepth >= end) {
      for (int i = 0; i < 4; ++i) {
        for (int j = 0; j < 4; ++j) {
          total[i][j] += sum[i][j];
          sum[i][j] = T(0);
        }
      }
    }
  }
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) {
      store(in, at, at.first_row + row + 16 * i, at.first_column + column + 16 * j, total[i][j]);
    }
  }
}

constexpr int kMmaThreads = 128, kMmaDepth = 32, kPad = 8;  // so that ldmatrix meets all banks

// A tile of shared memory as stored in memory: kRows rows of kColumns elements that lie beside each other,
// zeros where the matrix ends. packets: every row starts 16-byte aligned and is whole in packets of 8.
template <int kRows, int kColumns, class T>
__device__ __forceinline__ void load_tile(T* tile, const T* from, int64_t stride, int64_t rows,
                                          int64_t columns, bool packets) {
  constexpr int kChunks = kColumns / 8;
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kChunks; i += kMmaThreads) {
    const int row = i / kChunks, column = i % kChunks * 8;
    const int valid = row < rows ? static_cast<int>(min(max(columns - column, int64_t{0}), int64_t{8})) : 0;
    const T* source = from + row * stride + column;
    T* to = tile + row * (kColumns + kPad) + column;
    if (packets) {
      cp_async_16(to, valid > 0 ? source : from, static_cast<uint32_t>(valid * 2));
    } else {
      for (int e = 0; e < 8; ++e) to[e] = e < valid ? source[e] : T(0.0f);
    }
  }
}

// 16 bits: four warps, each with 16 rows. kAByRow: k lies along a row of a in memory (else down a column);
// kBByRow: n does along a row of b.
template <class T, class Out, bool kAByRow, bool kBByRow>
__global__ void __launch_bounds__(kMmaThreads)
    matmul_mma_kernel(Product<T, Out, float> in, bool a_packets, bool b_packets) {
  constexpr int kAColumns = kAByRow ? kMmaDepth : kTile, kARows = kAByRow ? kTile : kMmaDepth;
  constexpr int kBColumns = kBByRow ? kTile : kMmaDepth, kBRows = kBByRow ? kMmaDepth : kTile;
  constexpr int kALine = kAColumns + kPad, kBLine = kBColumns + kPad;
  constexpr int kAElements = kARows * kALine, kBElements = kBRows * kBLine;
  ROUX_SHARED(a_tiles, T[2 * kAElements]);
  ROUX_SHARED(b_tiles, T[2 * kBElements]);
  const Place at = place_of(in);
  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  int64_t offset[2];
  in.batch.offsets(at.batch, offset);
  const int64_t a_line = kAByRow ? in.a_row : in.a_column, b_line = kBByRow ? in.b_row : in.b_column;
  const int64_t begin = at.part * in.k_part, end = min(in.k, begin + in.k_part);
  const T* a = in.a + offset[0] + at.first_row * in.a_row + begin * in.a_column;
  const T* b = in.b + offset[1] + begin * in.b_row + at.first_column * in.b_column;
  const int64_t stages = (end - begin + kMmaDepth - 1) / kMmaDepth;
  auto load = [&](int64_t stage) {
    const int64_t first = stage * kMmaDepth, depth = end - begin - first;
    T* a_tile = &a_tiles[stage % 2 * kAElements];
    T* b_tile = &b_tiles[stage % 2 * kBElements];
    const int64_t rows = in.m - at.first_row, columns = in.n - at.first_column;
    load_tile<kARows, kAColumns>(a_tile, a + first * in.a_column, a_line, kAByRow ? rows : depth,
                                 kAByRow ? depth : rows, a_packets);
    load_tile<kBRows, kBColumns>(b_tile, b + first * in.b_row, b_line, kBByRow ? depth : columns,
                                 kBByRow ? columns : depth, b_packets);
  };
  float total[kTile / 8][4] = {}, sum[kTile / 8][4] = {};
  if (stages > 0) load(0);
  cp_async_commit();
  for (int64_t stage = 0; stage < stages; ++stage) {
    cp_async_wait<0>();
    __syncthreads();  // this stage has arrived, and nobody reads the other one any more
    if (stage + 1 < stages) load(stage + 1);
    cp_async_commit();
    const T* a_tile = &a_tiles[stage % 2 * kAElements];
    const T* b_tile = &b_tiles[stage % 2 * kBElements];
    for (int c = 0; c < kMmaDepth; c += 16) {
      uint32_t left[4];
      if constexpr (kAByRow) {
        ldmatrix<4>(left, a_tile + (warp * 16 + lane % 16) * kALine + c + lane / 16 * 8);
      } else {
        ldmatrix<4, true>(left,
                          a_tile + (c + lane / 16 * 8 + lane % 8) * kALine + warp * 16 + lane / 8 % 2 * 8);
      }
      for (int n = 0; n < kTile / 8; n += 2) {
        uint32_t right[4];
        if constexpr (kBByRow) {
          ldmatrix<4, true>(right,
                            b_tile + (c + lane / 8 % 2 * 8 + lane % 8) * kBLine + n * 8 + lane / 16 * 8);
        } else {
          ldmatrix<4>(right, b_tile + (n * 8 + lane / 16 * 8 + lane % 8) * kBLine + c + lane / 8 % 2 * 8);
        }
        mma_m16n8k16<T>(sum[n], left, {right[0], right[1]});
        mma_m16n8k16<T>(sum[n + 1], left, {right[2], right[3]});
      }
    }
    if ((stage + 1) * kMmaDepth % kPiece == 0 || stage + 1 == stages) {
      for (int n = 0; n < kTile / 8; ++n) {
        for (int i = 0; i < 4; ++i) {
          total[n][i] += sum[n][i];
          sum[n][i] = 0.0f;
        }
      }
    }
  }
  for (int n = 0; n < kTile / 8; ++n) {
    for (int i = 0; i < 4; ++i) {
      store(in, at, at.first_row + warp * 16 + lane / 4 + i / 2 * 8,
            at.first_column + n * 8 + lane % 4 * 2 + i % 2, total[n][i]);
    }
  }
}

// y = bias + the parts in order; or y += them.
template <class T, class Out, class S>
__global__ void add_parts_kernel(const S* sums, int64_t parts, int64_t count, int64_t n, const T* bias,
                                 bool accumulate, Out* y) {
  const int64_t i = blockIdx.x * int64_t{kSumBlock} + threadIdx.x;
  if (i >= count) return;
  S sum = S(0);
  for (int64_t part = 0; part < parts; ++part) sum += sums[part * count + i];
  if (bias) sum += static_cast<S>(bias[i % n]);
  if (accumulate) sum += static_cast<S>(y[i]);
  y[i] = static_cast<Out>(sum);
}

// Whether lines of `stride` elements that start at x can be read in packets. How many elements a line has
// does not matter: what is behind its end is not read.
bool in_packets(const Tensor& x, int64_t stride, const Layout<2>& batch, int operand) {
  bool aligned = reinterpret_cast<uintptr_t>(x.raw_data()) % 16 == 0 && stride % 8 == 0;
  for (int axis = 0; axis < batch.rank; ++axis) aligned = aligned && batch.stride[operand][axis] % 8 == 0;
  return aligned;
}

template <class T, class Out, class S>
void multiply(const Tensor& a, const Tensor& b, const Tensor& bias, bool accumulate, Tensor& workspace,
              Tensor& y) {
  if (y.numel() == 0) return;
  const int ra = a.dim(), rb = b.dim();
  Product<T, Out, S> in = {};
  in.a = a.data<const T>();
  in.b = b.data<const T>();
  in.m = a.shape()[ra - 2];
  in.k = a.shape()[ra - 1];
  in.n = b.shape()[rb - 1];
  // An axis of one element has any stride; that of the layout is 1 where it may be.
  const GemmLayout layout_a = gemm_layout(a), layout_b = gemm_layout(b);
  in.a_row = layout_a.transposed ? 1 : layout_a.ld;
  in.a_column = layout_a.transposed ? layout_a.ld : 1;
  in.b_row = layout_b.transposed ? 1 : layout_b.ld;
  in.b_column = layout_b.transposed ? layout_b.ld : 1;
  Shape batch = y.shape(), batch_a = a.shape(), batch_b = b.shape();
  Strides strides_a = a.strides(), strides_b = b.strides();
  for (int i = 0; i < 2; ++i) {
    batch.erase(batch.rank() - 1);
    batch_a.erase(batch_a.rank() - 1);
    batch_b.erase(batch_b.rank() - 1);
    strides_a.erase(strides_a.rank() - 1);
    strides_b.erase(strides_b.rank() - 1);
  }
  in.batch = merged_layout<2>(
      batch, {broadcast_strides(batch_a, strides_a, batch), broadcast_strides(batch_b, strides_b, batch)});
  in.bias = bias.defined() ? bias.data<const T>() : nullptr;
  in.accumulate = accumulate;
  const int64_t parts = workspace.defined() ? workspace.shape()[0] : 1;
  // Parts begin where packets do.
  in.k_part = parts > 1 ? ((in.k + parts - 1) / parts + 7) / 8 * 8 : in.k;
  in.sums = parts > 1 ? workspace.data<S>() : nullptr;
  in.y = y.data<Out>();
  in.row_tiles = (in.m + kTile - 1) / kTile;
  in.column_tiles = (in.n + kTile - 1) / kTile;
  const int64_t products = parts > 1 ? parts : y.numel() / (in.m * in.n);
  const auto blocks = static_cast<unsigned>(in.row_tiles * in.column_tiles * products);
  if constexpr (sizeof(T) == 2) {
    const bool a_packets = in_packets(a, layout_a.ld, in.batch, 0),
               b_packets = in_packets(b, layout_b.ld, in.batch, 1);
    const auto run = [&](auto a_by_row, auto b_by_row) {
      launch(matmul_mma_kernel<T, Out, decltype(a_by_row)::value, decltype(b_by_row)::value>,
             {.grid = blocks, .block = kMmaThreads}, in, a_packets, b_packets);
    };
    const auto with_b = [&](auto a_by_row) {
      layout_b.transposed ? run(a_by_row, std::false_type()) : run(a_by_row, std::true_type());
    };
    layout_a.transposed ? with_b(std::false_type()) : with_b(std::true_type());
  } else {
    launch(matmul_kernel<T>, {.grid = blocks, .block = kThreads}, in);
  }
  if (parts == 1) return;
  launch(add_parts_kernel<T, Out, S>, {.grid = blocks_for(y.numel(), kSumBlock), .block = kSumBlock},
         static_cast<const S*>(in.sums), parts, y.numel(), in.n, in.bias, accumulate, in.y);
}

template <class T>
void matmul(const Tensor& a, const Tensor& b, const Tensor& bias, Tensor& workspace, Tensor& y) {
  multiply<T, T, compute_t<T>>(a, b, bias, false, workspace, y);
}
template <class T>
void matmul_f32(const Tensor& a, const Tensor& b, bool accumulate, Tensor& workspace, Tensor& y) {
  multiply<T, float, float>(a, b, Tensor(), accumulate, workspace, y);
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kFloat(matmul_kernels, kDevice, kF32, matmul<float>);
const RegisterKernel kDouble(matmul_kernels, kDevice, kF64, matmul<double>);
const RegisterKernel kBfloat16(matmul_kernels, kDevice, kBF16, matmul<bfloat16>);
const RegisterKernel kFloat16(matmul_kernels, kDevice, kF16, matmul<float16>);
const RegisterKernel kSumBfloat16(matmul_f32_kernels, kDevice, kBF16, matmul_f32<bfloat16>);
const RegisterKernel kSumFloat16(matmul_f32_kernels, kDevice, kF16, matmul_f32<float16>);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
