// CPU attention in tiles of scores (Br x Bc): products by the single-threaded gemm, softmax in place. A tile
// of queries visits the keys between the first and the last that one of them sees. Forward is parallel over
// (batch, head, tile of queries), backward over (batch, key-value head), or over fewer tasks where these add
// to the gradient of one bias: each gradient is summed by one task in a fixed order. bf16 and f16 rows are
// converted to f32 tile by tile.
#include <utility>

#include "tensor/cpu/attention_rows.h"
#include "tensor/cpu/gemm.h"
#include "tensor/ops/attention_tables.h"
#include "tensor/ops/view.h"

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
template <class C>
GemmOperand<std::remove_const_t<C>> operand(const Rows<C>& rows, int64_t width, bool transposed = false) {
  return {rows.data, std::max(rows.ld, std::max<int64_t>(width, 1)), transposed};
}
// Rows [row, row + n) in the compute type: themselves, or converted to `scratch`.
template <class T, class C = compute_t<T>>
Rows<const C> load_rows(const Rows<const T>& x, int64_t row, int64_t n, int64_t width, C* scratch) {
  if constexpr (std::is_same_v<T, C>) {
    return {x.row(row), x.ld};
  } else {
    for (int64_t i = 0; i < n; ++i) load_tile(x.row(row + i), width, scratch + i * width);
    return {scratch, width};
  }
}
// Where rows [row, ...) of x are summed: in place, or in `scratch`, from which store_rows() rounds them.
template <class T, class C = compute_t<T>>
Rows<C> sums_of(const Rows<T>& x, int64_t row, int64_t width, C* scratch) {
  if constexpr (std::is_same_v<T, C>) {
    return {x.row(row), x.ld};
  } else {
    return {scratch, width};
  }
}
template <class T, class C = compute_t<T>>
void store_rows(const Rows<C>& sums, int64_t n, int64_t width, const Rows<T>& x, int64_t row) {
  if constexpr (!std::is_same_v<T, C>) {
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < width; ++j) x.row(row + i)[j] = static_cast<T>(sums.row(i)[j]);
    }
  }
}
template <class C>
void zero_rows(const Rows<C>& x, int64_t rows, int64_t width) {
  for (int64_t i = 0; i < rows; ++i) std::fill_n(x.row(i), width, C(0));
}

// A tensor [B, H, T, S] whose axes may have size 1; undefined: null.
template <class T>
struct Scored {
  T* data = nullptr;
  int64_t stride[4] = {};
  explicit Scored(const Tensor& x) {
    if (!x.defined()) return;
    data = static_cast<T*>(x.raw_data());
    for (int i = 0; i < 4; ++i) stride[i] = broadcast_strides(x)[i];
  }
  T* at(int64_t b, int64_t h, int64_t t, int64_t s) const {
    return data + b * stride[0] + h * stride[1] + t * stride[2] + s * stride[3];
  }
};

template <class C>
struct Problem {
  int64_t batch, heads, groups, queries, keys, width, v_width;
  AttentionTiles tiles;
  C scale, softcap;
  AttentionIntervals intervals;
  Scored<const bool> mask;
  Scored<const C> bias;
  const C* distance_bias;
  int64_t distances;  // entries of a head
  double dropout;
  Draw draw;
  bool plain;  // scores are products times a scale > 0: the row functions scale their differences
  const RowFunctions<C>& functions;

  Problem(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionCase& options)
      : batch(q.shape()[0]),
        heads(q.shape()[1]),
        groups(k.shape()[1]),
        queries(q.shape()[2]),
        keys(k.shape()[2]),
        width(q.shape()[3]),
        v_width(v.shape()[3]),
        tiles(attention_tiles(queries, keys)),
        scale(static_cast<C>(options.scale)),
        softcap(static_cast<C>(options.softcap)),
        intervals(options, queries, keys),
        mask(options.mask),
        bias(options.bias),
        distance_bias(options.distance_bias.defined() ? options.distance_bias.data<const C>() : nullptr),
        distances(distance_bias ? options.distance_bias.shape()[1] : 0),
        dropout(options.dropout),
        plain(scale > 0 && !(softcap > 0) && !mask.data && !bias.data && !distance_bias),
        functions(row_functions<C>()) {
    if (dropout > 0) draw = Draw(options.draw_state, options.increment);
  }
  // What the row functions multiply differences of scores with.
  C factor() const { return plain ? scale : C(1); }

