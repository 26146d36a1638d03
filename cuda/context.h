// The CUDA device as the rest of cuda/ sees it. Included by host code of the nvcc twin alone (--config=cuda).
#ifndef ROUX_CUDA_CONTEXT_H_
#define ROUX_CUDA_CONTEXT_H_

#include <cuda_runtime.h>

#include <string>

#include "cuda/backend_runtime.h"

namespace roux::cuda {

// Throws Error with the call, its place, CUDA's text and the last kernel launched, when status is a failure,
// which CUDA forgets then. A fault of a kernel surfaces at some later call: ROUX_CUDA_SYNC=1 makes every
// launch wait, so that the right kernel is named.
void check(cudaError_t status, const char* call, const char* file, int line);
#define ROUX_CUDA(call) ::roux::cuda::check((call), #call, __FILE__, __LINE__)

// The runtime of `cuda:N`.
BackendRuntime& cuda_runtime();
bool synchronous_launches();  // ROUX_CUDA_SYNC

// The readable name of a kernel, and the last one launched by this thread ("" before the first).
const std::string& kernel_name(const void* kernel);
const std::string& last_kernel();

}  // namespace roux::cuda

#endif  // ROUX_CUDA_CONTEXT_H_
