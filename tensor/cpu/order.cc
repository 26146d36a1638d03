// CPU kernels of the order family. Elements become unsigned keys of the same order, and equal keys are told
// apart by their index: the order is total, so any way of sorting gives the same result.
#include <algorithm>
#include <bit>
#include <type_traits>

#include "tensor/cpu/grain.h"
#include "tensor/ops/order_tables.h"
#include "tensor/parallel.h"

namespace roux::cpu {
namespace {

// Of the width of T at least: 32 bits up to f32, else 64.
template <class T>
auto ordered_key(T value) {
  if constexpr (is_floating(dtype_of<T>)) {
    using C = std::conditional_t<std::is_same_v<T, double>, double, float>;
    using U = std::conditional_t<sizeof(C) == 8, uint64_t, uint32_t>;
    const C c = static_cast<C>(value);
    if (c != c) return ~U{0};
    const U bits = std::bit_cast<U>(c + C{0});  // -0 + 0 is 0
    constexpr U kSign = U{1} << (8 * sizeof(U) - 1);
    return static_cast<U>((bits & kSign) != 0 ? ~bits : bits | kSign);
  } else if constexpr (sizeof(T) == 8) {
    return static_cast<uint64_t>(value) ^ (uint64_t{1} << 63);
  } else {
    return static_cast<uint32_t>(static_cast<int64_t>(value) + (int64_t{1} << 31));
  }
}

struct WideKey {
  uint64_t key;
  int64_t index;
  bool operator<(const WideKey& other) const {
    return key != other.key ? key < other.key : index < other.index;
  }
};
// A key of 32 bits and its index share one number: rows of 2^32 elements and more do not fit in memory that
// one axis of a tensor would be sorted in.
template <class T>
using Key = std::conditional_t<sizeof(decltype(ordered_key(T{}))) == 8, WideKey, uint64_t>;

template <class T>
Key<T> make_key(T value, int64_t index, bool descending) {
  auto key = ordered_key(value);
  if (descending) key = ~key;
  if constexpr (sizeof(key) == 8) {
    return {key, index};
  } else {
    return uint64_t{key} << 32 | static_cast<uint64_t>(index);
  }
}
int64_t index_of(const WideKey& key) { return key.index; }
int64_t index_of(uint64_t key) { return static_cast<int64_t>(key & 0xFFFFFFFF); }

void argsort_cpu(const Tensor& x, bool descending, Tensor& keys, Tensor& indices) {
  const int64_t rows = x.shape()[0], n = x.shape()[1], k = indices.shape()[1];
  int64_t* out = indices.data<int64_t>();
  dispatch_all(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* px = x.data<const T>();
    auto* scratch = reinterpret_cast<Key<T>*>(keys.raw_data());
    parallel_for(0, rows, rows_per_task(8 * n), [&](int64_t begin, int64_t end) {
      Key<T>* row = scratch + thread_index() * n;
      for (int64_t r = begin; r < end; ++r) {
        for (int64_t i = 0; i < n; ++i) row[i] = make_key(px[r * n + i], i, descending);
        if (k < n) std::nth_element(row, row + k, row + n);
        std::sort(row, row + k);
        for (int64_t i = 0; i < k; ++i) out[r * k + i] = index_of(row[i]);
      }
    });
  });
}

void searchsorted_cpu(const Tensor& sorted, const Tensor& values, bool right, Tensor& y) {
  const int64_t rows = values.shape()[0], n = sorted.shape()[1], m = values.shape()[1];
  const bool shared = sorted.shape()[0] == 1;
  int64_t* out = y.data<int64_t>();
  dispatch_all(values.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* ps = sorted.data<const T>();
    const T* pv = values.data<const T>();
    const auto less = [](T a, T b) { return ordered_key(a) < ordered_key(b); };
    parallel_for(0, rows * m, rows_per_task(16), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T* row = ps + (shared ? 0 : i / m * n);
        out[i] = (right ? std::upper_bound(row, row + n, pv[i], less)
                        : std::lower_bound(row, row + n, pv[i], less)) -
                 row;
      }
    });
  });
}

const RegisterKernel kArgsort(argsort_kernels, DeviceType::kCpu, kAllDTypes, argsort_cpu);
const RegisterKernel kSearchsorted(searchsorted_kernels, DeviceType::kCpu, kAllDTypes, searchsorted_cpu);

}  // namespace
}  // namespace roux::cpu
