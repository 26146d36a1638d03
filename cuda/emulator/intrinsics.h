// The device functions of CUDA C++ that kernels call, with CUDA's names and semantics. Shuffles and votes
// wait for the lanes of their mask and check that all of them call the same one; atomics count as atomic for
// the race detector. Lane values that CUDA leaves undefined (a shuffle from a lane that does not take part)
// are reported.
#ifndef ROUX_CUDA_EMULATOR_INTRINSICS_H_
#define ROUX_CUDA_EMULATOR_INTRINSICS_H_

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "cuda/emulator/types.h"

namespace roux::emulated {

// Built-in variables; see the macros in cuda/kernel.h. Constant for the life of a kernel thread.
uint3 thread_index() __attribute__((const));
uint3 block_index() __attribute__((pure));
dim3 block_dimensions() __attribute__((pure));
dim3 grid_dimensions() __attribute__((pure));
inline constexpr int warpSize = 32;

#define ROUX_SITE const char *file = __builtin_FILE(), int line = __builtin_LINE()

void __syncthreads(ROUX_SITE);
int __syncthreads_or(int predicate, ROUX_SITE);
int __syncthreads_and(int predicate, ROUX_SITE);
int __syncthreads_count(int predicate, ROUX_SITE);
void __syncwarp(unsigned mask = 0xffffffffu, ROUX_SITE);

unsigned __ballot_sync(unsigned mask, int predicate, ROUX_SITE);
int __any_sync(unsigned mask, int predicate, ROUX_SITE);
int __all_sync(unsigned mask, int predicate, ROUX_SITE);

enum class Shuffle { kIndex, kUp, kDown, kXor };
uint64_t shuffle_bits(Shuffle kind, unsigned mask, uint64_t bits, int operand, int width, const char* file,
                      int line);

template <class T>
T shuffle(Shuffle kind, unsigned mask, T value, int operand, int width, const char* file, int line) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles move 4 or 8 bytes");
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  const auto bits = static_cast<Bits>(
      shuffle_bits(kind, mask, __builtin_bit_cast(Bits, value), operand, width, file, line));
  return __builtin_bit_cast(T, bits);
}
template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32, ROUX_SITE) {
  return shuffle(Shuffle::kIndex, mask, value, lane, width, file, line);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, ROUX_SITE) {
  return shuffle(Shuffle::kUp, mask, value, static_cast<int>(delta), width, file, line);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, ROUX_SITE) {
  return shuffle(Shuffle::kDown, mask, value, static_cast<int>(delta), width, file, line);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, ROUX_SITE) {
  return shuffle(Shuffle::kXor, mask, value, lane_mask, width, file, line);
}

// Atomics return the old value. T: int, unsigned, unsigned long long; atomicAdd and atomicExch also float,
// atomicAdd also double.
template <class T>
T atomicAdd(T* address, std::type_identity_t<T> value);
template <class T>
T atomicExch(T* address, std::type_identity_t<T> value);
template <class T>
T atomicMax(T* address, std::type_identity_t<T> value);
template <class T>
T atomicMin(T* address, std::type_identity_t<T> value);
template <class T>
T atomicOr(T* address, std::type_identity_t<T> value);
template <class T>
T atomicCAS(T* address, std::type_identity_t<T> compare, std::type_identity_t<T> value);
inline void __threadfence() {}

template <class T>
T __ldg(const T* address) {
  return *address;
}

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>((uint64_t{a} * b) >> 32); }
inline float __uint_as_float(unsigned x) { return __builtin_bit_cast(float, x); }
inline unsigned __float_as_uint(float x) { return __builtin_bit_cast(unsigned, x); }
inline float __int_as_float(int x) { return __builtin_bit_cast(float, x); }
inline int __float_as_int(float x) { return __builtin_bit_cast(int, x); }
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
template <class A, class B>
constexpr std::common_type_t<A, B> max(A a, B b) {
  using T = std::common_type_t<A, B>;
  if constexpr (std::is_floating_point_v<T>) return std::fmax(a, b);
  return static_cast<T>(a) > static_cast<T>(b) ? static_cast<T>(a) : static_cast<T>(b);
}
template <class A, class B>
constexpr std::common_type_t<A, B> min(A a, B b) {
  using T = std::common_type_t<A, B>;
  if constexpr (std::is_floating_point_v<T>) return std::fmin(a, b);
  return static_cast<T>(a) < static_cast<T>(b) ? static_cast<T>(a) : static_cast<T>(b);
}

// Behind ROUX_SHARED and ROUX_DYNAMIC_SHARED.
void* shared_memory(const void* key, const char* name, size_t bytes, size_t alignment);
void* dynamic_shared_memory();

}  // namespace roux::emulated

#endif  // ROUX_CUDA_EMULATOR_INTRINSICS_H_
