// What `cuda:N` could still allocate, as the driver says it: other programs use the GPU too.
#include "tensor/free_memory.h"

#include <cstddef>

#include "cuda/context.h"

namespace roux::cuda {
namespace {

int64_t free_memory_of(int index) {
  ROUX_CUDA(cudaSetDevice(index));
  size_t free = 0, total = 0;
  ROUX_CUDA(cudaMemGetInfo(&free, &total));
  return static_cast<int64_t>(free);
}

const RegisterFreeMemory kFreeMemory(DeviceType::kCuda, free_memory_of);

}  // namespace
}  // namespace roux::cuda
