// The CUDA device as the rest of cuda/ sees it: checked calls and the stream that everything runs on.
// Included by host code of the nvcc twin alone (--config=cuda).
#ifndef ROUX_CUDA_CONTEXT_H_
#define ROUX_CUDA_CONTEXT_H_

#include <cuda_runtime.h>

#include <string>
#include <vector>

namespace roux::cuda {

// Throws Error with the call, its place, CUDA's text and the last kernel launched, when status is a failure.
// A fault of a kernel surfaces at some later call: ROUX_CUDA_SYNC=1 makes every launch wait, so that the
// right kernel is named.
void check(cudaError_t status, const char* call, const char* file, int line);
#define ROUX_CUDA(call) ::roux::cuda::check((call), #call, __FILE__, __LINE__)

// The one stream of the current device; kernels, copies and frees are ordered by it.
cudaStream_t current_stream();

// The readable name of a kernel, and the last one launched by this thread ("" before the first).
const std::string& kernel_name(const void* kernel);
const std::string& last_kernel();

// Throws what kernels noted in their fault slots (cuda/fault.h). Waits for the stream.
void throw_faults();
// Slots that are opened between the two calls belong to the captured graph until release_faults().
void begin_fault_capture();
std::vector<int> end_fault_capture();
void release_faults(const std::vector<int>& captured);

}  // namespace roux::cuda

#endif  // ROUX_CUDA_CONTEXT_H_