  // Calls fn(i, entry) for keys [s, s + n): which entry of its head's distance bias belongs to key s + i.
  template <class Fn>
  void for_distances(int64_t b, int64_t t, int64_t s, int64_t n, const Fn& fn) const {
    const int64_t first = s - intervals.own(b, t) + (distances - 1) / 2;
    for (int64_t i = 0; i < n; ++i) fn(i, std::clamp<int64_t>(first + i, 0, distances - 1));
  }
  // Products become scores, for keys [s, s + n); slope (unless null): their derivatives.
  void finish_row(int64_t b, int64_t h, int64_t t, int64_t s, int64_t n, C* scores, C* slope) const {
    functions.scale(scores, slope, n, scale, softcap);
    if (bias.data) {
      const C* added = bias.at(b, h, t, s);
      for (int64_t i = 0; i < n; ++i) scores[i] += added[i * bias.stride[3]];
    }
    if (distance_bias) {
      const C* added = distance_bias + h * distances;
      for_distances(b, t, s, n, [&](int64_t i, int64_t entry) { scores[i] += added[entry]; });
    }
    if (mask.data) {
      const bool* shown = mask.at(b, h, t, s);
      for (int64_t i = 0; i < n; ++i) {
        scores[i] = shown[i * mask.stride[3]] ? scores[i] : -std::numeric_limits<C>::infinity();
      }
    }
  }
  void keep_row(int64_t b, int64_t h, int64_t t, int64_t s, int64_t n, C* keep) const {
    functions.keep(draw, ((b * heads + h) * queries + t) * keys + s, n, dropout, keep);
  }
};

template <class C>
void multiply(C* x, const C* factors, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] *= factors[i];
}

// Consecutive queries of one head.
struct QueryTile {
  int64_t row, rows;
  KeyInterval sees[AttentionTiles::kMaxRows];
  KeyInterval all{0, 0};  // from the first key that one of them sees to the last

  template <class C>
  QueryTile(const Problem<C>& p, int64_t b, int64_t first)
      : row(first), rows(std::min(p.tiles.rows, p.queries - first)) {
    for (int64_t r = 0; r < rows; ++r) {
      sees[r] = p.intervals.seen_by(b, row + r);
      if (sees[r].begin == sees[r].end) continue;
      all = all.begin == all.end
                ? sees[r]
                : KeyInterval{std::min(all.begin, sees[r].begin), std::max(all.end, sees[r].end)};
    }
  }
  // Those of columns [col, col + cols) that row r sees, as an interval of [0, cols).
  KeyInterval within(int64_t r, int64_t col, int64_t cols) const {
    const int64_t begin = std::clamp<int64_t>(sees[r].begin - col, 0, cols);
    return {begin, std::clamp<int64_t>(sees[r].end - col, begin, cols)};
  }
};

template <class C>
void zero_outside(C* row, const KeyInterval& seen, int64_t cols) {
  std::fill(row, row + seen.begin, C(0));
  std::fill(row + seen.end, row + cols, C(0));
}

// The parts of a thread's workspace.
template <class C>
struct Scratch {
  C* next;
  Scratch(Tensor& workspace) : next(workspace.data<C>() + thread_index() * workspace.shape()[1]) {}
  C* take(int64_t elements) { return std::exchange(next, next + elements); }
  // Memory for rows of T in C; none where they are the same.
  template <class T>
  C* take_converted(int64_t elements) {
    return std::is_same_v<T, C> ? nullptr : take(elements);
  }
};

