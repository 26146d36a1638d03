#include "tensor/free_memory.h"

namespace roux {
namespace {
using Function = int64_t (*)(int index);
constinit Function functions[kDeviceTypeCount] = {};
}  // namespace

int64_t free_memory(Device device) {
  const Function function = functions[static_cast<int>(device.type)];
  return function == nullptr ? -1 : function(device.index);
}

RegisterFreeMemory::RegisterFreeMemory(DeviceType type, int64_t (*free_memory)(int index)) {
  functions[static_cast<int>(type)] = free_memory;
}

}  // namespace roux
