// The one header of kernel sources (cuda/kernels/*.cu). nvcc compiles them for the device, into namespace
// roux::cuda; the host compiler compiles the same files with ROUX_EMULATED=1, without any CUDA header, into
// roux::emulated (cuda/emulator/README.md). A kernel source looks like this:
//
//   namespace roux::ROUX_CUDA_NAMESPACE {
//   __global__ void scale_kernel(const float* x, float factor, int64_t n, float* y) {
//     const int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
//     if (i < n) y[i] = factor * x[i];
//   }
//   void scale(const Tensor& x, float factor, Tensor& y) {
//     const int64_t n = x.numel();
//     launch(scale_kernel, {.grid = blocks_for(n, 256), .block = 256}, x.data<float>(), factor, n, ...);
//   }
//   }  // namespace
//
// Shared memory is declared through ROUX_SHARED(name, type) and ROUX_DYNAMIC_SHARED(type, name): the emulator
// places red zones around it.
#ifndef ROUX_CUDA_KERNEL_H_
#define ROUX_CUDA_KERNEL_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>

#ifndef ROUX_EMULATED
#define ROUX_EMULATED 0
#endif

#if ROUX_EMULATED

#define ROUX_CUDA_NAMESPACE emulated
#define ROUX_CUDA_DEVICE_TYPE ::roux::DeviceType::kEmulated

#include "cuda/emulator/intrinsics.h"
#include "cuda/emulator/types.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define threadIdx (::roux::emulated::thread_index())
#define blockIdx (::roux::emulated::block_index())
#define blockDim (::roux::emulated::block_dimensions())
#define gridDim (::roux::emulated::grid_dimensions())

// The address of a static of the enclosing function identifies the variable.
#define ROUX_SHARED(name, ...)                                                                       \
  static const char name##_key = 0;                                                                  \
  auto& name = *static_cast<std::type_identity_t<__VA_ARGS__>*>(                                     \
      ::roux::emulated::shared_memory(&name##_key, #name, sizeof(std::type_identity_t<__VA_ARGS__>), \
                                      alignof(std::type_identity_t<__VA_ARGS__>)))
#define ROUX_DYNAMIC_SHARED(type, name) \
  auto* const name = static_cast<type*>(::roux::emulated::dynamic_shared_memory())

#else  // nvcc

#include <cuda_runtime.h>

#define ROUX_CUDA_NAMESPACE cuda
#define ROUX_CUDA_DEVICE_TYPE ::roux::DeviceType::kCuda

// Raw storage, because CUDA allows no initialiser on shared variables, not even an empty constructor.
#define ROUX_SHARED(name, ...)                                                                      \
  __shared__ __align__(16) unsigned char name##_storage[sizeof(std::type_identity_t<__VA_ARGS__>)]; \
  auto& name = *reinterpret_cast<std::type_identity_t<__VA_ARGS__>*>(name##_storage)
#define ROUX_DYNAMIC_SHARED(type, name)                                        \
  extern __shared__ __align__(128) unsigned char roux_dynamic_shared_memory[]; \
  auto* const name = reinterpret_cast<type*>(roux_dynamic_shared_memory)

#endif

#include "cuda/launch.h"
#include "tensor/float16.h"

namespace roux::ROUX_CUDA_NAMESPACE {

// 2^x to about 2^-22 relative, in one instruction on the device; 0 at -inf. For softmax inside kernels whose
// results are compared with a tolerance; exact agreement with the CPU takes vmath::exp.
__device__ __forceinline__ float fast_exp2(float x) {
#if ROUX_EMULATED
  return std::exp2(x);
#else
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#endif
}

}  // namespace roux::ROUX_CUDA_NAMESPACE

#endif  // ROUX_CUDA_KERNEL_H_
