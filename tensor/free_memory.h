// How much a device could still allocate. A device's library says it; on the CPU and `emulated` it is the
// machine's memory, which upper layers know.
#ifndef ROUX_TENSOR_FREE_MEMORY_H_
#define ROUX_TENSOR_FREE_MEMORY_H_

#include <cstdint>

#include "tensor/device.h"

namespace roux {

// Bytes on top of the live tensors; -1 where nothing is registered.
int64_t free_memory(Device device);

// Before main() runs, as RegisterRuntime.
struct RegisterFreeMemory {
  RegisterFreeMemory(DeviceType type, int64_t (*free_memory)(int index));
};

}  // namespace roux

#endif  // ROUX_TENSOR_FREE_MEMORY_H_
