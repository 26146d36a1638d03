// CPU attention in tiles of scores (Br x Bc): products by the single-threaded gemm, softmax in place. Forward
// is parallel over (batch, head, tile of queries), backward over (batch, key-value head): each gradient is
// summed by one task in a fixed order.
#include <algorithm>
#include <limits>

#include "tensor/cpu/gemm.h"
#include "tensor/cpu/row_softmax.h"
#include "tensor/ops/attention_tables.h"

namespace roux::cpu {
namespace {

// Rows of one head: [rows, width] with stride ld.
template <class T>
struct Rows {
  T* data;
  int64_t ld;
  T* row(int64_t i) const { return data + i * ld; }
};
template <class T>
Rows<T> head_of(const Tensor& x, int64_t b, int64_t h) {
  return {static_cast<T*>(x.raw_data()) + b * x.strides()[0] + h * x.strides()[1], x.strides()[2]};
}
// A leading dimension that a BLAS accepts also for a single row (whose stride may be anything).
template <class T>
GemmOperand<std::remove_const_t<T>> operand(const Rows<T>& rows, int64_t row, int64_t width,
                                            bool transposed = false) {
  return {rows.row(row), std::max(rows.ld, std::max<int64_t>(width, 1)), transposed};
}

template <class T>
struct Problem {
  int64_t batch, heads, groups, queries, keys, width, v_width;
  AttentionTiles tiles;
  T scale;
  bool scaled_by_tile;  // score_tile scales (and masks); otherwise the row functions do, with a scale > 0
  bool causal;
  const Tensor* mask;

