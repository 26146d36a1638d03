// Attention in plain arithmetic, for every dtype, width and rule: tiles of 32 queries x 32 keys, whose
// products pass through shared memory 32 columns at a time. What is computed in the compute dtype: scores,
// weights, sums. Each result is summed by one block in a fixed order.
//
// The forward pass makes the scores twice: once for the statistics of the rows, once for each 32 columns of
// y. So the width of a head bounds nothing.
#ifndef ROUX_CUDA_ATTENTION_TILES_H_
#define ROUX_CUDA_ATTENTION_TILES_H_

#include "cuda/attention.h"

namespace roux::ROUX_CUDA_NAMESPACE {

inline constexpr int kScoreTile = 32;     // queries, keys and columns of a tile
inline constexpr int kScoreThreads = 64;  // each has 4 x 4 elements of a tile, 8 apart

template <class C>
using SharedTile = C[kScoreTile][kScoreTile + 1];
template <class C>
using TileSums = C[4][4];

__device__ __forceinline__ int tile_row(int i) { return static_cast<int>(threadIdx.x / 8) + 8 * i; }
__device__ __forceinline__ int tile_column(int j) { return static_cast<int>(threadIdx.x % 8) + 8 * j; }

__device__ __forceinline__ float tile_multiply_add(float a, float b, float c) { return vmath::fma(a, b, c); }
__device__ __forceinline__ double tile_multiply_add(double a, double b, double c) {
  return __builtin_fma(a, b, c);
}

// Rows [first, first + 32) of a head and its columns from `column` on; zeros where it has none.
template <class T, class C>
__device__ __forceinline__ void load_score_tile(SharedTile<C>& tile, const Heads<const T>& heads,
                                                const T* head, int64_t first, int column) {
  for (int e = static_cast<int>(threadIdx.x); e < kScoreTile * kScoreTile; e += kScoreThreads) {
    const int row = e / kScoreTile, at = e % kScoreTile;
    const bool inside = first + row < heads.length && column + at < heads.width;
    tile[row][at] = inside ? static_cast<C>(head[(first + row) * heads.row_stride + column + at]) : C(0);
  }
}

// sums += left right, each as stored or with its axes exchanged.
template <bool kLeftTransposed, bool kRightTransposed, class C>
__device__ __forceinline__ void multiply_tiles(TileSums<C>& sums, const SharedTile<C>& left,
                                               const SharedTile<C>& right) {
  for (int k = 0; k < kScoreTile; ++k) {
    C a[4], b[4];
    for (int i = 0; i < 4; ++i) {
      a[i] = kLeftTransposed ? left[k][tile_row(i)] : left[tile_row(i)][k];
      b[i] = kRightTransposed ? right[tile_column(i)][k] : right[k][tile_column(i)];
    }
    for (int i = 0; i < 4; ++i) {
      for (int j = 0; j < 4; ++j) sums[i][j] = tile_multiply_add(a[i], b[j], sums[i][j]);
    }
  }
}

// Calls use(i, j) for the thread's elements.
template <class Use>
__device__ __forceinline__ void for_tile(Use use) {
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) use(i, j);
  }
}
template <class C>
__device__ __forceinline__ void store_tile(SharedTile<C>& tile, const TileSums<C>& values) {
  for_tile([&](int i, int j) { tile[tile_row(i)][tile_column(j)] = values[i][j]; });
}

// The products of 32 rows of one head with 32 rows of another. Ends with left and right still being read.
template <class T, class C>
__device__ __forceinline__ void multiply_heads(TileSums<C>& sums, const Heads<const T>& a, const T* a_head,
                                               int64_t a_first, const Heads<const T>& b, const T* b_head,
                                               int64_t b_first, SharedTile<C>& left, SharedTile<C>& right) {
  for_tile([&](int i, int j) { sums[i][j] = C(0); });
  for (int column = 0; column < a.width; column += kScoreTile) {
    __syncthreads();  // the tiles' last readers are done
    load_score_tile(left, a, a_head, a_first, column);
    load_score_tile(right, b, b_head, b_first, column);
    __syncthreads();
    multiply_tiles<false, true>(sums, left, right);
  }
}

template <class T>
struct TileArguments {
  using C = compute_t<T>;
  Heads<const T> q, k, v;
  AttentionIntervals intervals;
  Scoring<C> scoring;
  const C *largest, *log_sum;  // [B, H, T]
  int64_t heads, group;        // query heads, and those per key-value head

