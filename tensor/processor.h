// The instruction sets beyond AVX2 (which Roux needs) that CPU kernels use.
//
// ROUX_MAX_ISA=avx2|avx512 in the environment keeps a process, with its oneDNN and OpenBLAS, to those of an
// older processor: kernels of ours give the same bits on all, but products of f32 and f64 are the libraries'
// and are summed in another order.
#ifndef ROUX_TENSOR_PROCESSOR_H_
#define ROUX_TENSOR_PROCESSOR_H_

namespace roux {

// x86-64-v4.
bool has_avx512();
// AVX-512 with sums of int8 products.
bool has_vnni();
// AVX-512 with sums of bf16 products.
bool has_avx512_bf16();
// The tiles of AMX, which the system must let this process use.
bool has_amx_bf16();
bool has_amx_int8();

}  // namespace roux

#endif  // ROUX_TENSOR_PROCESSOR_H_
