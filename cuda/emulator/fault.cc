#define ROUX_EMULATED 1
#include "cuda/fault.h"

#include "cuda/emulator/memory.h"
#include "tensor/error.h"

namespace roux::emulated {
namespace {
constexpr unsigned long long kNothing = ~0ull;  // NOLINT: CUDA's type of atomics
}

FaultSlot open_fault_slot() {
  void* data = emulator::allocate_global(sizeof(kNothing));
  ROUX_CHECK(data != nullptr) << "out of memory: no room for a fault slot on emulated";
  auto* first = static_cast<unsigned long long*>(data);  // NOLINT
  emulator::host_access(first, sizeof(kNothing), true, "fault slot");
  *first = kNothing;
  return {first};
}

void close_fault_slot(FaultSlot slot, FaultMessage message) {
  const unsigned long long first = *slot.first;  // NOLINT
  emulator::deallocate_global(slot.first);
  if (first != kNothing) throw Error(message(static_cast<int64_t>(first >> 32), static_cast<int32_t>(first)));
}

}  // namespace roux::emulated
