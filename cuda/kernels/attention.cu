// CUDA kernel of scaled_dot_product_attention, forward, for 16-bit heads of up to 128, on mma.sync: one block
// per 64 queries of a head, keys and values pass by in tiles of 64 through two stages of shared memory
// (cp.async), scores stay in registers, the softmax is carried along as running maximum and sum (Dao 2023,
// FlashAttention-2, alg. 1). A block visits the tiles between the first and the last key that one of its
// queries sees.
#include "cuda/attention_tiles.h"
#include "cuda/mma.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

constexpr int kWarps = 4, kThreads = 32 * kWarps;
constexpr int kQueries = 16 * kWarps;  // rows of a tile of scores: 16 for each warp
constexpr int kKeys = 64;              // columns of a tile of scores
constexpr int kPad = 8;  // elements behind each row in shared memory, so that ldmatrix meets all banks
constexpr float kLog2E = 1.44269504088896340736f;

// Copies rows [first, first + 64) of a head to a tile of shared memory, zeros where the head has no row or
// column. Asynchronous where packets allow.
template <int kWidth, class T>
__device__ __forceinline__ void load_tile(T* tile, const Heads<const T>& heads, const T* head,
                                          int64_t first) {
  constexpr int kChunks = kWidth / 8;
  for (int i = static_cast<int>(threadIdx.x); i < kKeys * kChunks; i += kThreads) {
    const int row = i / kChunks, column = i % kChunks * 8;
    const int valid = first + row < heads.length ? min(max(heads.width - column, 0), 8) : 0;
    const T* from = head + (first + row) * heads.row_stride + column;
    T* to = tile + row * (kWidth + kPad) + column;
    if (heads.packets) {
      cp_async_16(to, valid > 0 ? from : head, static_cast<uint32_t>(valid * 2));
    } else {
      for (int e = 0; e < 8; ++e) to[e] = e < valid ? from[e] : T(0.0f);
    }
  }
}

template <class T>
__device__ __forceinline__ uint32_t pack(float low, float high) {
  return T(low).bits | static_cast<uint32_t>(T(high).bits) << 16;
}

// The part of a block's work that one warp holds in registers: 16 queries, of which a lane has rows g and g
// + 8.
template <class T, int kWidth>
struct WarpTile {
  uint32_t q[kWidth / 16][4];
  float output[kWidth / 8][4];
  float scores[kKeys / 8][4];
  float largest[2], sum[2];  // of the lane's two rows; the sum over the lane's own keys only

  __device__ __forceinline__ void start(const T* q_tile, int warp, int lane) {
    for (int c = 0; c < kWidth / 16; ++c) {
      ldmatrix<4>(q[c], q_tile + (warp * 16 + lane % 16) * (kWidth + kPad) + c * 16 + lane / 16 * 8);
    }
    for (auto& tile : output) {
      for (float& value : tile) value = 0.0f;
    }
    for (int r = 0; r < 2; ++r) {
      largest[r] = -__builtin_inff();
      sum[r] = 0.0f;
    }
  }

  // scores = q k^T
  __device__ __forceinline__ void multiply_keys(const T* k_tile, int lane) {
    for (auto& tile : scores) {
      for (float& value : tile) value = 0.0f;
    }
    for (int c = 0; c < kWidth / 16; ++c) {
      for (int n = 0; n < kKeys / 8; n += 2) {
        uint32_t b[4];
        const int key = n * 8 + lane / 16 * 8 + lane % 8, column = c * 16 + lane / 8 % 2 * 8;
        ldmatrix<4>(b, k_tile + key * (kWidth + kPad) + column);
        mma_m16n8k16<T>(scores[n], q[c], {b[0], b[1]});
        mma_m16n8k16<T>(scores[n + 1], q[c], {b[2], b[3]});
      }
    }
  }

  // Turns scores into exp(score - running maximum) and rescales what was summed before. The difference is
  // taken before the change of base, which rounds.
  __device__ __forceinline__ void update_softmax() {
    for (int r = 0; r < 2; ++r) {
      float tile_max = -__builtin_inff();
      for (auto& tile : scores) tile_max = max(tile_max, max(tile[2 * r], tile[2 * r + 1]));
      tile_max = max(tile_max, __shfl_xor_sync(0xffffffffu, tile_max, 1));
      tile_max = max(tile_max, __shfl_xor_sync(0xffffffffu, tile_max, 2));
      const float updated = max(largest[r], tile_max);
      const float shift =
          updated == -__builtin_inff() ? 0.0f : updated;  // a row that looks at nothing so far
      const float rescale = fast_exp2((largest[r] - shift) * kLog2E);
      largest[r] = updated;
      sum[r] *= rescale;
      for (auto& tile : output) {
        tile[2 * r] *= rescale;
        tile[2 * r + 1] *= rescale;
      }
      for (auto& tile : scores) {
        for (int i = 2 * r; i < 2 * r + 2; ++i) {
          tile[i] = fast_exp2((tile[i] - shift) * kLog2E);
          sum[r] += tile[i];
        }
      }
    }
  }

