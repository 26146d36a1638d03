// CUDA kernels of the gradients of scaled_dot_product_attention. The scores are made again from q, k and the
// statistics of the rows (Dao 2023, FlashAttention-2, alg. 2); with P the weights after the softmax, D what
// dropout multiplies them with and delta = rowsum(grad_y y) - grad_lse:
//
//   grad_v = (P D)^T grad_y          grad_scores = P ((grad_y v^T) D - delta)
//   grad_q = grad_products k         grad_k = grad_products^T q      grad_products = grad_scores slope
//
// grad_q by a block per 32 queries, grad_k and grad_v by one per 32 keys, biases by one per 32 x 32 of
// theirs: no block adds to what another one writes, so the bits are the same each time.
#include "cuda/attention_tiles.h"
#include "cuda/rows.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

template <class T>
struct BackwardArguments : TileArguments<T> {
  using C = compute_t<T>;
  Heads<const T> grad_y;
  const C* delta;  // [B, H, T]
  int64_t query_tiles, key_tiles;
};

template <class T, class C = compute_t<T>>
__global__ void attention_delta_kernel(Heads<const T> grad_y, Heads<const C> y, const C* grad_lse,
                                       int64_t heads, int64_t rows, C* delta) {
  const int64_t row = WarpTeam::row();
  if (row >= rows) return;
  const int64_t query = row % y.length, pair = row / y.length, batch = pair / heads, head = pair % heads;
  const T* g = grad_y.head(batch, head) + query * grad_y.row_stride;
  const C* of_y = y.head(batch, head) + query * y.row_stride;
  Sum<C> sum{C(0)};
  for (int i = WarpTeam::rank(); i < y.width; i += WarpTeam::kSize) {
    sum.value = tile_multiply_add(static_cast<C>(g[i]), of_y[i], sum.value);
  }
  sum = WarpTeam::reduce(sum);
  if (WarpTeam::rank() == 0) delta[row] = sum.value - (grad_lse ? grad_lse[row] : C(0));
}

// A tile of grad_scores with the weights that y was summed with.
template <class T, class C = compute_t<T>>
struct GradientTile : WeightTile<T> {
  TileSums<C> grad;

  __device__ __forceinline__ void compute(const BackwardArguments<T>& in, int64_t batch, int64_t head,
                                          int64_t first_query, int64_t first_key, SharedTile<C>& left,
                                          SharedTile<C>& right) {
    const int64_t group = head / in.group;
    TileSums<C> products;
    multiply_heads(products, in.q, in.q.head(batch, head), first_query, in.k, in.k.head(batch, group),
                   first_key, left, right);
    this->from_products(in, batch, head, first_query, first_key, products);
    multiply_heads(products, in.grad_y, in.grad_y.head(batch, head), first_query, in.v,
                   in.v.head(batch, group), first_key, left, right);
    for (int i = 0; i < 4; ++i) {
      const int64_t query = first_query + tile_row(i);
      const C delta = query < in.q.length ? in.delta[in.row(batch, head, query)] : C(0);
      for (int j = 0; j < 4; ++j) {
        C& weight = this->weight[i][j];
        grad[i][j] = C(0);
        if (weight == C(0)) continue;
        const C keep = in.keep(batch, head, query, first_key + tile_column(j));
        grad[i][j] = weight * (products[i][j] * keep - delta);
        weight *= keep;
      }
    }
  }
  // What flows to the products of queries and keys.
  __device__ __forceinline__ void times_slope() {
    for_tile([&](int i, int j) { grad[i][j] *= this->slope[i][j]; });
  }
};

template <class T>
__device__ __forceinline__ KeyInterval keys_of(const BackwardArguments<T>& in, int64_t batch,
                                               int64_t first_query) {
  return seen_by_block(in.intervals, batch, first_query, kScoreTile, in.q.length, in.k.length);
}

