// How many parts of a run may go side by side: as many as threads and memory allow, one on a GPU.
#ifndef ROUX_RECIPES_KIT_RUN_PARALLEL_PARTS_H_
#define ROUX_RECIPES_KIT_RUN_PARALLEL_PARTS_H_

#include <cstdint>
#include <string>

#include "tensor/device.h"

namespace roux::kit {

// Memory that parts may share, from the plan of one of them.
struct PartMemory {
  int64_t part = 0;   // bytes of one part at its peak; 0: not known
  int64_t free = -1;  // bytes of the device when the run starts; -1: not known
};

// Bytes that can still be allocated: of the GPU, else of the machine and its control group. -1: not known.
int64_t free_for_parts(Device device);

// At most `wanted` >= 1 parts, at least one. Beside its tensors a part needs a tenth for buffers.
int parallel_parts(int wanted, Device device, const PartMemory& memory);

// Whether one part fits at all; true when that is not known.
bool one_part_fits(const PartMemory& memory);

// "1.5 GiB", "20 MiB".
std::string bytes_text(int64_t bytes);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_PARALLEL_PARTS_H_
