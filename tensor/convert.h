// Conversion of one element to another dtype's C++ type, shared by CPU kernels, emulator and GPU: a result
// for every value, the same everywhere.
#ifndef ROUX_TENSOR_CONVERT_H_
#define ROUX_TENSOR_CONVERT_H_

#include <limits>
#include <type_traits>

#include "tensor/dtype.h"
#include "tensor/macros.h"

namespace roux {

// Floating to integer truncates toward zero and saturates: what lies beyond To's range becomes its nearest
// limit, NaN becomes 0 (C++ leaves both undefined; x86 and GPUs differ there). Integer to a narrower integer
// keeps the low bits, to bool tests for non-zero (NaN is true), to floating rounds once, to the nearest (ties
// to even).
template <class To, class From>
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE To convert(From from) {
  using V = compute_t<From>;
  const V value = static_cast<V>(from);
  if constexpr (std::is_same_v<To, bool>) {
    return value != V(0);
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<V>) {
    constexpr To kLowest = std::numeric_limits<To>::lowest(), kHighest = std::numeric_limits<To>::max();
    constexpr V kBegin = static_cast<V>(kLowest), kEnd = V(2) * static_cast<V>(kHighest / 2 + 1);  // exact
    const To inside = static_cast<To>(value >= kBegin && value < kEnd ? value : V(0));
    return value >= kEnd ? kHighest : (value < kBegin ? kLowest : inside);
  } else if constexpr (is_16bit_float<To> && std::is_same_v<V, int64_t>) {
    return To(internal::sticky_double(value));
  } else if constexpr (is_16bit_float<To> && std::is_integral_v<V>) {
    return To(static_cast<double>(value));
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace roux

#endif  // ROUX_TENSOR_CONVERT_H_