  // output += scores v
  __device__ __forceinline__ void multiply_values(const T* v_tile, int lane) {
    for (int c = 0; c < kKeys / 16; ++c) {
      const float(&low)[4] = scores[2 * c];
      const float(&high)[4] = scores[2 * c + 1];
      const uint32_t a[4] = {pack<T>(low[0], low[1]), pack<T>(low[2], low[3]), pack<T>(high[0], high[1]),
                             pack<T>(high[2], high[3])};
      for (int n = 0; n < kWidth / 8; n += 2) {
        uint32_t b[4];
        const int key = c * 16 + lane / 8 % 2 * 8 + lane % 8, column = n * 8 + lane / 16 * 8;
        ldmatrix<4, true>(b, v_tile + key * (kWidth + kPad) + column);
        mma_m16n8k16<T>(output[n], a, {b[0], b[1]});
        mma_m16n8k16<T>(output[n + 1], a, {b[2], b[3]});
      }
    }
  }
};

template <class T>
struct AttentionArguments {
  Heads<const T> q, k, v;
  Heads<T> y;
  Heads<float> exact_y;  // data may be null
  AttentionIntervals intervals;
  Scoring<float> scoring;
  float *row_largest, *row_log_sum, *lse;  // [B, H, T]; lse may be null
  int64_t heads, group;                    // query heads, and those per key-value head
};

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads) attention_kernel(AttentionArguments<T> in) {
  constexpr int kTile = kKeys * (kWidth + kPad);
  ROUX_DYNAMIC_SHARED(T, shared);  // q, then two stages of k and v
  T* const q_tile = shared;
  auto k_tile = [&](int64_t stage) { return shared + (1 + 2 * (stage % 2)) * kTile; };
  auto v_tile = [&](int64_t stage) { return shared + (2 + 2 * (stage % 2)) * kTile; };

  const int64_t tiles = (in.q.length + kQueries - 1) / kQueries;
  const int64_t pair = blockIdx.x / tiles, batch = pair / in.heads, head = pair % in.heads;
  const int64_t first = blockIdx.x % tiles * kQueries;
  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  const int64_t queries = in.q.length, keys = in.k.length;
  const T* k_head = in.k.head(batch, head / in.group);
  const T* v_head = in.v.head(batch, head / in.group);
  const KeyInterval all = seen_by_block(in.intervals, batch, first, kQueries, queries, keys);
  const int64_t tile_begin = all.begin / kKeys, tile_end = (all.end + kKeys - 1) / kKeys;

  load_tile<kWidth>(q_tile, in.q, in.q.head(batch, head), first);
  if (tile_begin < tile_end) {
    load_tile<kWidth>(k_tile(tile_begin), in.k, k_head, tile_begin * kKeys);
    load_tile<kWidth>(v_tile(tile_begin), in.v, v_head, tile_begin * kKeys);
  }
  cp_async_commit();
  cp_async_wait<0>();
  __syncthreads();

  WarpTile<T, kWidth> mine;
  mine.start(q_tile, warp, lane);
  const int64_t row = first + warp * 16 + lane / 4;  // of rows g; the lane's other row is 8 further
  KeyInterval seen[2] = {};
  int64_t own[2] = {};
  for (int r = 0; r < 2; ++r) {
    if (row + r * 8 >= queries) continue;
    seen[r] = in.intervals.seen_by(batch, row + r * 8);
    own[r] = in.intervals.own(batch, row + r * 8);
  }
  for (int64_t tile = tile_begin; tile < tile_end; ++tile) {
    if (tile + 1 < tile_end) {
      load_tile<kWidth>(k_tile(tile + 1), in.k, k_head, (tile + 1) * kKeys);
      load_tile<kWidth>(v_tile(tile + 1), in.v, v_head, (tile + 1) * kKeys);
    }
    cp_async_commit();
    mine.multiply_keys(k_tile(tile), lane);
    for (int n = 0; n < kKeys / 8; ++n) {
      for (int i = 0; i < 4; ++i) {
        const int64_t query = row + i / 2 * 8, key = tile * kKeys + n * 8 + lane % 4 * 2 + i % 2;
        mine.scores[n][i] = key >= seen[i / 2].begin && key < seen[i / 2].end
                                ? in.scoring.score(mine.scores[n][i], batch, head, query, key, own[i / 2])
                                : -__builtin_inff();
      }
    }
    mine.update_softmax();
    if (in.scoring.dropout > 0.0f) {
      for (int n = 0; n < kKeys / 8; ++n) {
        for (int i = 0; i < 4; ++i) {
          const int64_t query = row + i / 2 * 8, key = tile * kKeys + n * 8 + lane % 4 * 2 + i % 2;
          if (query >= queries || key >= keys) continue;
          const int64_t rows = (batch * in.heads + head) * queries;
          mine.scores[n][i] *= in.scoring.keep((rows + query) * keys + key);
        }
      }
    }
    mine.multiply_values(v_tile(tile), lane);
    cp_async_wait<0>();
    __syncthreads();  // the next tile has arrived, and nobody reads this one any more
  }

  for (int r = 0; r < 2; ++r) {
    float sum = mine.sum[r];
    sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    sum += __shfl_xor_sync(0xffffffffu, sum, 2);
    const int64_t query = row + r * 8;
    if (query >= queries) continue;
    const float inverse = sum == 0.0f ? 0.0f : 1.0f / sum;
    T* y = in.y.head(batch, head) + query * in.y.row_stride;
    float* exact_y = in.exact_y.data ? in.exact_y.head(batch, head) + query * in.exact_y.row_stride : nullptr;
    for (int n = 0; n < kWidth / 8; ++n) {
      const int column = n * 8 + lane % 4 * 2;
      const float low = mine.output[n][2 * r] * inverse, high = mine.output[n][2 * r + 1] * inverse;
      if (in.y.packets && column + 1 < in.y.width) {
        *reinterpret_cast<uint32_t*>(y + column) = pack<T>(low, high);
      } else {
        if (column < in.y.width) y[column] = T(low);
        if (column + 1 < in.y.width) y[column + 1] = T(high);
      }
      if (exact_y && column < in.y.width) exact_y[column] = low;
      if (exact_y && column + 1 < in.y.width) exact_y[column + 1] = high;
    }
    if (lane % 4 == 0) {
      const int64_t i = (batch * in.heads + head) * queries + query;
      in.row_largest[i] = mine.largest[r];
      in.row_log_sum[i] = sum == 0.0f ? 0.0f : vmath::log(sum);
      if (in.lse) in.lse[i] = mine.largest[r] + in.row_log_sum[i];
    }
  }
}

