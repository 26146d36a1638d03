#define ROUX_EMULATED 1
#include "cuda/fault.h"

#include <memory>
#include <utility>

#include "cuda/emulator/capture.h"
#include "cuda/emulator/memory.h"
#include "tensor/error.h"

namespace roux::emulated {
namespace {

constexpr unsigned long long kNothing = ~0ull;  // NOLINT: CUDA's type of atomics

// A slot of a captured launch lives as long as the recording.
class CapturedSlot {
 public:
  explicit CapturedSlot(unsigned long long* first) : first_(first) {}  // NOLINT
  CapturedSlot(const CapturedSlot&) = delete;
  ~CapturedSlot() { emulator::deallocate_global(first_); }
  // What the last replay noted; forgotten then.
  unsigned long long take() const { return std::exchange(*first_, kNothing); }  // NOLINT

 private:
  unsigned long long* first_;  // NOLINT
};

}  // namespace

FaultSlot open_fault_slot() {
  void* data = emulator::allocate_global(sizeof(kNothing));
  ROUX_CHECK(data != nullptr) << "out of memory: no room for a fault slot on emulated";
  auto* first = static_cast<unsigned long long*>(data);  // NOLINT
  emulator::host_access(first, sizeof(kNothing), true, "fault slot");
  *first = kNothing;
  return {first};
}

void close_fault_slot(FaultSlot slot, FaultMessage message) {
  const auto text = [message = std::move(message)](unsigned long long first) {  // NOLINT
    return message(static_cast<int64_t>(first >> 32), static_cast<int32_t>(first));
  };
  if (emulator::Recording* const recording = emulator::current_recording()) {
    const auto kept = std::make_shared<const CapturedSlot>(slot.first);
    recording->faults.push_back([kept, text] {
      const unsigned long long first = kept->take();  // NOLINT
      return first != kNothing ? text(first) : "";
    });
    return;
  }
  const unsigned long long first = *slot.first;  // NOLINT
  emulator::deallocate_global(slot.first);
  if (first != kNothing) throw Error(text(first));
}

}  // namespace roux::emulated
