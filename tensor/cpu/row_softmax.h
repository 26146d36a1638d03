// One row of a softmax: its maximum and the sum of its exponentials, shared by softmax, cross_entropy and
// attention. Elements go to fixed lanes (four 64-byte vectors), which are added as a tree at the end: the
// same bits on AVX2 and AVX-512 and for any number of threads.
#ifndef ROUX_TENSOR_CPU_ROW_SOFTMAX_H_
#define ROUX_TENSOR_CPU_ROW_SOFTMAX_H_

#include <cstdint>
#include <cstring>
#include <limits>

#include "tensor/cpu/elementwise_loops.h"
#include "tensor/vector_math.h"

namespace roux::cpu {

template <class C>
inline constexpr int kRowLanes = 64 / sizeof(C);
inline constexpr int kRowTile = 256;  // elements between two visits of the lanes, a multiple of kRowLanes

// Vectors are passed by reference: as values they would have another calling convention on each target.
template <class C>
struct RowVector {
  typedef C Vector __attribute__((vector_size(64)));

  static ROUX_ALWAYS_INLINE void load(const C* values, Vector& x) { std::memcpy(&x, values, 64); }
  static ROUX_ALWAYS_INLINE void add(const Vector& next, Vector& total) { total += next; }
  // A NaN enters the comparison the wrong way round, so that a row of nothing but NaN has no maximum -inf.
  static ROUX_ALWAYS_INLINE void take_larger(const Vector& next, Vector& largest) {
    largest = next <= largest ? largest : next;
  }
  // Combines the upper half of the lanes with the lower one until one is left.
  template <class Combine>
  static ROUX_ALWAYS_INLINE C fold(const Vector& lanes, const Combine& combine) {
    Vector x = lanes;
    if constexpr (sizeof(C) == 4) {
      combine(__builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15), x);
      combine(__builtin_shufflevector(x, x, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7), x);
      combine(__builtin_shufflevector(x, x, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3), x);
      combine(__builtin_shufflevector(x, x, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), x);
    } else {
      combine(__builtin_shufflevector(x, x, 4, 5, 6, 7, 4, 5, 6, 7), x);
      combine(__builtin_shufflevector(x, x, 2, 3, 2, 3, 2, 3, 2, 3), x);
      combine(__builtin_shufflevector(x, x, 1, 1, 1, 1, 1, 1, 1, 1), x);
    }
    return x[0];
  }
};

// Running sums or maxima in four vectors of lanes (one would wait for its own latency).
template <class C>
struct RowLanes {
  using Row = RowVector<C>;
  using Vector = typename Row::Vector;
  static constexpr int kLanes = kRowLanes<C>, kVectors = 4;
  Vector part[kVectors];

  ROUX_ALWAYS_INLINE explicit RowLanes(C identity) {
    for (Vector& v : part) v = identity + Vector{};
  }
  ROUX_ALWAYS_INLINE void add(const C* values, int64_t n) {
    int64_t i = 0;
    for (; i + kVectors * kLanes <= n; i += kVectors * kLanes) {
      for (int v = 0; v < kVectors; ++v) add_vector(values + i + v * kLanes, part[v]);
    }
    for (int v = 0; i + kLanes <= n; i += kLanes, ++v) add_vector(values + i, part[v]);
    for (int lane = 0; i < n; ++i, ++lane) part[kVectors - 1][lane] += values[i];
  }
  ROUX_ALWAYS_INLINE void maximise(const C* values, int64_t n) {
    int64_t i = 0;
    for (; i + kVectors * kLanes <= n; i += kVectors * kLanes) {
      for (int v = 0; v < kVectors; ++v) take_larger(values + i + v * kLanes, part[v]);
    }
    for (int v = 0; i + kLanes <= n; i += kLanes, ++v) take_larger(values + i, part[v]);
    for (int lane = 0; i < n; ++i, ++lane) {
      C best = part[kVectors - 1][lane];
      part[kVectors - 1][lane] = values[i] <= best ? best : values[i];
    }
  }
  ROUX_ALWAYS_INLINE C sum() const { return combined(Row::add); }
  ROUX_ALWAYS_INLINE C largest() const { return combined(Row::take_larger); }

 private:
  template <class Combine>
  ROUX_ALWAYS_INLINE C combined(const Combine& combine) const {
    Vector low = part[0], high = part[1];
    combine(part[2], low);
    combine(part[3], high);
    combine(high, low);
    return Row::fold(low, combine);
  }
  ROUX_ALWAYS_INLINE static void add_vector(const C* values, Vector& total) {
    Vector next;
    Row::load(values, next);
    Row::add(next, total);
  }
  ROUX_ALWAYS_INLINE static void take_larger(const C* values, Vector& largest) {
    Vector next;
    Row::load(values, next);
    Row::take_larger(next, largest);
  }
};

// tile[0, n) = x[0, n) in the compute type.
template <class T, class C>
ROUX_ALWAYS_INLINE void load_tile(const T* x, int64_t n, C* tile) {
  for (int64_t i = 0; i < n; ++i) tile[i] = static_cast<C>(x[i]);
}

// e^x for x <= 0; exactly 0 below -87. What exp_normal makes of a NaN is multiplied by NaN later on.
ROUX_ALWAYS_INLINE float exp_weight(float x) { return x < -87.0f ? 0.0f : vmath::exp_normal(x); }
ROUX_ALWAYS_INLINE double exp_weight(double x) { return vmath::exp(x); }

template <class T, class C = compute_t<T>>
ROUX_ALWAYS_INLINE C row_max(const T* x, int64_t n) {
  RowLanes<C> lanes(-std::numeric_limits<C>::infinity());
  C tile[kRowTile];
  for (int64_t at = 0; at < n; at += kRowTile) {
    const int64_t count = n - at < kRowTile ? n - at : kRowTile;
    if constexpr (std::is_same_v<T, C>) {
      lanes.maximise(x + at, count);
    } else {
      load_tile(x + at, count, tile);
      lanes.maximise(tile, count);
    }
  }
  return lanes.largest();
}

// sum_i exp(x_i - shift), shift >= x_i. weights: n places for the exponentials, or null.
template <class T, class C = compute_t<T>>
ROUX_ALWAYS_INLINE C row_sum_exp(const T* x, int64_t n, C shift, C* weights = nullptr) {
  RowLanes<C> lanes(C(0));
  C buffer[kRowTile];
  for (int64_t at = 0; at < n; at += kRowTile) {
    const int64_t count = n - at < kRowTile ? n - at : kRowTile;
    C* const tile = weights != nullptr ? weights + at : buffer;
    for (int64_t i = 0; i < count; ++i) tile[i] = exp_weight(static_cast<C>(x[at + i]) - shift);
    lanes.add(tile, count);
  }
  return lanes.sum();
}

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_ROW_SOFTMAX_H_