template <class T, class C = compute_t<T>>
void forward_tile(const Problem<C>& p, const Rows<const T>& q, const Rows<const T>& k, const Rows<const T>& v,
                  int64_t b, int64_t h, int64_t row, Scratch<C> scratch, const Rows<T>& y,
                  const Rows<C>& exact_y, C* largest_of_rows, C* log_sum_of_rows, C* lse_of_rows) {
  const QueryTile tile(p, b, row);
  const int64_t rows = tile.rows;
  C *scores = scratch.take(p.tiles.rows * p.tiles.cols), *largest = scratch.take(p.tiles.rows),
    *total = scratch.take(p.tiles.rows), *keep = scratch.take(p.tiles.cols);
  std::fill_n(largest, rows, -std::numeric_limits<C>::infinity());
  std::fill_n(total, rows, C(0));
  const Rows<const C> tile_q =
      load_rows(q, row, rows, p.width, scratch.template take_converted<T>(rows * p.width));
  const Rows<C> out = exact_y.data
                          ? Rows<C>{exact_y.row(row), exact_y.ld}
                          : sums_of(y, row, p.v_width, scratch.template take_converted<T>(rows * p.v_width));
  C* converted = scratch.template take_converted<T>(p.tiles.cols * std::max(p.width, p.v_width));
  for (int64_t col = tile.all.begin; col < tile.all.end; col += p.tiles.cols) {
    const int64_t cols = std::min(p.tiles.cols, tile.all.end - col);
    const bool first = col == tile.all.begin;
    const Rows<const C> tile_k = load_rows(k, col, cols, p.width, converted);
    gemm(rows, cols, p.width, operand(tile_q, p.width), operand(tile_k, p.width, true), false, scores, cols);
    for (int64_t r = 0; r < rows; ++r) {
      const KeyInterval seen = tile.within(r, col, cols);
      zero_outside(scores + r * cols, seen, cols);
      const int64_t s = col + seen.begin, n = seen.end - seen.begin;
      C* weights = scores + r * cols + seen.begin;
      if (n == 0) continue;
      if (!p.plain) p.finish_row(b, h, row + r, s, n, weights, nullptr);
      p.functions.softmax(weights, n, p.factor(), largest + r, total + r, out.row(r), p.v_width, first);
      if (p.dropout > 0) {
        p.keep_row(b, h, row + r, s, n, keep);
        multiply(weights, keep, n);
      }
    }
    const Rows<const C> tile_v = load_rows(v, col, cols, p.v_width, converted);
    gemm(rows, p.v_width, cols, GemmOperand<C>{scores, cols}, operand(tile_v, p.v_width), !first, out.data,
         std::max(out.ld, p.v_width));
  }
  for (int64_t r = 0; r < rows; ++r) {
    const bool blind = largest[r] == -std::numeric_limits<C>::infinity();
    if (blind) {
      std::fill_n(out.row(r), p.v_width, C(0));
    } else {
      const C scale = C(1) / total[r];
      for (int64_t i = 0; i < p.v_width; ++i) out.row(r)[i] *= scale;
    }
    const C log_sum = blind ? C(0) : vmath::log(total[r]);
    largest_of_rows[row + r] = largest[r];
    log_sum_of_rows[row + r] = log_sum;
    if (lse_of_rows) lse_of_rows[row + r] = largest[r] * p.factor() + log_sum;
  }
  store_rows(out, rows, p.v_width, y, row);
}

template <class T, class C = compute_t<T>>
void attention_rows(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionCase& options,
                    Tensor& workspace, Tensor& y, Tensor& exact_y, Tensor& row_stats, Tensor& lse) {
  const Problem<C> p(q, k, v, options);
  const int64_t tiles = (p.queries + p.tiles.rows - 1) / p.tiles.rows, per_group = p.heads / p.groups;
  C *largest = row_stats.data<C>(), *log_sum = largest + p.batch * p.heads * p.queries;
  parallel_for(0, p.batch * p.heads * tiles, 1, [&](int64_t task, int64_t) {
    // The longest rows first: with causality the work grows with the tile.
    const int64_t tile = tiles - 1 - task % tiles, b = task / tiles / p.heads, h = task / tiles % p.heads;
    const int64_t first = (b * p.heads + h) * p.queries;
    forward_tile<T>(p, head_of<const T>(q, b, h), head_of<const T>(k, b, h / per_group),
                    head_of<const T>(v, b, h / per_group), b, h, tile * p.tiles.rows, Scratch<C>(workspace),
                    head_of<T>(y, b, h), exact_y.defined() ? head_of<C>(exact_y, b, h) : Rows<C>{nullptr, 0},
                    largest + first, log_sum + first, lse.defined() ? lse.data<C>() + first : nullptr);
  });
}

// What the queries of one head add to the gradients of its key-value head, and their own gradient.
template <class T, class C = compute_t<T>>
struct HeadBackward {
  const Problem<C>& p;
  int64_t b, h;
  Rows<const T> grad_y, q, k, v;
  Rows<const C> exact_y;
  const C *largest, *log_sum, *grad_lse;  // of the head's rows; grad_lse may be null
  Rows<T> grad_q;
  Rows<C> grad_k, grad_v;
  const Scored<C>& grad_bias;  // of the task's part
  C* grad_distance;            // of the task's part and the head; may be null
  Scratch<C> scratch;

