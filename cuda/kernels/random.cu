// CUDA kernels of the random family. Each thread makes one Philox block: four elements, the same bits as on
// the CPU.
#include "cuda/elementwise.h"
#include "tensor/ops/random_tables.h"
#include "tensor/philox.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

constexpr int kBlock = 256;

// state: {seed, base}; the draw's offset is base + increment.
__device__ __forceinline__ PhiloxWords draw_words(const int64_t* state, int64_t increment, int64_t block) {
  return philox(static_cast<uint64_t>(state[0]), static_cast<uint64_t>(state[1] + increment),
                static_cast<uint64_t>(block));
}

template <class T>
__global__ void uniform_kernel(const int64_t* state, int64_t increment, UniformIn<compute_t<T>> in, int64_t n,
                               T* y) {
  const int64_t block = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if (block * 4 >= n) return;
  const PhiloxWords words = draw_words(state, increment, block);
  for (int i = 0; i < 4 && block * 4 + i < n; ++i) {
    y[block * 4 + i] = static_cast<T>(in(words.word[i]));
  }
}

template <class T>
__global__ void normal_kernel(const int64_t* state, int64_t increment, float mean, float std, int64_t n,
                              T* y) {
  const int64_t block = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if (block * 4 >= n) return;
  const PhiloxWords words = draw_words(state, increment, block);
  float z[4];
  philox_normal(words.word[0], words.word[1], &z[0], &z[1]);
  philox_normal(words.word[2], words.word[3], &z[2], &z[3]);
  for (int i = 0; i < 4 && block * 4 + i < n; ++i)
    y[block * 4 + i] = static_cast<T>(vmath::fma(z[i], std, mean));
}

template <class T, class A = accumulate_t<T>>
__global__ void dropout_kernel(const T* x, const int64_t* state, int64_t increment, float threshold, A scale,
                               int64_t n, T* y) {
  const int64_t block = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if (block * 4 >= n) return;
  const PhiloxWords words = draw_words(state, increment, block);
  for (int i = 0; i < 4 && block * 4 + i < n; ++i) {
    const bool kept = philox_uniform(words.word[i]) >= threshold;
    y[block * 4 + i] = kept ? static_cast<T>(static_cast<A>(x[block * 4 + i]) * scale) : T(0.0f);
  }
}

LaunchConfig config_for(int64_t n) { return {.grid = blocks_for(n, int64_t{kBlock} * 4), .block = kBlock}; }

void uniform(const Tensor& state, int64_t increment, const UniformRange& range, Tensor& y) {
  if (y.numel() == 0) return;
  dispatch_floating(y.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    const UniformIn<C> in{static_cast<C>(range.low), static_cast<C>(range.width), static_cast<C>(range.first),
                          static_cast<C>(range.last)};
    launch(uniform_kernel<T>, config_for(y.numel()), state.data<const int64_t>(), increment, in, y.numel(),
           y.data<T>());
  });
}
void normal(const Tensor& state, int64_t increment, double mean, double std, Tensor& y) {
  if (y.numel() == 0) return;
  dispatch_floating(y.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch(normal_kernel<T>, config_for(y.numel()), state.data<const int64_t>(), increment,
           static_cast<float>(mean), static_cast<float>(std), y.numel(), y.data<T>());
  });
}
void dropout(const Tensor& x, const Tensor& state, int64_t increment, double p, Tensor& y) {
  if (y.numel() == 0) return;
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch(dropout_kernel<T>, config_for(y.numel()), x.data<const T>(), state.data<const int64_t>(),
           increment, static_cast<float>(p), static_cast<accumulate_t<T>>(1 / (1 - p)), y.numel(),
           y.data<T>());
  });
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kUniform(uniform_kernels, kDevice, kFloating, uniform);
const RegisterKernel kNormal(normal_kernels, kDevice, kFloating, normal);
const RegisterKernel kDropout(dropout_kernels, kDevice, kFloating, dropout);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
