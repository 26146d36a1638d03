#include "tensor/comm/reduce_ranks.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "tensor/error.h"

namespace roux {
namespace {

// Sums of a block stay in the first-level cache while the ranks' parts pass by.
constexpr int64_t kBlock = 2048;

template <class T>
T greater(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) ? a : b;
  }
  return std::max(a, b);
}

template <class T>
void reduce(const T* in, int ranks, int64_t count, ReduceOp op, T* out) {
  using V = compute_t<T>;
  V sums[kBlock];
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t n = std::min(kBlock, count - begin);
    for (int64_t i = 0; i < n; ++i) sums[i] = static_cast<V>(in[begin + i]);
    for (int r = 1; r < ranks; ++r) {
      const T* const own = in + r * count + begin;
      if (op == ReduceOp::kMax) {
        for (int64_t i = 0; i < n; ++i) sums[i] = greater(sums[i], static_cast<V>(own[i]));
      } else {
        for (int64_t i = 0; i < n; ++i) sums[i] += static_cast<V>(own[i]);
      }
    }
    if (op == ReduceOp::kMean) {
      for (int64_t i = 0; i < n; ++i) sums[i] /= static_cast<V>(ranks);
    }
    for (int64_t i = 0; i < n; ++i) out[begin + i] = static_cast<T>(sums[i]);
  }
}

}  // namespace

bool can_reduce_ranks(DType dtype) { return is_floating(dtype) || dtype == kI32 || dtype == kI64; }

void reduce_ranks(const void* in, int ranks, int64_t count, DType dtype, ReduceOp op, void* out) {
  const auto run = [&](auto zero) {
    using T = decltype(zero);
    reduce(static_cast<const T*>(in), ranks, count, op, static_cast<T*>(out));
  };
  switch (dtype) {
    case kF32:
      return run(float{});
    case kF64:
      return run(double{});
    case kBF16:
      return run(bfloat16{});
    case kF16:
      return run(float16{});
    case kI32:
      return run(int32_t{});
    case kI64:
      return run(int64_t{});
    default:
      ROUX_INVARIANT(false);
  }
}

}  // namespace roux