// 32 columns of grad_q for 32 queries of a head.
template <class T, class C = compute_t<T>>
__global__ void __launch_bounds__(kScoreThreads)
    attention_grad_query_kernel(BackwardArguments<T> in, int64_t chunks, Heads<T> grad_q) {
  ROUX_SHARED(left, SharedTile<C>);
  ROUX_SHARED(right, SharedTile<C>);
  const int64_t block = blockIdx.x / chunks, pair = block / in.query_tiles;
  const int64_t batch = pair / in.heads, head = pair % in.heads, first = block % in.query_tiles * kScoreTile;
  const int column = static_cast<int>(blockIdx.x % chunks) * kScoreTile;
  const KeyInterval all = keys_of(in, batch, first);
  TileSums<C> sums = {};
  for (int64_t key = all.begin / kScoreTile * kScoreTile; key < all.end; key += kScoreTile) {
    GradientTile<T> tile;
    tile.compute(in, batch, head, first, key, left, right);
    tile.times_slope();
    __syncthreads();
    store_tile(left, tile.grad);
    load_score_tile(right, in.k, in.k.head(batch, head / in.group), key, column);
    __syncthreads();
    multiply_tiles<false, false>(sums, left, right);
  }
  for_tile([&](int i, int j) {
    const int64_t query = first + tile_row(i);
    const int at = column + tile_column(j);
    if (query >= grad_q.length || at >= grad_q.width) return;
    grad_q.head(batch, head)[query * grad_q.row_stride + at] = static_cast<T>(sums[i][j]);
  });
}

// 32 columns of grad_k and of grad_v for 32 keys of a key-value head: over its query heads, then the queries.
template <class T, class C = compute_t<T>>
__global__ void __launch_bounds__(kScoreThreads)
    attention_grad_key_kernel(BackwardArguments<T> in, int64_t chunks, Heads<T> grad_k, Heads<T> grad_v) {
  ROUX_SHARED(left, SharedTile<C>);
  ROUX_SHARED(right, SharedTile<C>);
  const int64_t block = blockIdx.x / chunks, pair = block / in.key_tiles, groups = in.heads / in.group;
  const int64_t batch = pair / groups, group = pair % groups, key = block % in.key_tiles * kScoreTile;
  const int column = static_cast<int>(blockIdx.x % chunks) * kScoreTile;
  TileSums<C> sums_k = {}, sums_v = {};
  for (int64_t head = group * in.group; head < (group + 1) * in.group; ++head) {
    for (int64_t first = 0; first < in.q.length; first += kScoreTile) {
      const KeyInterval all = keys_of(in, batch, first);
      if (all.begin >= key + kScoreTile || all.end <= key) continue;
      GradientTile<T> tile;
      tile.compute(in, batch, head, first, key, left, right);
      tile.times_slope();
      if (column < grad_v.width) {
        __syncthreads();
        store_tile(left, tile.weight);
        load_score_tile(right, in.grad_y, in.grad_y.head(batch, head), first, column);
        __syncthreads();
        multiply_tiles<true, false>(sums_v, left, right);
      }
      if (column < grad_k.width) {
        __syncthreads();
        store_tile(left, tile.grad);
        load_score_tile(right, in.q, in.q.head(batch, head), first, column);
        __syncthreads();
        multiply_tiles<true, false>(sums_k, left, right);
      }
    }
  }
  for_tile([&](int i, int j) {
    const int64_t row = key + tile_row(i);
    const int at = column + tile_column(j);
    if (row >= grad_k.length) return;
    if (at < grad_k.width) {
      grad_k.head(batch, group)[row * grad_k.row_stride + at] = static_cast<T>(sums_k[i][j]);
    }
    if (at < grad_v.width) {
      grad_v.head(batch, group)[row * grad_v.row_stride + at] = static_cast<T>(sums_v[i][j]);
    }
  });
}

// The gradient of a bias whose axes may have size 1: [B, H, T, S].
template <class C>
struct BiasGradient {
  C* data;
  int64_t size[4], stride[4];
};