  Problem(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask_,
          const AttentionCase& options)
      : batch(q.shape()[0]),
        heads(q.shape()[1]),
        groups(k.shape()[1]),
        queries(q.shape()[2]),
        keys(k.shape()[2]),
        width(q.shape()[3]),
        v_width(v.shape()[3]),
        tiles(attention_tiles(queries, keys)),
        scale(static_cast<T>(options.scale)),
        scaled_by_tile(mask_.defined() || !(scale > 0)),
        causal(options.causal),
        mask(&mask_) {}
  // What the row functions multiply differences of scores with.
  T factor() const { return scaled_by_tile ? T(1) : scale; }
  // The keys that query t may look at by causality: [0, limit).
  int64_t limit(int64_t t) const {
    return causal ? std::clamp<int64_t>(t + keys - queries + 1, 0, keys) : keys;
  }
  // How many of the columns [col, col + cols) that is.
  int64_t visible(int64_t t, int64_t col, int64_t cols) const {
    return std::clamp<int64_t>(limit(t) - col, 0, cols);
  }
};

// scores[0, n) = scores * scale + mask.
template <class T>
void mask_row(const Problem<T>& p, int64_t b, int64_t h, int64_t t, int64_t first, int64_t n, T* scores) {
  for (int64_t i = 0; i < n; ++i) scores[i] *= p.scale;
  if (!p.mask->defined()) return;
  const Tensor& mask = *p.mask;
  const Strides& strides = mask.strides();
  const int64_t at = b * strides[0] + h * strides[1] + t * strides[2] + first * strides[3], step = strides[3];
  if (mask.dtype() == kBool) {
    const bool* shown = static_cast<const bool*>(mask.raw_data()) + at;
    for (int64_t i = 0; i < n; ++i) {
      scores[i] = shown[i * step] ? scores[i] : -std::numeric_limits<T>::infinity();
    }
  } else {
    const T* added = static_cast<const T*>(mask.raw_data()) + at;
    for (int64_t i = 0; i < n; ++i) scores[i] += added[i * step];
  }
}

// One row of a tile: the running maximum and sum take in the first `visible` of n scores, which become
// weights exp((score - maximum) factor) with factor > 0; the others become 0. The accumulated output row is
// rescaled. The maximum is that of the scores before the factor: their product is rounded, and exp of a score
// relative to the rounded one may overflow.
template <class T>
ROUX_ALWAYS_INLINE void online_softmax_row(T* __restrict scores, int64_t n, int64_t visible, T factor,
                                           T* largest, T* total, T* __restrict out, int64_t width,
                                           bool first) {
  constexpr T kNone = -std::numeric_limits<T>::infinity();
  const T before = *largest, here = row_max(scores, visible);
  T now = here <= before ? before : here;
  if (now == kNone) {
    bool hidden = true;  // or the maximum missed a NaN
    for (int64_t i = 0; i < visible; ++i) hidden &= scores[i] == kNone;
    if (hidden) {
      for (int64_t i = 0; i < n; ++i) scores[i] = T(0);
      return;
    }
    now = std::numeric_limits<T>::quiet_NaN();
  }
  RowLanes<T> lanes(T(0));
  for (int64_t at = 0; at < visible; at += kRowTile) {
    const int64_t count = visible - at < kRowTile ? visible - at : kRowTile;
    for (int64_t i = at; i < at + count; ++i) scores[i] = exp_weight((scores[i] - now) * factor);
    lanes.add(scores + at, count);
  }
  for (int64_t i = visible; i < n; ++i) scores[i] = T(0);
  const T shrink = before == kNone ? T(0) : exp_weight((before - now) * factor);
  *total = *total * shrink + lanes.sum();
  *largest = now;
  if (!first && shrink != T(1)) {
    for (int64_t i = 0; i < width; ++i) out[i] *= shrink;
  }
}

// weights = exp((scores - largest) factor - log_sum) and scores_grad = weights (weights_grad - delta) scale,
// in place.
template <class T>
ROUX_ALWAYS_INLINE void backward_row(T* __restrict scores, T* __restrict weights_grad, int64_t n,
                                     int64_t visible, T factor, T largest, T log_sum, T delta, T scale) {
  if (largest == -std::numeric_limits<T>::infinity()) visible = 0;
  for (int64_t i = 0; i < visible; ++i) {
    const T weight = exp_weight((scores[i] - largest) * factor - log_sum);
    scores[i] = weight;
    weights_grad[i] = weight * (weights_grad[i] - delta) * scale;
  }
  for (int64_t i = visible; i < n; ++i) scores[i] = weights_grad[i] = T(0);
}

template <class T>
ROUX_ALWAYS_INLINE T dot(const T* a, const T* b, int64_t n) {
  RowLanes<T> lanes(T(0));
  T tile[kRowTile];
  for (int64_t at = 0; at < n; at += kRowTile) {
    const int64_t count = n - at < kRowTile ? n - at : kRowTile;
    for (int64_t i = 0; i < count; ++i) tile[i] = a[at + i] * b[at + i];
    lanes.add(tile, count);
  }
  return lanes.sum();
}

// The row functions, compiled for both instruction sets.
template <class T>
struct RowFunctions {
  void (*softmax)(T*, int64_t, int64_t, T, T*, T*, T*, int64_t, bool);
  void (*backward)(T*, T*, int64_t, int64_t, T, T, T, T, T);
  T (*dot)(const T*, const T*, int64_t);
};
template <class T>
struct Base {
  static void softmax(T* s, int64_t n, int64_t visible, T f, T* m, T* l, T* o, int64_t w, bool first) {
    online_softmax_row(s, n, visible, f, m, l, o, w, first);
  }
  static void backward(T* s, T* g, int64_t n, int64_t visible, T f, T m, T l, T d, T scale) {
    backward_row(s, g, n, visible, f, m, l, d, scale);
  }
  static T inner(const T* a, const T* b, int64_t n) { return dot(a, b, n); }
};
template <class T>
struct Avx512 {
  ROUX_TARGET_AVX512 static void softmax(T* s, int64_t n, int64_t visible, T f, T* m, T* l, T* o, int64_t w,
                                         bool first) {
    online_softmax_row(s, n, visible, f, m, l, o, w, first);
  }
  ROUX_TARGET_AVX512 static void backward(T* s, T* g, int64_t n, int64_t visible, T f, T m, T l, T d,
                                          T scale) {
    backward_row(s, g, n, visible, f, m, l, d, scale);
  }
  ROUX_TARGET_AVX512 static T inner(const T* a, const T* b, int64_t n) { return dot(a, b, n); }
};
template <class T>
const RowFunctions<T>& row_functions() {
  static const RowFunctions<T> functions =
      has_avx512() ? RowFunctions<T>{Avx512<T>::softmax, Avx512<T>::backward, Avx512<T>::inner}
                   : RowFunctions<T>{Base<T>::softmax, Base<T>::backward, Base<T>::inner};
  return functions;
}

// scores[rows, cols] (ld = cols) = q k^T of a tile, scaled and masked where the problem says so.
template <class T>
void score_tile(const Problem<T>& p, const Rows<const T>& q, const Rows<const T>& k, int64_t b, int64_t h,
                int64_t row, int64_t rows, int64_t col, int64_t cols, T* scores) {
  gemm(rows, cols, p.width, operand(q, row, p.width), operand(k, col, p.width, true), false, scores, cols);
  if (!p.scaled_by_tile) return;
  for (int64_t r = 0; r < rows; ++r) {
    mask_row(p, b, h, row + r, col, p.visible(row + r, col, cols), scores + r * cols);
  }
}

template <class T>
void forward_tile(const Problem<T>& p, const Rows<const T>& q, const Rows<const T>& k, const Rows<const T>& v,
                  int64_t b, int64_t h, int64_t row, T* scratch, const Rows<T>& y, T* largest_of_rows,
                  T* log_sum_of_rows) {
  const int64_t rows = std::min(p.tiles.rows, p.queries - row), end = p.limit(row + rows - 1);
  T *scores = scratch, *largest = scores + p.tiles.rows * p.tiles.cols, *total = largest + p.tiles.rows;
  std::fill_n(largest, rows, -std::numeric_limits<T>::infinity());
  std::fill_n(total, rows, T(0));
  for (int64_t col = 0; col < end; col += p.tiles.cols) {
    const int64_t cols = std::min(p.tiles.cols, end - col);
    score_tile(p, q, k, b, h, row, rows, col, cols, scores);
    for (int64_t r = 0; r < rows; ++r) {
      row_functions<T>().softmax(scores + r * cols, cols, p.visible(row + r, col, cols), p.factor(),
                                 largest + r, total + r, y.row(row + r), p.v_width, col == 0);
    }
    gemm(rows, p.v_width, cols, GemmOperand<T>{scores, cols}, operand(v, col, p.v_width), col > 0, y.row(row),
         std::max(y.ld, p.v_width));
  }
  for (int64_t r = 0; r < rows; ++r) {
    T* out = y.row(row + r);
    largest_of_rows[row + r] = largest[r];
    if (largest[r] == -std::numeric_limits<T>::infinity()) {  // it looks at nothing
      std::fill_n(out, p.v_width, T(0));
      log_sum_of_rows[row + r] = T(0);
      continue;
    }
    const T scale = T(1) / total[r];
    for (int64_t i = 0; i < p.v_width; ++i) out[i] *= scale;
    log_sum_of_rows[row + r] = vmath::log(total[r]);
  }
}

template <class T>
void attention_cpu(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
                   const AttentionCase& options, Tensor& workspace, Tensor& y, Tensor& row_stats) {
  const Problem<T> p(q, k, v, mask, options);
  const int64_t tiles = (p.queries + p.tiles.rows - 1) / p.tiles.rows, per_group = p.heads / p.groups;
  T *largest = row_stats.data<T>(), *log_sum = largest + p.batch * p.heads * p.queries;
  parallel_for(0, p.batch * p.heads * tiles, 1, [&](int64_t task, int64_t) {
    // The longest rows first: with causality the work grows with the tile.
    const int64_t tile = tiles - 1 - task % tiles, b = task / tiles / p.heads, h = task / tiles % p.heads;
    const int64_t first = (b * p.heads + h) * p.queries;
    forward_tile<T>(p, head_of<const T>(q, b, h), head_of<const T>(k, b, h / per_group),
                    head_of<const T>(v, b, h / per_group), b, h, tile * p.tiles.rows,
                    workspace.data<T>() + thread_index() * workspace.shape()[1], head_of<T>(y, b, h),
                    largest + first, log_sum + first);
  });
}

template <class T>
void zero_rows(const Rows<T>& x, int64_t rows, int64_t width) {
  for (int64_t i = 0; i < rows; ++i) std::fill_n(x.row(i), width, T(0));
}

// What one query head adds to the gradients of its key-value head, and its own.
template <class T>
struct HeadBackward {
  const Problem<T>& p;
  Rows<const T> grad_y, q, k, v, y;
  const T *largest, *log_sum;
  Rows<T> grad_q, grad_k, grad_v;
  T* scratch;

