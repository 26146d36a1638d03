// Functions for wide instructions, chosen when the program runs (tensor/processor.h).
#ifndef ROUX_TENSOR_CPU_WIDE_H_
#define ROUX_TENSOR_CPU_WIDE_H_

#include "tensor/processor.h"  // IWYU pragma: export

// A second copy of a function for AVX-512 (x86-64-v4); it inlines the same source, so the bits are the same:
// fma only where the source says so. Features and not arch=: functions for another processor than a caller's
// are not inlined, and --config=native names one.
#define ROUX_TARGET_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,prefer-vector-width=512")))

// Inlines every call of a loop's body: one that is left keeps the loop scalar, and compilers leave calls in
// units that have grown large, whatever the functor says.
#define ROUX_FLAT_LOOP __attribute__((flatten))

#endif  // ROUX_TENSOR_CPU_WIDE_H_
