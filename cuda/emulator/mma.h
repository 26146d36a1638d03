// Host versions of the warp-level matrix instructions, with the fragment layouts of the PTX manual. The
// public wrappers and their documentation are in cuda/mma.h.
#ifndef ROUX_CUDA_EMULATOR_MMA_H_
#define ROUX_CUDA_EMULATOR_MMA_H_

#include <cstdint>

namespace roux::emulated {

// count: 1, 2 or 4 matrices; registers: [count].
void load_matrices(uint32_t* registers, int count, bool transposed, const void* row, const char* file,
                   int line);
void multiply_m16n8k16(float* d, const uint32_t* a, const uint32_t* b, bool bf16, const char* file, int line);
void copy_async(void* dst, const void* src, uint32_t bytes, uint32_t source_bytes);
void commit_copies();
void wait_for_copies(uint32_t groups_in_flight);

}  // namespace roux::emulated

#endif  // ROUX_CUDA_EMULATOR_MMA_H_
