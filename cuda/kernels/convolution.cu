// CUDA kernels of unfold and fold, a thread an element. conv1d comes to a matrix product with what unfold
// gives.
#include "cuda/kernel.h"
#include "tensor/ops/convolution_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

constexpr int kBlock = 256;

// Sequences [rows, length, D] and their windows [rows, count, size, D].
struct Sizes {
  int64_t length, count, d;
};

template <class Bits>
__global__ void unfold_kernel(const Bits* x, Windows w, Sizes s, int64_t n, Bits* y) {
  const int64_t i = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if (i >= n) return;
  const int64_t c = i % s.d, j = i / s.d % w.size, window = i / s.d / w.size;
  const int64_t t = window % s.count * w.stride + j * w.dilation - w.before;
  y[i] = t >= 0 && t < s.length ? x[(window / s.count * s.length + t) * s.d + c] : Bits(0);
}

// The sum over the windows of a place, in ascending order of j.
template <class T>
__global__ void fold_kernel(const T* y, Windows w, Sizes s, int64_t n, T* x) {
  const int64_t i = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if (i >= n) return;
  const int64_t c = i % s.d, t = i / s.d % s.length, sequence = i / s.d / s.length;
  accumulate_t<T> total = 0;
  for (int64_t j = 0; j < w.size; ++j) {
    const int64_t at = t + w.before - j * w.dilation;
    if (at < 0) break;
    if (at % w.stride != 0 || at / w.stride >= s.count) continue;
    const int64_t from = ((sequence * s.count + at / w.stride) * w.size + j) * s.d + c;
    total += static_cast<accumulate_t<T>>(y[from]);
  }
  x[i] = static_cast<T>(total);
}

void unfold(const Tensor& x, const Windows& windows, Tensor& y) {
  const int64_t n = y.numel();
  if (n == 0) return;
  dispatch_bits(size_of(x.dtype()), [&](auto tag) {
    using Bits = decltype(tag);
    launch(unfold_kernel<Bits>, {.grid = blocks_for(n, kBlock), .block = kBlock},
           static_cast<const Bits*>(x.raw_data()), windows, Sizes{x.size(1), y.size(1), x.size(2)}, n,
           static_cast<Bits*>(y.raw_data()));
  });
}

void fold(const Tensor& y, const Windows& windows, Tensor& x) {
  const int64_t n = x.numel();
  if (n == 0) return;
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch(fold_kernel<T>, {.grid = blocks_for(n, kBlock), .block = kBlock}, y.data<const T>(), windows,
           Sizes{x.size(1), y.size(1), x.size(2)}, n, x.data<T>());
  });
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kUnfold(unfold_kernels, kDevice, kFloating, unfold);
const RegisterKernel kFold(fold_kernels, kDevice, kFloating, fold);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
