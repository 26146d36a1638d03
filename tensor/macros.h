// Annotations shared by host compilers, nvcc and the emulator.
#ifndef ROUX_TENSOR_MACROS_H_
#define ROUX_TENSOR_MACROS_H_

#if defined(__CUDACC__)
#define ROUX_HOST_DEVICE __host__ __device__
#else
#define ROUX_HOST_DEVICE
#endif

#define ROUX_ALWAYS_INLINE inline __attribute__((always_inline))

#endif  // ROUX_TENSOR_MACROS_H_
