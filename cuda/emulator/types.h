// The built-in types of CUDA C++ that kernels use, for the host compiler: dim3 and the aligned vector types.
#ifndef ROUX_CUDA_EMULATOR_TYPES_H_
#define ROUX_CUDA_EMULATOR_TYPES_H_

#include <cstdint>

namespace roux::emulated {

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}  // NOLINT: implicit
};

// Same size and alignment as CUDA's, so a misaligned packet load is an error here as on the device.
#define ROUX_VECTOR_TYPES(scalar, prefix, align2, align4)                     \
  struct alignas(align2) prefix##2 {                                          \
    scalar x, y;                                                              \
  };                                                                          \
  struct alignas(align4) prefix##4 {                                          \
    scalar x, y, z, w;                                                        \
  };                                                                          \
  constexpr prefix##2 make_##prefix##2(scalar x, scalar y) { return {x, y}; } \
  constexpr prefix##4 make_##prefix##4(scalar x, scalar y, scalar z, scalar w) { return {x, y, z, w}; }
ROUX_VECTOR_TYPES(float, float, 8, 16)
ROUX_VECTOR_TYPES(double, double, 16, 16)
ROUX_VECTOR_TYPES(int, int, 8, 16)
ROUX_VECTOR_TYPES(unsigned, uint, 8, 16)
#undef ROUX_VECTOR_TYPES

}  // namespace roux::emulated

#endif  // ROUX_CUDA_EMULATOR_TYPES_H_