// 32 x 32 of a bias: over the batches, heads, queries and keys that share it, in this order.
template <class T, class C = compute_t<T>>
__global__ void __launch_bounds__(kScoreThreads)
    attention_grad_bias_kernel(BackwardArguments<T> in, int64_t batches, BiasGradient<C> bias) {
  ROUX_SHARED(left, SharedTile<C>);
  ROUX_SHARED(right, SharedTile<C>);
  // The block's place in the bias, and how much of an axis of size 1 it goes through.
  const bool all_batches = bias.size[0] == 1, all_heads = bias.size[1] == 1;
  const bool all_queries = bias.size[2] == 1, all_keys = bias.size[3] == 1;
  const int64_t key_tiles = all_keys ? 1 : in.key_tiles, query_tiles = all_queries ? 1 : in.query_tiles;
  int64_t block = blockIdx.x;
  const int64_t key = block % key_tiles * kScoreTile;
  block /= key_tiles;
  const int64_t query = block % query_tiles * kScoreTile;
  block /= query_tiles;
  const int64_t own_head = block % bias.size[1], own_batch = block / bias.size[1];
  TileSums<C> sums = {};
  for (int64_t b = own_batch; b < (all_batches ? batches : own_batch + 1); ++b) {
    for (int64_t h = own_head; h < (all_heads ? in.heads : own_head + 1); ++h) {
      for (int64_t t = query; t < (all_queries ? in.q.length : query + 1); t += kScoreTile) {
        const KeyInterval all = keys_of(in, b, t);
        for (int64_t s = key; s < (all_keys ? in.k.length : key + 1); s += kScoreTile) {
          if (all.begin >= s + kScoreTile || all.end <= s) continue;
          GradientTile<T> tile;
          tile.compute(in, b, h, t, s, left, right);
          for_tile([&](int i, int j) { sums[i][j] += tile.grad[i][j]; });
        }
      }
    }
  }
  __syncthreads();
  store_tile(left, sums);
  __syncthreads();
  // The rows and columns of a tile that share an element are one sum.
  for_tile([&](int i, int j) {
    const int row = tile_row(i), column = tile_column(j);
    const int64_t t = query + row, s = key + column;
    if (t >= bias.size[2] || s >= bias.size[3]) return;
    C sum = C(0);
    for (int r = row; r < (all_queries ? kScoreTile : row + 1); ++r) {
      for (int c = column; c < (all_keys ? kScoreTile : column + 1); ++c) sum += left[r][c];
    }
    bias.data[own_batch * bias.stride[0] + own_head * bias.stride[1] + t * bias.stride[2] +
              s * bias.stride[3]] += sum;
  });
}

// Part `part` of the gradient of one head's distance_bias: every parts-th pair of a batch and 32 queries. An
// entry belongs to one thread.
template <class T, class C = compute_t<T>>
__global__ void __launch_bounds__(kScoreThreads)
    attention_grad_distance_kernel(BackwardArguments<T> in, int64_t batches, int64_t parts, C* grad) {
  ROUX_SHARED(left, SharedTile<C>);
  ROUX_SHARED(right, SharedTile<C>);
  const int64_t head = blockIdx.x % in.heads, part = blockIdx.x / in.heads;
  const int64_t distances = in.scoring.distances, middle = (distances - 1) / 2;
  C* const sums = grad + (part * in.heads + head) * distances;
  for (int64_t unit = part; unit < batches * in.query_tiles; unit += parts) {
    const int64_t batch = unit / in.query_tiles, first = unit % in.query_tiles * kScoreTile;
    const int rows = static_cast<int>(min(in.q.length - first, int64_t{kScoreTile}));
    const KeyInterval all = keys_of(in, batch, first);
    for (int64_t key = all.begin / kScoreTile * kScoreTile; key < all.end; key += kScoreTile) {
      GradientTile<T> tile;
      tile.compute(in, batch, head, first, key, left, right);
      __syncthreads();
      store_tile(left, tile.grad);
      __syncthreads();
      int64_t lowest = distances, highest = -1;
      for (int r = 0; r < rows; ++r) {
        const int64_t own = in.intervals.own(batch, first + r);
        lowest = min(lowest, in.scoring.entry(key, own));
        highest = max(highest, in.scoring.entry(key + kScoreTile - 1, own));
      }
      const int64_t start = lowest / kScoreThreads * kScoreThreads + threadIdx.x;
      for (int64_t entry = start; entry <= highest; entry += kScoreThreads) {
        if (entry < lowest) continue;
        const bool at_an_end = entry == 0 || entry == distances - 1;  // of many distances
        C sum = C(0);
        for (int r = 0; r < rows; ++r) {
          const int64_t own = in.intervals.own(batch, first + r), column = entry - middle + own - key;
          if (!at_an_end) {
            if (column >= 0 && column < kScoreTile) sum += left[r][column];
            continue;
          }
          for (int c = 0; c < kScoreTile; ++c) {
            if (in.scoring.entry(key + c, own) == entry) sum += left[r][c];
          }
        }
        sums[entry] += sum;
      }
    }
  }
}

