// What attention does to one row of a tile of scores, compiled for both instruction sets. C: float or double.
#ifndef ROUX_TENSOR_CPU_ATTENTION_ROWS_H_
#define ROUX_TENSOR_CPU_ATTENTION_ROWS_H_

#include <algorithm>
#include <limits>

#include "tensor/cpu/draw.h"
#include "tensor/cpu/row_softmax.h"

namespace roux::cpu {

// The running maximum and sum take in n scores, which become weights exp((score - maximum) factor) with
// factor > 0. The accumulated output row is rescaled. The maximum is that of the scores before the factor:
// their product is rounded, and exp of a score relative to the rounded one may overflow.
struct OnlineSoftmaxRow {
  template <class C>
  ROUX_ALWAYS_INLINE void operator()(C* __restrict scores, int64_t n, C factor, C* largest, C* total,
                                     C* __restrict out, int64_t width, bool first) const {
    constexpr C kNone = -std::numeric_limits<C>::infinity();
    const C before = *largest, here = row_max(scores, n);
    C now = here <= before ? before : here;
    if (now == kNone) {
      bool hidden = true;  // or the maximum missed a NaN
      for (int64_t i = 0; i < n; ++i) hidden &= scores[i] == kNone;
      if (hidden) {
        for (int64_t i = 0; i < n; ++i) scores[i] = C(0);
        return;
      }
      now = std::numeric_limits<C>::quiet_NaN();
    }
    RowLanes<C> lanes(C(0));
    for (int64_t at = 0; at < n; at += kRowTile) {
      const int64_t count = n - at < kRowTile ? n - at : kRowTile;
      for (int64_t i = at; i < at + count; ++i) scores[i] = exp_weight((scores[i] - now) * factor);
      lanes.add(scores + at, count);
    }
    const C shrink = before == kNone ? C(0) : exp_weight((before - now) * factor);
    *total = *total * shrink + lanes.sum();
    *largest = now;
    if (!first && shrink != C(1)) {
      for (int64_t i = 0; i < width; ++i) out[i] *= shrink;
    }
  }
};

// weights = exp((scores - largest) factor - log_sum) and scores_grad = weights (weights_grad - delta) scale,
// in place.
struct BackwardRow {
  template <class C>
  ROUX_ALWAYS_INLINE void operator()(C* __restrict scores, C* __restrict weights_grad, int64_t n, C factor,
                                     C largest, C log_sum, C delta, C scale) const {
    for (int64_t i = 0; i < n; ++i) {
      const C weight = exp_weight((scores[i] - largest) * factor - log_sum);
      scores[i] = weight;
      weights_grad[i] = weight * (weights_grad[i] - delta) * scale;
    }
  }
};

// A product q k becomes softcap(product scale); slope[i] (unless null) is the derivative.
struct ScaleRow {
  template <class C>
  ROUX_ALWAYS_INLINE void operator()(C* __restrict scores, C* __restrict slope, int64_t n, C scale,
                                     C softcap) const {
    if (softcap > C(0)) {
      for (int64_t i = 0; i < n; ++i) {
        const C bounded = vmath::tanh(scores[i] * scale / softcap);
        scores[i] = bounded * softcap;
        if (slope) slope[i] = (C(1) - bounded * bounded) * scale;
      }
    } else {
      for (int64_t i = 0; i < n; ++i) scores[i] *= scale;
      if (slope) std::fill_n(slope, n, scale);
    }
  }
};

// What dropout of probability p multiplies elements [first, first + n) of the draw with.
struct KeepRow {
  template <class C>
  ROUX_ALWAYS_INLINE void operator()(const Draw& draw, int64_t first, int64_t n, double p, C* keep) const {
    const float threshold = static_cast<float>(p);
    const C scale = static_cast<C>(1 / (1 - p));
    for (int64_t at = first / kDrawStrip * kDrawStrip; at < first + n; at += kDrawStrip) {
      float uniform[kDrawStrip];
      make_strip(draw, at / 4, UnitUniform{}, uniform);
      const int64_t begin = std::max(at, first), end = std::min(at + kDrawStrip, first + n);
      for (int64_t i = begin; i < end; ++i) keep[i - first] = uniform[i - at] >= threshold ? scale : C(0);
    }
  }
};

struct DotRow {
  template <class C>
  ROUX_ALWAYS_INLINE C operator()(const C* a, const C* b, int64_t n) const {
    RowLanes<C> lanes(C(0));
    C tile[kRowTile];
    for (int64_t at = 0; at < n; at += kRowTile) {
      const int64_t count = n - at < kRowTile ? n - at : kRowTile;
      for (int64_t i = 0; i < count; ++i) tile[i] = a[at + i] * b[at + i];
      lanes.add(tile, count);
    }
    return lanes.sum();
  }
};

template <class Row, class R, class... A>
R row_base(A... a) {
  return Row{}(a...);
}
template <class Row, class R, class... A>
ROUX_TARGET_AVX512 R row_avx512(A... a) {
  return Row{}(a...);
}
template <class Row, class R, class... A>
void select_row(R (*&chosen)(A...)) {
  chosen = has_avx512() ? row_avx512<Row, R, A...> : row_base<Row, R, A...>;
}

template <class C>
struct RowFunctions {
  void (*softmax)(C*, int64_t, C, C*, C*, C*, int64_t, bool);
  void (*backward)(C*, C*, int64_t, C, C, C, C, C);
  void (*scale)(C*, C*, int64_t, C, C);
  void (*keep)(const Draw&, int64_t, int64_t, double, C*);
  C (*dot)(const C*, const C*, int64_t);
  RowFunctions() {
    select_row<OnlineSoftmaxRow>(softmax);
    select_row<BackwardRow>(backward);
    select_row<ScaleRow>(scale);
    select_row<KeepRow>(keep);
    select_row<DotRow>(dot);
  }
};
template <class C>
const RowFunctions<C>& row_functions() {
  static const RowFunctions<C> functions;
  return functions;
}

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_ATTENTION_ROWS_H_
