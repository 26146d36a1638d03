// The race detector: two accesses of one granule by different threads, at least one a plain write, with no
// barrier between them. Inside a block the barriers are __syncthreads (all threads) and __syncwarp (its
// lanes); shuffles and votes order nothing, as CUDA documents. Blocks of one launch are never ordered:
// between them only atomics may meet.
#ifndef ROUX_CUDA_EMULATOR_RACES_H_
#define ROUX_CUDA_EMULATOR_RACES_H_

#include "cuda/emulator/memory.h"

namespace roux::emulator {

// Compares the access with the cells of its bytes, reports, and records it there.
void check_race(Thread& thread, Region& region, size_t offset, uint32_t bytes, Access access, const void* pc);

// True for addresses inside a loaded program or library (constants, tables).
bool is_program_constant(const void* address);

}  // namespace roux::emulator

#endif  // ROUX_CUDA_EMULATOR_RACES_H_
