#include "cuda/emulator/mma.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "cuda/emulator/memory.h"
#include "cuda/emulator/report.h"
#include "cuda/emulator/scheduler.h"
#include "tensor/float16.h"

namespace roux::emulated {
namespace {

using emulator::Access;
using emulator::kFullMask;
using emulator::kWarpSize;

struct LoadSlot {
  uint32_t* registers;
  const void* row;
};

// Matrix i is 8 rows of 8 two-byte elements; lane 8 i + r gave the address of row r. Lane l receives of each
// matrix row l / 4, columns 2 (l % 4) and the next; transposed: column l / 4, rows 2 (l % 4) and the next.
template <int kCount, bool kTransposed>
void combine_load(void* const* slots, uint32_t) {
  for (int i = 0; i < kCount; ++i) {
    uint16_t matrix[8][8];
    for (int r = 0; r < 8; ++r) std::memcpy(matrix[r], static_cast<LoadSlot*>(slots[8 * i + r])->row, 16);
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      const uint32_t outer = lane / 4, inner = 2 * (lane % 4);
      const uint16_t low = kTransposed ? matrix[inner][outer] : matrix[outer][inner];
      const uint16_t high = kTransposed ? matrix[inner + 1][outer] : matrix[outer][inner + 1];
      static_cast<LoadSlot*>(slots[lane])->registers[i] = low | uint32_t{high} << 16;
    }
  }
}

struct MultiplySlot {
  float* d;
  const uint32_t* a;
  const uint32_t* b;
};

template <class T>
float half_of(uint32_t pair, int high) {
  T value;
  value.bits = static_cast<uint16_t>(pair >> (16 * high));
  return value;
}

// Lane l = 4 g + t holds of A (16 x 16) rows g and g + 8, of B (16 x 8) column g, of D (16 x 8) rows g and g
// + 8.
template <class T>
void combine_multiply(void* const* slots, uint32_t) {
  float a[16][16], b[16][8];
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    const auto* slot = static_cast<MultiplySlot*>(slots[lane]);
    const uint32_t g = lane / 4, t = lane % 4;
    for (uint32_t i = 0; i < 4; ++i) {
      for (int h = 0; h < 2; ++h) a[g + 8 * (i % 2)][2 * t + 8 * (i / 2) + h] = half_of<T>(slot->a[i], h);
    }
    for (uint32_t i = 0; i < 2; ++i) {
      for (int h = 0; h < 2; ++h) b[2 * t + 8 * i + h][g] = half_of<T>(slot->b[i], h);
    }
  }
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    const auto* slot = static_cast<MultiplySlot*>(slots[lane]);
    const uint32_t g = lane / 4, t = lane % 4;
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t row = g + 8 * (i / 2), column = 2 * t + i % 2;
      float sum = slot->d[i];  // products of two 16-bit floats are exact in f32; the order of the sum is ours
      for (int k = 0; k < 16; ++k) sum += a[row][k] * b[k][column];
      slot->d[i] = sum;
    }
  }
}

// A warp-wide instruction: all 32 lanes must execute it.
void full_warp(const char* operation, void* slot, emulator::Combine combine, const char* file, int line) {
  if (emulator::running_block_size().x * emulator::running_block_size().y * emulator::running_block_size().z %
          kWarpSize !=
      0) {
    emulator::report_fatal("incomplete warp", absl::StrCat(operation, " needs blocks of whole warps"),
                           nullptr);
  }
  emulator::warp_operation(operation, kFullMask, slot, combine, false, {file, line});
}

}  // namespace

void load_matrices(uint32_t* registers, int count, bool transposed, const void* row, const char* file,
                   int line) {
  emulator::RuntimeScope scope;
  emulator::Thread& thread = *emulator::current_thread;
  const void* pc = __builtin_return_address(0);
  if (thread.lane < 8u * static_cast<uint32_t>(count)) {
    if (reinterpret_cast<uintptr_t>(row) % 16 != 0) {
      emulator::report_fatal(
          "misaligned", absl::StrCat("ldmatrix row needs 16-byte alignment, at ", emulator::describe(row)),
          pc);
    }
    emulator::check_access(thread, row, 16, Access::kRead, pc);
  }
  static constexpr emulator::Combine kCombine[2][3] = {
      {combine_load<1, false>, combine_load<2, false>, combine_load<4, false>},
      {combine_load<1, true>, combine_load<2, true>, combine_load<4, true>}};
  LoadSlot slot{registers, row};
  full_warp("ldmatrix", &slot, kCombine[transposed][count / 2], file, line);
}

void multiply_m16n8k16(float* d, const uint32_t* a, const uint32_t* b, bool bf16, const char* file,
                       int line) {
  MultiplySlot slot{d, a, b};
  full_warp("mma", &slot, bf16 ? combine_multiply<bfloat16> : combine_multiply<float16>, file, line);
}

void copy_async(void* dst, const void* src, uint32_t bytes, uint32_t source_bytes) {
  emulator::RuntimeScope scope;
  emulator::Thread& thread = *emulator::current_thread;
  const void* pc = __builtin_return_address(0);
  for (const void* p : {static_cast<const void*>(dst), src}) {
    if (reinterpret_cast<uintptr_t>(p) % bytes != 0) {
      emulator::report_fatal(
          "misaligned", absl::StrCat("cp.async needs ", bytes, "-byte alignment, at ", emulator::describe(p)),
          pc);
    }
  }
  if (source_bytes > 0) emulator::check_access(thread, src, source_bytes, Access::kRead, pc);
  emulator::begin_copy(thread, dst, bytes, pc);
  thread.copies.push_back({dst, src, bytes, source_bytes, thread.copy_group});
}

void commit_copies() { ++emulator::current_thread->copy_group; }

void wait_for_copies(uint32_t groups_in_flight) {
  emulator::RuntimeScope scope;
  emulator::Thread& thread = *emulator::current_thread;
  const void* pc = __builtin_return_address(0);
  size_t kept = 0;
  for (const emulator::PendingCopy& copy : thread.copies) {
    if (copy.group + groups_in_flight >= thread.copy_group) {
      thread.copies[kept++] = copy;
      continue;
    }
    std::memcpy(copy.dst, copy.src, copy.source_bytes);
    std::memset(static_cast<char*>(copy.dst) + copy.source_bytes, 0, copy.bytes - copy.source_bytes);
    emulator::end_copy(thread, copy.dst, copy.bytes, pc);
  }
  thread.copies.resize(kept);
}

}  // namespace roux::emulated