  void tile(int64_t b, int64_t h, int64_t row) const {
    const int64_t rows = std::min(p.tiles.rows, p.queries - row), end = p.limit(row + rows - 1);
    T *scores = scratch, *weights_grad = scores + p.tiles.rows * p.tiles.cols;
    T* delta = weights_grad + p.tiles.rows * p.tiles.cols;
    const RowFunctions<T>& functions = row_functions<T>();
    for (int64_t r = 0; r < rows; ++r) {
      delta[r] = functions.dot(grad_y.row(row + r), y.row(row + r), p.v_width);
    }
    if (end == 0) zero_rows<T>({grad_q.row(row), grad_q.ld}, rows, p.width);
    for (int64_t col = 0; col < end; col += p.tiles.cols) {
      const int64_t cols = std::min(p.tiles.cols, end - col);
      score_tile(p, q, k, b, h, row, rows, col, cols, scores);
      gemm(rows, cols, p.v_width, operand(grad_y, row, p.v_width), operand(v, col, p.v_width, true), false,
           weights_grad, cols);
      for (int64_t r = 0; r < rows; ++r) {
        functions.backward(scores + r * cols, weights_grad + r * cols, cols, p.visible(row + r, col, cols),
                           p.factor(), largest[row + r], log_sum[row + r], delta[r], p.scale);
      }
      const GemmOperand<T> weights_t{scores, cols, true}, scores_grad_t{weights_grad, cols, true};
      gemm(cols, p.v_width, rows, weights_t, operand(grad_y, row, p.v_width), true, grad_v.row(col),
           std::max(grad_v.ld, p.v_width));
      gemm(cols, p.width, rows, scores_grad_t, operand(q, row, p.width), true, grad_k.row(col),
           std::max(grad_k.ld, p.width));
      gemm(rows, p.width, cols, GemmOperand<T>{weights_grad, cols}, operand(k, col, p.width), col > 0,
           grad_q.row(row), std::max(grad_q.ld, p.width));
    }
  }
};

template <class T>
void attention_backward_cpu(const Tensor& grad_y, const Tensor& q, const Tensor& k, const Tensor& v,
                            const Tensor& mask, const Tensor& y, const Tensor& row_stats,
                            const AttentionCase& options, Tensor& workspace, Tensor& grad_q, Tensor& grad_k,
                            Tensor& grad_v) {
  const Problem<T> p(q, k, v, mask, options);
  const int64_t per_group = p.heads / p.groups;
  const T *largest = row_stats.data<const T>(), *log_sum = largest + p.batch * p.heads * p.queries;
  parallel_for(0, p.batch * p.groups, 1, [&](int64_t task, int64_t) {
    const int64_t b = task / p.groups, group = task % p.groups;
    const Rows<T> gk = head_of<T>(grad_k, b, group), gv = head_of<T>(grad_v, b, group);
    zero_rows(gk, p.keys, p.width);
    zero_rows(gv, p.keys, p.v_width);
    for (int64_t h = group * per_group; h < (group + 1) * per_group; ++h) {
      const HeadBackward<T> head{p,
                                 head_of<const T>(grad_y, b, h),
                                 head_of<const T>(q, b, h),
                                 head_of<const T>(k, b, group),
                                 head_of<const T>(v, b, group),
                                 head_of<const T>(y, b, h),
                                 largest + (b * p.heads + h) * p.queries,
                                 log_sum + (b * p.heads + h) * p.queries,
                                 head_of<T>(grad_q, b, h),
                                 gk,
                                 gv,
                                 workspace.data<T>() + thread_index() * workspace.shape()[1]};
      for (int64_t row = 0; row < p.queries; row += p.tiles.rows) head.tile(b, h, row);
    }
  });
}

const RegisterKernel kForwardF32(attention_kernels, DeviceType::kCpu, kF32, attention_cpu<float>);
const RegisterKernel kForwardF64(attention_kernels, DeviceType::kCpu, kF64, attention_cpu<double>);
const RegisterKernel kBackwardF32(attention_backward_kernels, DeviceType::kCpu, kF32,
                                  attention_backward_cpu<float>);
const RegisterKernel kBackwardF64(attention_backward_kernels, DeviceType::kCpu, kF64,
                                  attention_backward_cpu<double>);

}  // namespace
}  // namespace roux::cpu
