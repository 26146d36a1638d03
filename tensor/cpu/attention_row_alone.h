// Attention of one query in an order of its own, for batch-invariant mode: its bits depend on the query, the
// keys and values that it sees and their number, not on the queries or keys beside them. All of its scores
// are held at once, so that no limit of a tile is seen in the sums.
#ifndef ROUX_TENSOR_CPU_ATTENTION_ROW_ALONE_H_
#define ROUX_TENSOR_CPU_ATTENTION_ROW_ALONE_H_

#include "tensor/cpu/attention_tiles.h"

namespace roux::cpu {

// scores[i] = <q, k_i>: lanes over the width, folded; then what is left of it, in order.
struct DotsOfRow {
  template <class C>
  ROUX_ALWAYS_INLINE void operator()(const C* q, const C* k, int64_t ld, int64_t n, int64_t width,
                                     C* scores) const {
    using Row = RowVector<C>;
    constexpr int64_t kLanes = kRowLanes<C>;
    const int64_t whole = width / kLanes * kLanes;
    for (int64_t i = 0; i < n; ++i, k += ld) {
      C sum(0);
      if (whole > 0) {
        typename Row::Vector lanes = {}, x, y;
        for (int64_t j = 0; j < whole; j += kLanes) {
          Row::load(q + j, x);
          Row::load(k + j, y);
          lanes += x * y;
        }
        sum = Row::fold(lanes, Row::add);
      }
      for (int64_t j = whole; j < width; ++j) sum += q[j] * k[j];
      scores[i] = sum;
    }
  }
};

// out += sum_i weights[i] v_i, in order of i.
struct AddWeightedRows {
  template <int kVectors, class C>
  ROUX_ALWAYS_INLINE void add_columns(const C* weights, const C* v, int64_t ld, int64_t n, C* out) const {
    using Row = RowVector<C>;
    typename Row::Vector sums[kVectors], x;
    for (int j = 0; j < kVectors; ++j) Row::load(out + j * kRowLanes<C>, sums[j]);
    for (int64_t i = 0; i < n; ++i, v += ld) {
      for (int j = 0; j < kVectors; ++j) {
        Row::load(v + j * kRowLanes<C>, x);
        sums[j] += weights[i] * x;
      }
    }
    for (int j = 0; j < kVectors; ++j) std::memcpy(out + j * kRowLanes<C>, &sums[j], sizeof x);
  }
  template <class C>
  ROUX_ALWAYS_INLINE void operator()(const C* weights, const C* v, int64_t ld, int64_t n, int64_t width,
                                     C* out) const {
    constexpr int64_t kLanes = kRowLanes<C>;
    int64_t j = 0;
    for (; j + 4 * kLanes <= width; j += 4 * kLanes) add_columns<4>(weights, v + j, ld, n, out + j);
    for (; j + kLanes <= width; j += kLanes) add_columns<1>(weights, v + j, ld, n, out + j);
    for (int64_t i = 0; i < n; ++i, v += ld) {
      for (int64_t rest = j; rest < width; ++rest) out[rest] += weights[i] * v[rest];
    }
  }
};

template <class C>
struct RowAloneFunctions {
  void (*dots)(const C*, const C*, int64_t, int64_t, int64_t, C*);
  void (*add_weighted)(const C*, const C*, int64_t, int64_t, int64_t, C*);
  RowAloneFunctions() {
    select_row<DotsOfRow>(dots);
    select_row<AddWeightedRows>(add_weighted);
  }
};

// Memory for one query: all its scores, a tile of keys or values in C, a tile of factors of dropout.
template <class C>
struct RowScratch {
  C *scores, *converted, *keep;
};

// Query t of head h in batch row b, which sees `sees`: its largest score, the sum of its exponentials, and
// the weighted sum of the values, not yet divided by it.
template <class T, class C = compute_t<T>>
void attend_row_alone(const Problem<C>& p, const Rows<const T>& k, const Rows<const T>& v, int64_t b,
                      int64_t h, int64_t t, const KeyInterval& sees, const C* q, const RowScratch<C>& scratch,
                      C* largest, C* total, C* out) {
  static const RowAloneFunctions<C> functions;
  const int64_t n = sees.end - sees.begin, step = p.tiles.cols;
  std::fill_n(out, p.v_width, C(0));
  for (int64_t at = 0; at < n; at += step) {
    const int64_t cols = std::min(step, n - at);
    const Rows<const C> keys = load_rows(k, sees.begin + at, cols, p.width, scratch.converted);
    functions.dots(q, keys.data, keys.ld, cols, p.width, scratch.scores + at);
  }
  if (n == 0) return;
  if (!p.plain) p.finish_row(b, h, t, sees.begin, n, scratch.scores, nullptr);
  p.functions.softmax(scratch.scores, n, p.factor(), largest, total, out, p.v_width, true);
  for (int64_t at = 0; at < n; at += step) {
    const int64_t cols = std::min(step, n - at);
    if (p.dropout > 0) {
      p.keep_row(b, h, t, sees.begin + at, cols, scratch.keep);
      multiply(scratch.scores + at, scratch.keep, cols);
    }
    const Rows<const C> values = load_rows(v, sees.begin + at, cols, p.v_width, scratch.converted);
    functions.add_weighted(scratch.scores + at, values.data, values.ld, cols, p.v_width, out);
  }
}

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_ATTENTION_ROW_ALONE_H_
