// Debian's OpenBLAS: f64 products (tensor/cpu/gemm.cc) and LAPACK (tensor/lapack.h). Loaded at first use,
// never linked: when it is loaded it starts threads that spin, as many as there are cores, and 0.3.21 takes a
// processor newer than itself for the oldest one (a quarter of the speed) unless the environment says
// otherwise by then. Here it computes on the calling thread alone: the same bits whatever the number of
// cores.
#ifndef ROUX_TENSOR_OPENBLAS_H_
#define ROUX_TENSOR_OPENBLAS_H_

namespace roux {

// A function of the library. Throws Error without the library or without the function.
void* openblas_symbol(const char* name);

template <class Function>
Function* openblas_function(const char* name) {
  return reinterpret_cast<Function*>(openblas_symbol(name));
}

}  // namespace roux

#endif  // ROUX_TENSOR_OPENBLAS_H_