  void tile(int64_t row) const {
    const QueryTile tile(p, b, row);
    const int64_t rows = tile.rows;
    Scratch<C> free = scratch;
    C *scores = free.take(p.tiles.rows * p.tiles.cols),
      *weights_grad = free.take(p.tiles.rows * p.tiles.cols), *delta = free.take(p.tiles.rows),
      *slope = free.take(p.tiles.cols), *keep = free.take(p.tiles.cols);
    const auto load = [](const Rows<const T>& x, int64_t first, int64_t n, int64_t width, Scratch<C>& from) {
      return load_rows(x, first, n, width, from.template take_converted<T>(n * width));
    };
    const Rows<const C> tile_q = load(q, row, rows, p.width, free),
                        tile_gy = load(grad_y, row, rows, p.v_width, free);
    const Rows<C> tile_gq = sums_of(grad_q, row, p.width, free.template take_converted<T>(rows * p.width));
    for (int64_t r = 0; r < rows; ++r) {
      delta[r] = p.functions.dot(tile_gy.row(r), exact_y.row(row + r), p.v_width);
      if (grad_lse) delta[r] -= grad_lse[row + r];
    }
    if (tile.all.begin == tile.all.end) zero_rows(tile_gq, rows, p.width);
    for (int64_t col = tile.all.begin; col < tile.all.end; col += p.tiles.cols) {
      const int64_t cols = std::min(p.tiles.cols, tile.all.end - col);
      Scratch<C> per_keys = free;
      const Rows<const C> tile_k = load(k, col, cols, p.width, per_keys),
                          tile_v = load(v, col, cols, p.v_width, per_keys);
      gemm(rows, cols, p.width, operand(tile_q, p.width), operand(tile_k, p.width, true), false, scores,
           cols);
      gemm(rows, cols, p.v_width, operand(tile_gy, p.v_width), operand(tile_v, p.v_width, true), false,
           weights_grad, cols);
      for (int64_t r = 0; r < rows; ++r) {
        KeyInterval seen = tile.within(r, col, cols);
        if (largest[row + r] == -std::numeric_limits<C>::infinity()) seen.end = seen.begin;
        zero_outside(scores + r * cols, seen, cols);
        zero_outside(weights_grad + r * cols, seen, cols);
        finish(row + r, col + seen.begin, seen.end - seen.begin, delta[r], scores + r * cols + seen.begin,
               weights_grad + r * cols + seen.begin, slope, keep);
      }
      const GemmOperand<C> weights_t{scores, cols, true}, scores_grad_t{weights_grad, cols, true};
      gemm(cols, p.v_width, rows, weights_t, operand(tile_gy, p.v_width), true, grad_v.row(col),
           std::max(grad_v.ld, p.v_width));
      gemm(cols, p.width, rows, scores_grad_t, operand(tile_q, p.width), true, grad_k.row(col),
           std::max(grad_k.ld, p.width));
      gemm(rows, p.width, cols, GemmOperand<C>{weights_grad, cols}, operand(tile_k, p.width),
           col > tile.all.begin, tile_gq.data, std::max(tile_gq.ld, p.width));
    }
    store_rows(tile_gq, rows, p.width, grad_q, row);
  }

  // Query t and keys [s, s + n): products become weights (as dropout left them), and the gradients of those
  // become gradients of products.
  void finish(int64_t t, int64_t s, int64_t n, C delta, C* scores, C* grad, C* slope, C* keep) const {
    if (!p.plain) p.finish_row(b, h, t, s, n, scores, slope);
    if (p.dropout > 0) {
      p.keep_row(b, h, t, s, n, keep);
      multiply(grad, keep, n);
    }
    p.functions.backward(scores, grad, n, p.factor(), largest[t], log_sum[t], delta, p.factor());
    if (p.dropout > 0) multiply(scores, keep, n);
    if (p.plain) return;
    if (grad_bias.data) {
      C* sums = grad_bias.at(b, h, t, s);
      for (int64_t i = 0; i < n; ++i) sums[i * grad_bias.stride[3]] += grad[i];
    }
    if (grad_distance) {
      p.for_distances(b, t, s, n, [&](int64_t i, int64_t entry) { grad_distance[entry] += grad[i]; });
    }
    multiply(grad, slope, n);
  }
};

