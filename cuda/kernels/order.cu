// CUDA kernels of the order family. argsort is a stable radix sort of unsigned keys that have the elements'
// order, by digits of 8 bits from the lowest: a block a row, which it takes in pieces, in order. Equal
// elements keep theirs, so the result is the only one.
#include "cuda/kernel.h"
#include "tensor/ops/order_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

constexpr int kBlock = 256, kDigits = 256;  // a thread a digit

// NaN after everything, -0 as 0. The highest digits are 0 but for 8-byte elements.
template <class T>
__device__ __forceinline__ uint64_t ordered_key(T value, bool descending) {
  if constexpr (is_floating(dtype_of<T>)) {
    using C = std::conditional_t<std::is_same_v<T, double>, double, float>;
    using U = std::conditional_t<sizeof(C) == 8, uint64_t, uint32_t>;
    constexpr U kSign = U{1} << (8 * sizeof(U) - 1);
    const C c = static_cast<C>(value);
    const U bits = __builtin_bit_cast(U, c + C(0));
    const U key = c != c ? ~U{0} : (bits & kSign) != 0 ? ~bits : bits | kSign;
    return descending ? static_cast<U>(~key) : key;
  } else {
    using U = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
    constexpr U kSign = U{1} << (8 * sizeof(U) - 1);
    const U key = static_cast<U>(static_cast<int64_t>(value)) ^ kSign;
    return descending ? static_cast<U>(~key) : key;
  }
}
template <class T>
constexpr int key_digits() {
  return sizeof(T) == 8 ? 8 : 4;
}

// Keys and places of one row, twice: a pass reads one and writes the other.
struct SortScratch {
  uint64_t* keys[2];
  int64_t* places[2];
};

// starts[d]: where the elements with digit d begin.
__device__ __forceinline__ void count_digits(const uint64_t* keys, int64_t n, int shift,
                                             int (&counts)[kDigits], int64_t (&starts)[kDigits]) {
  const int thread = static_cast<int>(threadIdx.x);
  counts[thread] = 0;
  __syncthreads();
  for (int64_t i = thread; i < n; i += kBlock) atomicAdd(&counts[keys[i] >> shift & 255], 1);
  __syncthreads();
  const int64_t own = counts[thread];
  starts[thread] = own;
  __syncthreads();
  for (int distance = 1; distance < kDigits; distance *= 2) {
    const int64_t earlier = thread >= distance ? starts[thread - distance] : 0;
    __syncthreads();
    starts[thread] += earlier;
    __syncthreads();
  }
  starts[thread] -= own;
  __syncthreads();
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    argsort_kernel(const T* x, int64_t rows, int64_t n, int64_t k, bool descending, uint64_t* scratch,
                   int64_t* indices) {
  ROUX_SHARED(counts, int[kDigits]);
  ROUX_SHARED(starts, int64_t[kDigits]);
  ROUX_SHARED(piece, int[kBlock]);
  const int thread = static_cast<int>(threadIdx.x);
  uint64_t* const own = scratch + blockIdx.x * 4 * n;
  const SortScratch s{{own, own + n},
                      {reinterpret_cast<int64_t*>(own + 2 * n), reinterpret_cast<int64_t*>(own + 3 * n)}};
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    for (int64_t i = thread; i < n; i += kBlock) {
      s.keys[0][i] = ordered_key(x[row * n + i], descending);
      s.places[0][i] = i;
    }
    __syncthreads();
    for (int pass = 0; pass < key_digits<T>(); ++pass) {
      const int from = pass % 2, to = 1 - from, shift = 8 * pass;
      count_digits(s.keys[from], n, shift, counts, starts);
      for (int64_t first = 0; first < n; first += kBlock) {
        const int64_t i = first + thread;
        const uint64_t key = i < n ? s.keys[from][i] : 0;
        const int digit = i < n ? static_cast<int>(key >> shift & 255) : -1;
        piece[thread] = digit;
        __syncthreads();
        int earlier = 0, later = 0;  // elements of the piece with the same digit
        for (int j = 0; digit >= 0 && j < kBlock; ++j) {
          if (piece[j] != digit) continue;
          earlier += j < thread;
          later += j > thread;
        }
        if (digit >= 0) {
          const int64_t at = starts[digit] + earlier;
          s.keys[to][at] = key;
          s.places[to][at] = s.places[from][i];
        }
        __syncthreads();
        if (digit >= 0 && later == 0) starts[digit] += earlier + 1;
        __syncthreads();
      }
    }
    for (int64_t i = thread; i < k; i += kBlock) indices[row * k + i] = s.places[0][i];
    __syncthreads();
  }
}

template <class T>
__global__ void searchsorted_kernel(const T* sorted, const T* values, int64_t count, int64_t n, int64_t m,
                                    bool shared, bool right, int64_t* y) {
  const int64_t i = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if (i >= count) return;
  const T* row = sorted + (shared ? 0 : i / m * n);
  const uint64_t key = ordered_key(values[i], false);
  int64_t low = 0, high = n;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    const uint64_t at = ordered_key(row[middle], false);
    if (right ? at <= key : at < key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  y[i] = low;
}

void argsort(const Tensor& x, bool descending, Tensor& keys, Tensor& indices) {
  const int64_t rows = x.shape()[0], n = x.shape()[1];
  dispatch_all(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch(argsort_kernel<T>, {.grid = static_cast<unsigned>(keys.shape()[0]), .block = kBlock},
           x.data<const T>(), rows, n, indices.shape()[1], descending,
           static_cast<uint64_t*>(keys.raw_data()), indices.data<int64_t>());
  });
}

void searchsorted(const Tensor& sorted, const Tensor& values, bool right, Tensor& y) {
  dispatch_all(values.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch(searchsorted_kernel<T>, {.grid = blocks_for(values.numel(), kBlock), .block = kBlock},
           sorted.data<const T>(), values.data<const T>(), values.numel(), sorted.shape()[1],
           values.shape()[1], sorted.shape()[0] == 1, right, y.data<int64_t>());
  });
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kArgsort(argsort_kernels, kDevice, kAllDTypes, argsort);
const RegisterKernel kSearchsorted(searchsorted_kernels, kDevice, kAllDTypes, searchsorted);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
