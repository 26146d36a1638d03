#include "cuda/emulator/intrinsics.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cuda/emulator/memory.h"
#include "cuda/emulator/report.h"
#include "cuda/emulator/scheduler.h"

namespace roux::emulated {
namespace {

using emulator::Access;
using emulator::kWarpSize;

struct ShuffleSlot {
  uint64_t bits;
  uint32_t source;
  bool inactive;  // out: the source lane takes no part
};

void combine_shuffle(void* const* slots, uint32_t lanes) {
  uint64_t bits[kWarpSize] = {};
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    if ((lanes >> lane & 1u) != 0) bits[lane] = static_cast<ShuffleSlot*>(slots[lane])->bits;
  }
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    if ((lanes >> lane & 1u) == 0) continue;
    auto* slot = static_cast<ShuffleSlot*>(slots[lane]);
    slot->inactive = (lanes >> slot->source & 1u) == 0;
    slot->bits = bits[slot->source];
  }
}

struct VoteSlot {
  bool predicate;
  uint32_t ballot, lanes;
};

void combine_vote(void* const* slots, uint32_t lanes) {
  uint32_t ballot = 0;
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    if ((lanes >> lane & 1u) != 0 && static_cast<VoteSlot*>(slots[lane])->predicate) ballot |= 1u << lane;
  }
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    if ((lanes >> lane & 1u) == 0) continue;
    static_cast<VoteSlot*>(slots[lane])->ballot = ballot;
    static_cast<VoteSlot*>(slots[lane])->lanes = lanes;
  }
}

VoteSlot vote(const char* operation, unsigned mask, int predicate, const char* file, int line) {
  VoteSlot slot{predicate != 0, 0, 0};
  emulator::warp_operation(operation, mask, &slot, combine_vote, false, {file, line});
  return slot;
}

}  // namespace

uint3 thread_index() { return emulator::current_thread->id; }
uint3 block_index() { return emulator::running_block(); }
dim3 block_dimensions() { return emulator::running_block_size(); }
dim3 grid_dimensions() { return emulator::running_grid_size(); }

void __syncthreads(const char* file, int line) { emulator::block_barrier("__syncthreads", 0, {file, line}); }
int __syncthreads_or(int predicate, const char* file, int line) {
  return emulator::block_barrier("__syncthreads_or", predicate, {file, line}).count > 0;
}
int __syncthreads_and(int predicate, const char* file, int line) {
  const emulator::Vote vote = emulator::block_barrier("__syncthreads_and", predicate, {file, line});
  return vote.count == vote.live;
}
int __syncthreads_count(int predicate, const char* file, int line) {
  return emulator::block_barrier("__syncthreads_count", predicate, {file, line}).count;
}
void __syncwarp(unsigned mask, const char* file, int line) {
  emulator::warp_operation("__syncwarp", mask, nullptr, nullptr, true, {file, line});
}

unsigned __ballot_sync(unsigned mask, int predicate, const char* file, int line) {
  return vote("__ballot_sync", mask, predicate, file, line).ballot;
}
int __any_sync(unsigned mask, int predicate, const char* file, int line) {
  return vote("__any_sync", mask, predicate, file, line).ballot != 0;
}
int __all_sync(unsigned mask, int predicate, const char* file, int line) {
  const VoteSlot slot = vote("__all_sync", mask, predicate, file, line);
  return slot.ballot == slot.lanes;
}

uint64_t shuffle_bits(Shuffle kind, unsigned mask, uint64_t bits, int operand, int width, const char* file,
                      int line) {
  static constexpr const char* kNames[] = {"__shfl_sync", "__shfl_up_sync", "__shfl_down_sync",
                                           "__shfl_xor_sync"};
  const char* name = kNames[static_cast<int>(kind)];
  const int lane = static_cast<int>(emulator::current_thread->lane);
  const int first = lane & ~(width - 1), last = lane | (width - 1);
  int source = lane;
  switch (kind) {
    case Shuffle::kIndex:
      source = first | (operand & (width - 1));
      break;
    case Shuffle::kUp:
      source = lane - operand >= first ? lane - operand : lane;
      break;
    case Shuffle::kDown:
      source = lane + operand <= last ? lane + operand : lane;
      break;
    case Shuffle::kXor:
      source = (lane ^ operand) <= last ? lane ^ operand : lane;
      break;
  }
  ShuffleSlot slot{bits, static_cast<uint32_t>(source), false};
  emulator::warp_operation(name, mask, &slot, combine_shuffle, false, {file, line});
  if (slot.inactive) {
    emulator::report(
        "undefined value",
        absl::StrCat(name, " at ", file, ":", line, " reads lane ", source, ", which does not take part"),
        __builtin_return_address(0));
  }
  return slot.bits;
}

// The bodies stand here, in a file without instrumentation: their plain loads and stores are not accesses of
// their own.
template <class T, class Update>
T atomic_update(T* address, const void* pc, Update update) {
  emulator::check_access(*emulator::current_thread, address, sizeof(T), Access::kAtomic, pc);
  const T old = *address;
  *address = update(old);
  return old;
}
template <class T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  return atomic_update(address, __builtin_return_address(0), [=](T old) { return old + value; });
}
template <class T>
T atomicExch(T* address, std::type_identity_t<T> value) {
  return atomic_update(address, __builtin_return_address(0), [=](T) { return value; });
}
template <class T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  return atomic_update(address, __builtin_return_address(0), [=](T old) { return std::max(old, value); });
}
template <class T>
T atomicMin(T* address, std::type_identity_t<T> value) {
  return atomic_update(address, __builtin_return_address(0), [=](T old) { return std::min(old, value); });
}
template <class T>
T atomicOr(T* address, std::type_identity_t<T> value) {
  return atomic_update(address, __builtin_return_address(0), [=](T old) { return old | value; });
}
template <class T>
T atomicCAS(T* address, std::type_identity_t<T> compare, std::type_identity_t<T> value) {
  return atomic_update(address, __builtin_return_address(0),
                       [=](T old) { return old == compare ? value : old; });
}
#define ROUX_INTEGER_ATOMICS(T)    \
  template T atomicAdd<T>(T*, T);  \
  template T atomicExch<T>(T*, T); \
  template T atomicMax<T>(T*, T);  \
  template T atomicMin<T>(T*, T);  \
  template T atomicOr<T>(T*, T);   \
  template T atomicCAS<T>(T*, T, T);
ROUX_INTEGER_ATOMICS(int)
ROUX_INTEGER_ATOMICS(unsigned)
ROUX_INTEGER_ATOMICS(unsigned long long)  // NOLINT: CUDA's type
template float atomicAdd<float>(float*, float);
template double atomicAdd<double>(double*, double);
template float atomicExch<float>(float*, float);

void* shared_memory(const void* key, const char* name, size_t bytes, size_t alignment) {
  return emulator::shared_variable(key, name, bytes, alignment);
}
void* dynamic_shared_memory() { return emulator::dynamic_shared(); }

}  // namespace roux::emulated