template <class T, int kWidth>
void run(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionCase& options, Tensor& y,
         Tensor& exact_y, Tensor& row_stats, Tensor& lse) {
  AttentionArguments<T> in;
  in.q = heads_of<const T>(q);
  in.k = heads_of<const T>(k);
  in.v = heads_of<const T>(v);
  in.y = heads_of<T>(y);
  in.exact_y = {};
  if (exact_y.defined()) in.exact_y = heads_of<float>(exact_y);
  in.intervals = AttentionIntervals(options, q.shape()[2], k.shape()[2]);
  in.scoring = scoring_of<float>(options);
  in.row_largest = row_stats.data<float>();
  in.row_log_sum = in.row_largest + row_stats.numel() / 2;
  in.lse = lse.defined() ? lse.data<float>() : nullptr;
  in.heads = q.shape()[1];
  in.group = q.shape()[1] / k.shape()[1];
  // One axis: the others end at 65535.
  const auto grid = static_cast<unsigned>(q.shape()[0] * q.shape()[1]) * blocks_for(q.shape()[2], kQueries);
  const size_t shared = (kQueries + 4 * kKeys) * (kWidth + kPad) * sizeof(T);
  launch(attention_kernel<T, kWidth>, {.grid = grid, .block = kThreads, .dynamic_shared = shared}, in);
}

template <class T>
void attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionCase& options, Tensor&,
               Tensor& y, Tensor& exact_y, Tensor& row_stats, Tensor& lse) {
  if (row_stats.numel() == 0) return;
  const int64_t width = max(q.shape()[3], v.shape()[3]);
  if constexpr (sizeof(T) == 2) {
    if (width <= 64) return run<T, 64>(q, k, v, options, y, exact_y, row_stats, lse);
    if (width <= 128) return run<T, 128>(q, k, v, options, y, exact_y, row_stats, lse);
  }
  attention_by_tiles<T>(q, k, v, options, y, exact_y, row_stats, lse);
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kBfloat16(attention_kernels, kDevice, kBF16, attention<bfloat16>);
const RegisterKernel kFloat16(attention_kernels, kDevice, kF16, attention<float16>);
const RegisterKernel kFloat(attention_kernels, kDevice, kF32, attention<float>);
const RegisterKernel kDouble(attention_kernels, kDevice, kF64, attention<double>);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