  __device__ __forceinline__ int64_t row(int64_t batch, int64_t head, int64_t query) const {
    return (batch * heads + head) * q.length + query;
  }
  // Of a weight, for dropout.
  __device__ __forceinline__ C keep(int64_t batch, int64_t head, int64_t query, int64_t key) const {
    return scoring.dropout > 0.0f ? scoring.keep(row(batch, head, query) * k.length + key) : C(1);
  }
};
template <class T>
TileArguments<T> tile_arguments(const Tensor& q, const Tensor& k, const Tensor& v,
                                const AttentionCase& options, const Tensor& row_stats) {
  using C = compute_t<T>;
  TileArguments<T> in = {};
  in.q = heads_of<const T>(q);
  in.k = heads_of<const T>(k);
  in.v = heads_of<const T>(v);
  in.intervals = AttentionIntervals(options, q.shape()[2], k.shape()[2]);
  in.scoring = scoring_of<C>(options);
  in.largest = static_cast<const C*>(row_stats.raw_data());
  in.log_sum = in.largest + row_stats.numel() / 2;
  in.heads = q.shape()[1];
  in.group = q.shape()[1] / k.shape()[1];
  return in;
}

// Of a tile of scores: exp(score - largest - log of the sum), and what it was made from.
template <class T, class C = compute_t<T>>
struct WeightTile {
  TileSums<C> weight, slope;  // slope: of the score, by the product

  // products: q k^T. Keys that a query does not see weigh 0.
  __device__ __forceinline__ void from_products(const TileArguments<T>& in, int64_t batch, int64_t head,
                                                int64_t first_query, int64_t first_key,
                                                const TileSums<C>& products) {
    for (int i = 0; i < 4; ++i) {
      const int64_t query = first_query + tile_row(i);
      KeyInterval seen = {};
      int64_t own = 0;
      C largest = C(0), log_sum = C(0);
      if (query < in.q.length) {
        seen = in.intervals.seen_by(batch, query);
        own = in.intervals.own(batch, query);
        largest = in.largest[in.row(batch, head, query)];
        log_sum = in.log_sum[in.row(batch, head, query)];
      }
      if (largest == -C(__builtin_inf())) seen.end = seen.begin;  // a mask hides all of them
      for (int j = 0; j < 4; ++j) {
        const int64_t key = first_key + tile_column(j);
        weight[i][j] = slope[i][j] = C(0);
        if (key < seen.begin || key >= seen.end) continue;
        const C score = in.scoring.score(products[i][j], batch, head, query, key, own, &slope[i][j]);
        weight[i][j] = vmath::exp((score - largest) - log_sum);
      }
    }
  }
};

// row_stats of 32 queries of a head: a thread a row.
template <class T, class C = compute_t<T>>
__global__ void __launch_bounds__(kScoreThreads)
    attention_stats_kernel(TileArguments<T> in, int64_t query_tiles, C* largest_of, C* log_sum_of, C* lse) {
  ROUX_SHARED(left, SharedTile<C>);
  ROUX_SHARED(right, SharedTile<C>);
  ROUX_SHARED(scores, SharedTile<C>);
  constexpr C kNone = -C(__builtin_inf());
  const int64_t pair = blockIdx.x / query_tiles, batch = pair / in.heads, head = pair % in.heads;
  const int64_t first = blockIdx.x % query_tiles * kScoreTile;
  const T *q = in.q.head(batch, head), *k = in.k.head(batch, head / in.group);
  const KeyInterval all = seen_by_block(in.intervals, batch, first, kScoreTile, in.q.length, in.k.length);
  C largest = kNone, sum = C(0);
  for (int64_t key = all.begin / kScoreTile * kScoreTile; key < all.end; key += kScoreTile) {
    TileSums<C> products;
    multiply_heads(products, in.q, q, first, in.k, k, key, left, right);
    __syncthreads();  // heads of width 0 have met no barrier
    for (int i = 0; i < 4; ++i) {
      const int64_t query = first + tile_row(i);
      KeyInterval seen = {};
      int64_t own = 0;
      if (query < in.q.length) {
        seen = in.intervals.seen_by(batch, query);
        own = in.intervals.own(batch, query);
      }
      for (int j = 0; j < 4; ++j) {
        const int64_t at = key + tile_column(j);
        scores[tile_row(i)][tile_column(j)] =
            at >= seen.begin && at < seen.end ? in.scoring.score(products[i][j], batch, head, query, at, own)
                                              : kNone;
      }
    }
    __syncthreads();
    if (threadIdx.x < kScoreTile) {
      for (int j = 0; j < kScoreTile; ++j) {
        const C x = scores[threadIdx.x][j];
        if (x == kNone) continue;
        if (!(x <= largest)) {  // NaN too: it stays the largest
          sum = sum * (largest == kNone ? C(0) : vmath::exp(largest - x)) + C(1);
          largest = x;
        } else {
          sum += vmath::exp(x - largest);
        }
      }
    }
  }
  const int64_t query = first + threadIdx.x;
  if (threadIdx.x >= kScoreTile || query >= in.q.length) return;
  const int64_t at = in.row(batch, head, query);
  largest_of[at] = largest;
  log_sum_of[at] = sum == C(0) ? C(0) : vmath::log(sum);
  if (lse) lse[at] = largest + log_sum_of[at];
}

