// Vectors of sums of products, of 16 and of 8 lanes, in the order that all row kernels share.
#ifndef ROUX_TENSOR_CPU_VECTOR_SUMS_H_
#define ROUX_TENSOR_CPU_VECTOR_SUMS_H_

#include <utility>

#include "tensor/macros.h"

// Of lambdas that unrolled() calls.
#define ROUX_INLINE_LAMBDA __attribute__((always_inline))

namespace roux::cpu {

typedef float SixteenFloats __attribute__((vector_size(64)));
typedef float EightFloats __attribute__((vector_size(32)));

// fn(integral_constant 0), ..., fn(N - 1): arrays that fn indexes by these stay in registers, which GCC does
// not manage for every unrolled loop. fn is always_inline.
template <int N, class Fn>
ROUX_ALWAYS_INLINE void unrolled(const Fn& fn) {
  [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) __attribute__((always_inline)) {
    (fn(std::integral_constant<int, kIndex>()), ...);
  }
  (std::make_integer_sequence<int, N>());
}

// sum += a b, each lane by one fma: GCC does not always find the instruction in a loop over two vectors'
// lanes.
template <class Vector>
ROUX_ALWAYS_INLINE void add_product(const Vector& a, const Vector& b, Vector& sum) {
  asm("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
}

// Halves of the lanes are added to each other until one is left.
ROUX_ALWAYS_INLINE float fold(const EightFloats& all) {
  EightFloats x = all + __builtin_shufflevector(all, all, 4, 5, 6, 7, 4, 5, 6, 7);
  x += __builtin_shufflevector(x, x, 2, 3, 2, 3, 2, 3, 2, 3);
  x += __builtin_shufflevector(x, x, 1, 1, 1, 1, 1, 1, 1, 1);
  return x[0];
}
ROUX_ALWAYS_INLINE float fold(const SixteenFloats& all) {
  return fold(__builtin_shufflevector(all, all, 0, 1, 2, 3, 4, 5, 6, 7) +
              __builtin_shufflevector(all, all, 8, 9, 10, 11, 12, 13, 14, 15));
}

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_VECTOR_SUMS_H_