template <class T>
void attention_backward(const Tensor& grad_y, const Tensor& grad_lse, const Tensor& q, const Tensor& k,
                        const Tensor& v, const AttentionCase& options, const Tensor& exact_y,
                        const Tensor& row_stats, Tensor& workspace, AttentionGradients& grad) {
  using C = compute_t<T>;
  const int64_t batches = q.shape()[0], heads = q.shape()[1], rows = row_stats.numel() / 2;
  BackwardArguments<T> in = {};
  static_cast<TileArguments<T>&>(in) = tile_arguments<T>(q, k, v, options, row_stats);
  in.grad_y = heads_of<const T>(grad_y);
  in.query_tiles = score_tiles(q.shape()[2]);
  in.key_tiles = score_tiles(k.shape()[2]);
  C* const delta = workspace.data<C>();
  in.delta = delta;
  const auto config = [](int64_t blocks) {
    return LaunchConfig{.grid = static_cast<unsigned>(blocks), .block = kScoreThreads};
  };
  if (rows > 0) {
    launch(attention_delta_kernel<T>, {.grid = WarpTeam::blocks(rows), .block = kRowBlock}, in.grad_y,
           heads_of<const C>(exact_y), grad_lse.defined() ? grad_lse.data<const C>() : nullptr, heads, rows,
           delta);
  }
  const int64_t chunks_q = score_tiles(q.shape()[3]);
  const int64_t chunks_k = max(chunks_q, score_tiles(v.shape()[3]));
  if (rows * chunks_q > 0) {
    launch(attention_grad_query_kernel<T>, config(batches * heads * in.query_tiles * chunks_q), in, chunks_q,
           heads_of<T>(grad.q));
  }
  if (const int64_t blocks = batches * k.shape()[1] * in.key_tiles * chunks_k; blocks > 0) {
    launch(attention_grad_key_kernel<T>, config(blocks), in, chunks_k, heads_of<T>(grad.k),
           heads_of<T>(grad.v));
  }
  if (rows == 0 || in.key_tiles == 0) return;
  if (grad.bias.defined() && grad.bias.numel() > 0) {
    BiasGradient<C> bias = {grad.bias.data<C>(), {}, {}};  // its first part
    for (int axis = 0; axis < 4; ++axis) {
      bias.size[axis] = grad.bias.shape()[axis + 1];
      bias.stride[axis] = grad.bias.strides()[axis + 1];
    }
    const int64_t tiles = (bias.size[2] == 1 ? 1 : in.query_tiles) * (bias.size[3] == 1 ? 1 : in.key_tiles);
    launch(attention_grad_bias_kernel<T>, config(bias.size[0] * bias.size[1] * tiles), in, batches, bias);
  }
  if (grad.distance_bias.defined()) {
    const int64_t parts = grad.distance_bias.shape()[0];
    launch(attention_grad_distance_kernel<T>, config(parts * heads), in, batches, parts,
           grad.distance_bias.data<C>());
  }
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kFloat(attention_backward_kernels, kDevice, kF32, attention_backward<float>);
const RegisterKernel kDouble(attention_backward_kernels, kDevice, kF64, attention_backward<double>);
const RegisterKernel kBfloat16(attention_backward_kernels, kDevice, kBF16, attention_backward<bfloat16>);
const RegisterKernel kFloat16(attention_backward_kernels, kDevice, kF16, attention_backward<float16>);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
