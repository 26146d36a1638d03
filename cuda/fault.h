// Values that a kernel finds wrong (an index out of range) and can only report: the first position and its
// value go to a slot in device memory, and the error is thrown on the host: on the emulator when the launch
// ends, on the device at the next synchronisation or copy to the host.
#ifndef ROUX_CUDA_FAULT_H_
#define ROUX_CUDA_FAULT_H_

#include <functional>
#include <string>

#include "cuda/kernel.h"

namespace roux::ROUX_CUDA_NAMESPACE {

struct FaultSlot {
  unsigned long long* first;  // NOLINT: CUDA's type of atomics; position << 32 | value, all ones: nothing
};

#if ROUX_EMULATED || defined(__CUDACC__)
// Keeps the smallest position; position and value are cut to 32 bits by saturation.
__device__ __forceinline__ void note_bad_index(FaultSlot slot, int64_t position, int64_t value) {
  const int64_t kept = value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : value;
  constexpr int64_t kLargest = 0xfffffffe;  // all ones mean that there is nothing
  const uint64_t place = static_cast<uint64_t>(position < kLargest ? position : kLargest);
  atomicMin(slot.first, static_cast<unsigned long long>(place << 32 | static_cast<uint32_t>(kept)));
}
#endif

using FaultMessage = std::function<std::string(int64_t position, int64_t value)>;

// A fresh slot for one launch, and its end: Error(message(position, value)) is thrown if the launch noted
// something.
FaultSlot open_fault_slot();
void close_fault_slot(FaultSlot slot, FaultMessage message);

}  // namespace roux::ROUX_CUDA_NAMESPACE

#endif  // ROUX_CUDA_FAULT_H_
