// Products of bf16 on the tiles of AMX, for gemm.cc.
#ifndef ROUX_TENSOR_CPU_GEMM_AMX_H_
#define ROUX_TENSOR_CPU_GEMM_AMX_H_

#include <cstdint>

#include "tensor/cpu/gemm.h"

namespace roux::cpu {

// gemm() of gemm.h where has_amx_bf16(), for sizes above 0. An element of c is one sum in order of k, in
// pairs, so its bits do not depend on m, n or where it stands. A thread keeps up to half a MB of what it
// arranged, or what 32 columns take, and the f32 sums of a c in bf16 where k is above 512.
void gemm_amx(int64_t m, int64_t n, int64_t k, GemmOperand<bfloat16> a, GemmOperand<bfloat16> b,
              bool accumulate, float* c, int64_t ldc);
void gemm_amx(int64_t m, int64_t n, int64_t k, GemmOperand<bfloat16> a, GemmOperand<bfloat16> b,
              bool accumulate, bfloat16* c, int64_t ldc);
void gemm_amx(int64_t m, int64_t n, int64_t k, GemmOperand<float> a, GemmOperand<bfloat16> b, bool accumulate,
              float* c, int64_t ldc);

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_GEMM_AMX_H_
