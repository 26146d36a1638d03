// What `cuda:N` could still allocate, as the driver says it: other programs use the GPU too.
#include "tensor/free_memory.h"

#include <cstddef>

#include "cuda/context.h"

namespace roux::cuda {
namespace {

int64_t free_memory_of(int index) {
  int before = 0;
  ROUX_CUDA(cudaGetDevice(&before));
  ROUX_CUDA(cudaSetDevice(index));
  size_t free = 0, total = 0;
  const cudaError_t status = cudaMemGetInfo(&free, &total);
  ROUX_CUDA(cudaSetDevice(before));
  ROUX_CUDA(status);
  return static_cast<int64_t>(free);
}

const RegisterFreeMemory kFreeMemory(DeviceType::kCuda, free_memory_of);

}  // namespace
}  // namespace roux::cuda
