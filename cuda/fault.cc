// Fault slots of the CUDA device: fault_board.h.
//
// Compiled, never run yet (DESIGN section 6).
#include "cuda/fault.h"

#include <utility>

#include "cuda/context.h"

namespace roux::cuda {

FaultSlot open_fault_slot() { return {cuda_runtime().open_fault_slot()}; }
void close_fault_slot(FaultSlot slot, FaultMessage message) {
  cuda_runtime().close_fault_slot(slot.first, std::move(message));
}

}  // namespace roux::cuda
