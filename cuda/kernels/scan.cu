// CUDA kernels of the scan family: a block a line, in pieces of 256 elements that carry on from each other.
// Sums and products are of f64, as on the CPU, and of integers that wrap.
#include "cuda/kernel.h"
#include "tensor/ops/scan_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

constexpr int kScanBlock = 256;

// Element k of a line, counted in the direction of the scan, lies at first + k * step.
struct Lines {
  int64_t length, inner;
  bool reverse;

  __device__ __forceinline__ int64_t at(int64_t line, int64_t k) const {
    const int64_t first = line / inner * length * inner + line % inner;
    return first + (reverse ? length - 1 - k : k) * inner;
  }
};
Lines lines_of(const Tensor& x, int axis, bool reverse) {
  Lines lines{x.shape()[axis], 1, reverse};
  for (int i = axis + 1; i < x.dim(); ++i) lines.inner *= x.shape()[i];
  return lines;
}

template <bool kProduct, class Acc>
__device__ __forceinline__ Acc combine(Acc a, Acc b) {
  return kProduct ? a * b : a + b;
}

// The thread's value combined with those of the threads before it. `shared` is free again afterwards.
template <bool kProduct, class Acc>
__device__ __forceinline__ Acc scan_block(Acc value, Acc (&shared)[kScanBlock]) {
  const int thread = static_cast<int>(threadIdx.x);
  shared[thread] = value;
  __syncthreads();
  for (int distance = 1; distance < kScanBlock; distance *= 2) {
    const bool takes = thread >= distance;
    const Acc earlier = takes ? shared[thread - distance] : Acc(0);
    __syncthreads();
    if (takes) shared[thread] = combine<kProduct>(earlier, shared[thread]);
    __syncthreads();
  }
  return shared[thread];
}

template <class T, class Out, bool kProduct>
__global__ void __launch_bounds__(kScanBlock) scan_kernel(const T* x, Lines lines, Out* y) {
  using Acc = std::conditional_t<is_floating(dtype_of<T>), double, uint64_t>;
  ROUX_SHARED(shared, Acc[kScanBlock]);
  const Acc start = kProduct ? Acc(1) : Acc(0);
  Acc before = start;
  for (int64_t first = 0; first < lines.length; first += kScanBlock) {
    const int64_t k = first + threadIdx.x, at = lines.at(blockIdx.x, k);
    const bool inside = k < lines.length;
    const Acc own = inside ? static_cast<Acc>(static_cast<compute_t<T>>(x[at])) : start;
    const Acc total = combine<kProduct>(before, scan_block<kProduct>(own, shared));
    if (inside) y[at] = static_cast<Out>(total);
    before = combine<kProduct>(before, shared[kScanBlock - 1]);
    __syncthreads();  // everybody has read it
  }
}

// A thread a line: along it the product of what lies before, then back the sums s_i = g_i + x_{i+1} s_{i+1}.
template <class T>
__global__ void cumprod_backward_kernel(const T* x, const T* grad_output, Lines lines, int64_t count,
                                        T* grad_input) {
  const int64_t line = blockIdx.x * int64_t{kScanBlock} + threadIdx.x;
  if (line >= count) return;
  double product = 1;
  for (int64_t k = 0; k < lines.length; ++k) {
    const int64_t at = lines.at(line, k);
    grad_input[at] = static_cast<T>(product);
    product *= static_cast<double>(x[at]);
  }
  double carried = 0;
  for (int64_t k = lines.length - 1; k >= 0; --k) {
    const int64_t at = lines.at(line, k);
    const double sum = static_cast<double>(grad_output[at]) + carried;
    grad_input[at] = static_cast<T>(static_cast<double>(grad_input[at]) * sum);
    carried = static_cast<double>(x[at]) * sum;
  }
}

template <bool kProduct>
void scan(const Tensor& x, int axis, bool reverse, Tensor& y) {
  if (x.numel() == 0) return;
  const Lines lines = lines_of(x, axis, reverse);
  dispatch_all(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using Out = std::conditional_t<is_floating(dtype_of<T>), T, int64_t>;
    launch(scan_kernel<T, Out, kProduct>,
           {.grid = static_cast<unsigned>(x.numel() / lines.length), .block = kScanBlock},
           static_cast<const T*>(x.raw_data()), lines, y.data<Out>());
  });
}

template <class T>
void cumprod_backward(const Tensor& x, const Tensor& grad_output, int axis, bool reverse,
                      Tensor& grad_input) {
  if (x.numel() == 0) return;
  const Lines lines = lines_of(x, axis, reverse);
  const int64_t count = x.numel() / lines.length;
  launch(cumprod_backward_kernel<T>, {.grid = blocks_for(count, kScanBlock), .block = kScanBlock},
         x.data<const T>(), grad_output.data<const T>(), lines, count, grad_input.data<T>());
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kCumsum(cumsum_kernels, kDevice, kAllDTypes, scan<false>);
const RegisterKernel kCumprod(cumprod_kernels, kDevice, kAllDTypes, scan<true>);
const RegisterKernel kBackwardFloat(cumprod_backward_kernels, kDevice, kF32, cumprod_backward<float>);
const RegisterKernel kBackwardDouble(cumprod_backward_kernels, kDevice, kF64, cumprod_backward<double>);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