template <class T, class C = compute_t<T>>
void attention_backward_rows(const Tensor& grad_y, const Tensor& grad_lse, const Tensor& q, const Tensor& k,
                             const Tensor& v, const AttentionCase& options, const Tensor& exact_y,
                             const Tensor& row_stats, Tensor& workspace, AttentionGradients& grad) {
  const Problem<C> p(q, k, v, options);
  const int64_t per_group = p.heads / p.groups, rows = p.batch * p.heads * p.queries;
  const C* stats = row_stats.data<const C>();
  const Tensor &bias = grad.bias.defined() ? options.bias : grad.bias, &distances = grad.distance_bias;
  const AttentionTasks tasks = attention_tasks(q, k, bias, distances);
  const int64_t shared_groups = p.groups / tasks.groups;  // heads and batches that share a bias
  const int64_t pairs = tasks.batches > 1 ? shared_groups : p.batch * shared_groups;
  const Scored<C> bias_sums(bias.defined() ? select(grad.bias, 0, 0) : bias);
  parallel_for(0, tasks.batches * tasks.groups * tasks.parts, 1, [&](int64_t task, int64_t) {
    const int64_t part = task % tasks.parts, b0 = task / tasks.parts / tasks.groups,
                  group0 = task / tasks.parts % tasks.groups;
    Scored<C> part_bias = bias_sums;
    if (bias.defined()) part_bias.data += part * bias.numel();
    for (int64_t pair = pairs * part / tasks.parts; pair < pairs * (part + 1) / tasks.parts; ++pair) {
      const int64_t b = tasks.batches > 1 ? b0 : pair / shared_groups;
      const int64_t group = tasks.groups > 1 ? group0 : pair % shared_groups;
      Scratch<C> scratch(workspace);
      const Rows<T> grad_k = head_of<T>(grad.k, b, group), grad_v = head_of<T>(grad.v, b, group);
      const Rows<C> sums_k =
          sums_of(grad_k, 0, p.width, scratch.template take_converted<T>(p.keys * p.width));
      const Rows<C> sums_v =
          sums_of(grad_v, 0, p.v_width, scratch.template take_converted<T>(p.keys * p.v_width));
      zero_rows(sums_k, p.keys, p.width);
      zero_rows(sums_v, p.keys, p.v_width);
      for (int64_t h = group * per_group; h < (group + 1) * per_group; ++h) {
        const int64_t first = (b * p.heads + h) * p.queries;
        const HeadBackward<T> head{
            p,
            b,
            h,
            head_of<const T>(grad_y, b, h),
            head_of<const T>(q, b, h),
            head_of<const T>(k, b, group),
            head_of<const T>(v, b, group),
            head_of<const C>(exact_y, b, h),
            stats + first,
            stats + rows + first,
            grad_lse.defined() ? grad_lse.data<const C>() + first : nullptr,
            head_of<T>(grad.q, b, h),
            sums_k,
            sums_v,
            part_bias,
            distances.defined() ? distances.data<C>() + (part * p.heads + h) * p.distances : nullptr,
            scratch};
        for (int64_t row = 0; row < p.queries; row += p.tiles.rows) head.tile(row);
      }
      store_rows(sums_k, p.keys, p.width, grad_k, 0);
      store_rows(sums_v, p.keys, p.v_width, grad_v, 0);
    }
  });
}

void attention_cpu(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionCase& options,
                   Tensor& workspace, Tensor& y, Tensor& exact_y, Tensor& row_stats, Tensor& lse) {
  dispatch_floating(q.dtype(), [&](auto tag) {
    attention_rows<decltype(tag)>(q, k, v, options, workspace, y, exact_y, row_stats, lse);
  });
}
void attention_backward_cpu(const Tensor& grad_y, const Tensor& grad_lse, const Tensor& q, const Tensor& k,
                            const Tensor& v, const AttentionCase& options, const Tensor& exact_y,
                            const Tensor& row_stats, Tensor& workspace, AttentionGradients& grad) {
  dispatch_floating(q.dtype(), [&](auto tag) {
    attention_backward_rows<decltype(tag)>(grad_y, grad_lse, q, k, v, options, exact_y, row_stats, workspace,
                                           grad);
  });
}

const RegisterKernel kAttention(attention_kernels, DeviceType::kCpu, kFloating, attention_cpu);
const RegisterKernel kAttentionBackward(attention_backward_kernels, DeviceType::kCpu, kFloating,
                                        attention_backward_cpu);

}  // namespace
}  // namespace roux::cpu
