// Wide instructions, chosen when the program runs.
#ifndef ROUX_TENSOR_CPU_WIDE_H_
#define ROUX_TENSOR_CPU_WIDE_H_

// A second copy of a function for AVX-512 (x86-64-v4); it inlines the same source, so the bits are the same:
// fma only where the source says so. Features and not arch=: functions for another processor than a caller's
// are not inlined, and --config=native names one.
#define ROUX_TARGET_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,prefer-vector-width=512")))

// Inlines every call of a loop's body: one that is left keeps the loop scalar, and compilers leave calls in
// units that have grown large, whatever the functor says.
#define ROUX_FLAT_LOOP __attribute__((flatten))

namespace roux::cpu {

inline bool has_avx512() {
  static const bool has = __builtin_cpu_supports("x86-64-v4");
  return has;
}
inline bool has_vnni() {
  static const bool has = has_avx512() && __builtin_cpu_supports("avx512vnni");
  return has;
}

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_WIDE_H_
