// The only caller of oneDNN's and OpenBLAS's matrix products; bf16 on AMX has its own (gemm_amx.h), 1.2 to 4
// times as fast as oneDNN's. Facts of oneDNN 2.6.3 that this file hides:
// zero sizes crash or leave the result unwritten; creating a primitive costs as much as a 64^3 product (bf16
// primitives are cached per thread by our own key); one call on several threads can change bits with their
// number (so each call here is single-threaded); f64 is missing (OpenBLAS); bf16 is missing below AVX-512,
// and with AVX-512 alone it runs at half the speed of f32 (measured on an Emerald Rapids Xeon, 2026-11).
//
// Signals: from a depth k on (85 with AVX-512, 253 with AVX2) its f32 kernels move the stack pointer to a
// block on the heap, so that the frame of any signal handler lands on the blocks below and on the allocator's
// own data. Handlers on an alternate stack (SA_ONSTACK) would not, but they could not unwind the stack there,
// and others' handlers are not ours to choose. So signals wait on this thread until such a product is done:
// 0.5 us a call (an EPYC of the Zen 3 kind, 2026-11), where the product takes 20 us and more. A profiler that
// samples by signals is thus safe and sees the time of a product at its end; one that does not (perf) sees it
// inside.
//
// Both libraries allocate their packing buffers themselves: a few hundred kB a thread that no plan counts.
#ifndef ROUX_TENSOR_CPU_GEMM_H_
#define ROUX_TENSOR_CPU_GEMM_H_

#include <cstdint>

#include "tensor/float16.h"

namespace roux::cpu {

// A row-major matrix with leading dimension ld (elements between rows), or the transpose of one.
template <class T>
struct GemmOperand {
  const T* data;
  int64_t ld;
  bool transposed = false;
  // The part that starts at this row and column of the (transposed) matrix.
  GemmOperand at(int64_t row, int64_t col) const {
    return {data + (transposed ? col * ld + row : row * ld + col), ld, transposed};
  }
};

// c = a b, or c += a b when `accumulate`: a [m, k], b [k, n], c [m, n] row-major with leading dimension ldc.
// One call on the calling thread. bf16 accumulates in f32 and rounds once (an f32 c is not rounded).
void gemm(int64_t m, int64_t n, int64_t k, GemmOperand<float> a, GemmOperand<float> b, bool accumulate,
          float* c, int64_t ldc);
void gemm(int64_t m, int64_t n, int64_t k, GemmOperand<double> a, GemmOperand<double> b, bool accumulate,
          double* c, int64_t ldc);
void gemm(int64_t m, int64_t n, int64_t k, GemmOperand<bfloat16> a, GemmOperand<bfloat16> b, bool accumulate,
          bfloat16* c, int64_t ldc);
void gemm(int64_t m, int64_t n, int64_t k, GemmOperand<bfloat16> a, GemmOperand<bfloat16> b, bool accumulate,
          float* c, int64_t ldc);
// Whether the bf16 overloads are faster here than converting to f32.
bool has_bf16_gemm();
// f32 times bf16, where has_mixed_gemm() (AMX): a is taken as the sum of two bf16, which leaves 2^-17 of each
// of its values, sums are f32.
void gemm(int64_t m, int64_t n, int64_t k, GemmOperand<float> a, GemmOperand<bfloat16> b, bool accumulate,
          float* c, int64_t ldc);
bool has_mixed_gemm();

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_GEMM_H_
