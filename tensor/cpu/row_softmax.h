// One row of a softmax: its maximum and the sum of its exponentials, shared by softmax, cross_entropy and
// attention. Elements go to fixed lanes (one 64-byte vector), which are added as a tree at the end: the same
// bits on AVX2 and AVX-512 and for any number of threads.
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

// Adds (or maximises) values[0, n) into lanes; n <= kRowTile, values padded to whole vectors.
template <class C>
struct RowLanes {
  typedef C Vector __attribute__((vector_size(64)));
  C lane[kRowLanes<C>];

  ROUX_ALWAYS_INLINE explicit RowLanes(C identity) {
    for (C& value : lane) value = identity;
  }
  ROUX_ALWAYS_INLINE void add(const C* values, int64_t n) {
    Vector total;
    std::memcpy(&total, lane, 64);
    for (int64_t i = 0; i + kRowLanes<C> <= n; i += kRowLanes<C>) {
      Vector next;
      std::memcpy(&next, values + i, 64);
      total += next;
    }
    std::memcpy(lane, &total, 64);
    const int64_t whole = n / kRowLanes<C> * kRowLanes<C>;
    for (int64_t i = whole; i < n; ++i) lane[i - whole] += values[i];
  }
  // A NaN enters the comparison the wrong way round, so that a row of nothing but NaN has no maximum -inf.
  ROUX_ALWAYS_INLINE void maximise(const C* values, int64_t n) {
    Vector largest;
    std::memcpy(&largest, lane, 64);
    for (int64_t i = 0; i + kRowLanes<C> <= n; i += kRowLanes<C>) {
      Vector next;
      std::memcpy(&next, values + i, 64);
      largest = next <= largest ? largest : next;
    }
    std::memcpy(lane, &largest, 64);
    const int64_t whole = n / kRowLanes<C> * kRowLanes<C>;
    for (int64_t i = whole; i < n; ++i)
      lane[i - whole] = values[i] <= lane[i - whole] ? lane[i - whole] : values[i];
  }
  ROUX_ALWAYS_INLINE C sum() const {
    C tree[kRowLanes<C>];
    std::memcpy(tree, lane, 64);
    for (int half = kRowLanes<C> / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; ++i) tree[i] += tree[i + half];
    }
    return tree[0];
  }
  ROUX_ALWAYS_INLINE C largest() const {
    C best = lane[0];
    for (C value : lane) best = value <= best ? best : value;
    return best;
  }
};

// tile[0, n) = x[0, n) in the compute type.
template <class T, class C>
ROUX_ALWAYS_INLINE void load_tile(const T* x, int64_t n, C* tile) {
  for (int64_t i = 0; i < n; ++i) tile[i] = static_cast<C>(x[i]);
}

// e^x for x <= 0 (or NaN): vmath::exp without its overflow and subnormal range; exactly 0 below -87.
ROUX_ALWAYS_INLINE float exp_weight(float x) {
  const float c = x < -87.0f ? -87.0f : x;
  const float n = vmath::round_small(c * 1.44269504088896341f);
  float r = vmath::fma(n, -0.693359375f, c);
  r = vmath::fma(n, 2.12194440e-4f, r);
  float p = 1.9875691500e-4f;
  p = vmath::fma(p, r, 1.3981999507e-3f);
  p = vmath::fma(p, r, 8.3334519073e-3f);
  p = vmath::fma(p, r, 4.1665795894e-2f);
  p = vmath::fma(p, r, 1.6666665459e-1f);
  p = vmath::fma(p, r, 5.0000001201e-1f);
  p = vmath::fma(p, r * r, r) + 1.0f;
  const float y = p * vmath::pow2(static_cast<int32_t>(n == n ? n : 0.0f));
  return x < -87.0f ? 0.0f : y;
}
ROUX_ALWAYS_INLINE double exp_weight(double x) { return vmath::exp(x); }
ROUX_ALWAYS_INLINE double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }
ROUX_ALWAYS_INLINE float fused(float a, float b, float c) { return vmath::fma(a, b, c); }

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

// sum_i exp(x_i - shift), shift >= x_i.
template <class T, class C = compute_t<T>>
ROUX_ALWAYS_INLINE C row_sum_exp(const T* x, int64_t n, C shift) {
  RowLanes<C> lanes(C(0));
  C tile[kRowTile];
  for (int64_t at = 0; at < n; at += kRowTile) {
    const int64_t count = n - at < kRowTile ? n - at : kRowTile;
    for (int64_t i = 0; i < count; ++i) tile[i] = exp_weight(static_cast<C>(x[at + i]) - shift);
    lanes.add(tile, count);
  }
  return lanes.sum();
}

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_ROW_SOFTMAX_H_
