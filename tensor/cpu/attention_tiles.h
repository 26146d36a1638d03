// What the forward and the backward kernel of attention share: a problem, its tiles of queries, rows in the
// compute type.
#ifndef ROUX_TENSOR_CPU_ATTENTION_TILES_H_
#define ROUX_TENSOR_CPU_ATTENTION_TILES_H_

#include <utility>

#include "tensor/cpu/attention_rows.h"
#include "tensor/cpu/gemm.h"
#include "tensor/ops/attention_tables.h"

namespace roux::cpu {

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
// Rows of a head as products take them: of T itself where gemm multiplies those with f32, else in the compute
// type.
template <class T, class C = compute_t<T>>
struct Factor {
  Rows<const T> own{nullptr, 0};
  Rows<const C> converted{nullptr, 0};  // where `own` is not used
};
template <class T, class C = compute_t<T>>
Factor<T> load_factor(const Rows<const T>& x, int64_t row, int64_t n, int64_t width, C* scratch) {
  if constexpr (std::is_same_v<T, bfloat16>) {
    if (has_mixed_gemm()) return {.own = {x.row(row), x.ld}};
  }
  return {.converted = load_rows(x, row, n, width, scratch)};
}
// c [m, n] = a b^T over k columns of both.
template <class T, class C = compute_t<T>>
void multiply_rows(int64_t m, int64_t n, int64_t k, const Factor<T>& a, const Factor<T>& b, C* c) {
  if constexpr (std::is_same_v<T, bfloat16>) {
    if (b.own.data) return gemm(m, n, k, operand(a.own, k), operand(b.own, k, true), false, c, n);
  }
  gemm(m, n, k, operand(a.converted, k), operand(b.converted, k, true), false, c, n);
}
// c [m, n] (+)= a [m, k] b
template <class T, class C = compute_t<T>>
void multiply_rows(int64_t m, int64_t n, int64_t k, const GemmOperand<C>& a, const Factor<T>& b,
                   bool accumulate, const Rows<C>& c) {
  const int64_t ldc = std::max(c.ld, n);
  if constexpr (std::is_same_v<T, bfloat16>) {
    if (b.own.data) return gemm(m, n, k, a, operand(b.own, n), accumulate, c.data, ldc);
  }
  gemm(m, n, k, a, operand(b.converted, n), accumulate, c.data, ldc);
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
  bool rows_alone;
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
        rows_alone(options.rows_alone),
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

// All n rows of a head in the compute type.
template <class T, class C = compute_t<T>>
Rows<const C> load_whole(const Rows<const T>& x, int64_t n, int64_t width, Scratch<C>& scratch) {
  return load_rows(x, 0, n, width, scratch.template take_converted<T>(n * width));
}

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_ATTENTION_TILES_H_