// 32 columns of y for 32 queries of a head.
template <class T, class C = compute_t<T>>
__global__ void __launch_bounds__(kScoreThreads)
    attention_output_kernel(TileArguments<T> in, int64_t query_tiles, int64_t chunks, Heads<T> y,
                            Heads<C> exact_y) {
  ROUX_SHARED(left, SharedTile<C>);
  ROUX_SHARED(right, SharedTile<C>);
  const int64_t block = blockIdx.x / chunks, pair = block / query_tiles;
  const int64_t batch = pair / in.heads, head = pair % in.heads, first = block % query_tiles * kScoreTile;
  const int column = static_cast<int>(blockIdx.x % chunks) * kScoreTile;
  const T *q = in.q.head(batch, head), *k = in.k.head(batch, head / in.group);
  const T* v = in.v.head(batch, head / in.group);
  const KeyInterval all = seen_by_block(in.intervals, batch, first, kScoreTile, in.q.length, in.k.length);
  TileSums<C> sums = {};
  for (int64_t key = all.begin / kScoreTile * kScoreTile; key < all.end; key += kScoreTile) {
    TileSums<C> products;
    multiply_heads(products, in.q, q, first, in.k, k, key, left, right);
    WeightTile<T> tile;
    tile.from_products(in, batch, head, first, key, products);
    for_tile([&](int i, int j) {
      const int64_t query = first + tile_row(i), at = key + tile_column(j);
      if (tile.weight[i][j] != C(0)) tile.weight[i][j] *= in.keep(batch, head, query, at);
    });
    __syncthreads();
    store_tile(left, tile.weight);
    load_score_tile(right, in.v, v, key, column);
    __syncthreads();
    multiply_tiles<false, false>(sums, left, right);
  }
  for_tile([&](int i, int j) {
    const int64_t query = first + tile_row(i);
    const int at = column + tile_column(j);
    if (query >= y.length || at >= y.width) return;
    y.head(batch, head)[query * y.row_stride + at] = static_cast<T>(sums[i][j]);
    if (exact_y.data) exact_y.head(batch, head)[query * exact_y.row_stride + at] = sums[i][j];
  });
}

inline int64_t score_tiles(int64_t n) { return (n + kScoreTile - 1) / kScoreTile; }

template <class T>
void attention_by_tiles(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionCase& options,
                        Tensor& y, Tensor& exact_y, Tensor& row_stats, Tensor& lse) {
  using C = compute_t<T>;
  const int64_t rows = q.shape()[0] * q.shape()[1] * q.shape()[2];
  if (rows == 0) return;
  const TileArguments<T> in = tile_arguments<T>(q, k, v, options, row_stats);
  const int64_t tiles = score_tiles(q.shape()[2]), chunks = score_tiles(v.shape()[3]);
  const int64_t blocks = q.shape()[0] * q.shape()[1] * tiles;
  C* stats = row_stats.data<C>();
  launch(attention_stats_kernel<T>, {.grid = static_cast<unsigned>(blocks), .block = kScoreThreads}, in,
         tiles, stats, stats + rows, lse.defined() ? lse.data<C>() : nullptr);
  if (chunks == 0) return;
  launch(attention_output_kernel<T>, {.grid = static_cast<unsigned>(blocks * chunks), .block = kScoreThreads},
         in, tiles, chunks, heads_of<T>(y), heads_of<C>(exact_y));
}

}  // namespace roux::ROUX_CUDA_NAMESPACE

#endif  // ROUX_CUDA_ATTENTION_TILES_H_
