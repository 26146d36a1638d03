// Thin wrappers of the warp-level matrix instructions (PTX ISA: ldmatrix, mma.sync, cp.async), the same for
// the device and the emulator. All 32 lanes of a warp call them together, except the cp_async functions,
// which each thread calls for itself.
#ifndef ROUX_CUDA_MMA_H_
#define ROUX_CUDA_MMA_H_

#include <cstdint>

#include "cuda/kernel.h"
#if ROUX_EMULATED
#include "cuda/emulator/mma.h"
#endif

namespace roux::ROUX_CUDA_NAMESPACE {

#if ROUX_EMULATED
#define ROUX_WHERE , const char *file = __builtin_FILE(), int line = __builtin_LINE()
#else
#define ROUX_WHERE
__device__ __forceinline__ uint32_t shared_address(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}
#endif

// Loads kCount (1, 2 or 4) matrices of 8 x 8 two-byte elements from shared memory. Lane 8 i + r passes the
// address of row r of matrix i (16 bytes, aligned). Register i of lane l receives row l / 4, columns 2 (l %
// 4) and the next of matrix i; with kTransposed, column l / 4, rows 2 (l % 4) and the next.
template <int kCount, bool kTransposed = false>
__device__ __forceinline__ void ldmatrix(uint32_t (&r)[kCount], const void* row ROUX_WHERE) {
  static_assert(kCount == 1 || kCount == 2 || kCount == 4);
#if ROUX_EMULATED
  load_matrices(r, kCount, kTransposed, row, file, line);
#else
  const uint32_t address = shared_address(row);
  if constexpr (kCount == 1 && !kTransposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];"
                 : "=r"(r[0])
                 : "r"(address)
                 : "memory");
  } else if constexpr (kCount == 1) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];"
                 : "=r"(r[0])
                 : "r"(address)
                 : "memory");
  } else if constexpr (kCount == 2 && !kTransposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(address)
                 : "memory");
  } else if constexpr (kCount == 2) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(address)
                 : "memory");
  } else if constexpr (!kTransposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
  }
#endif
}

// D[16, 8] += A[16, 16] B[16, 8], A and B of T (bfloat16 or float16), D f32. With g = lane / 4, t = lane % 4:
//   a[0..3]: rows g, g + 8, g, g + 8 and columns 2 t + {0, 1}, the last two + 8
//   b[0..1]: rows 2 t + {0, 1}, + 8; column g
//   d[0..3]: row g columns 2 t, 2 t + 1; row g + 8 columns 2 t, 2 t + 1
template <class T>
__device__ __forceinline__ void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4],
                                             const uint32_t (&b)[2] ROUX_WHERE) {
  constexpr bool kBfloat16 = std::is_same_v<T, bfloat16>;
  static_assert(kBfloat16 || std::is_same_v<T, float16>);
#if ROUX_EMULATED
  multiply_m16n8k16(d, a, b, kBfloat16, file, line);
#else
  if constexpr (kBfloat16) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
#endif
}

// Starts a copy of 16 bytes from global to shared memory (both 16-byte aligned). Only the first source_bytes
// are read, the rest is filled with zeros. The data are there for this thread after cp_async_wait, for others
// after a barrier that follows.
__device__ __forceinline__ void cp_async_16(void* dst, const void* src, uint32_t source_bytes = 16) {
#if ROUX_EMULATED
  copy_async(dst, src, 16, source_bytes);
#else
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(dst)), "l"(src),
               "r"(source_bytes)
               : "memory");
#endif
}
// Closes the group of copies started since the last commit.
__device__ __forceinline__ void cp_async_commit() {
#if ROUX_EMULATED
  commit_copies();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
// Waits until at most kGroups of this thread's committed groups are still under way.
template <int kGroups = 0>
__device__ __forceinline__ void cp_async_wait() {
#if ROUX_EMULATED
  wait_for_copies(kGroups);
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(kGroups) : "memory");
#endif
}

#undef ROUX_WHERE

}  // namespace roux::ROUX_CUDA_NAMESPACE

#endif  // ROUX_CUDA_MMA_H_
