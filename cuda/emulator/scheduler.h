// Runs a grid on the host: blocks one by one, each thread of a block as a fiber. A thread runs until it must
// wait for others (block barrier, warp operation) or ends; then the next one runs. The order is fixed by the
// Schedule, so a launch gives the same bits every time, and a kernel that lacks a barrier can give different
// bits under another one.
//
// Threads: launches from several host threads are serialised.
#ifndef ROUX_CUDA_EMULATOR_SCHEDULER_H_
#define ROUX_CUDA_EMULATOR_SCHEDULER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cuda/emulator/fiber.h"
#include "cuda/emulator/types.h"

namespace roux::emulator {

using emulated::dim3;
using emulated::uint3;

inline constexpr uint32_t kWarpSize = 32;
inline constexpr uint32_t kFullMask = 0xffffffffu;
inline constexpr size_t kMaxThreads = 1024;
inline constexpr size_t kMaxSharedBytes = 227 * 1024;  // per block, as on sm_90

// Order of blocks and threads. The default comes from ROUX_EMULATOR_SCHEDULE: forward, reverse or a seed.
struct Schedule {
  enum Kind { kForward, kReverse, kShuffled } kind = kForward;
  uint64_t seed = 0;
};
Schedule schedule();
void set_schedule(Schedule schedule);

// A kernel with its arguments bound: invoke(arguments) runs it once, on the calling fiber.
struct KernelCall {
  const void* kernel;
  void (*invoke)(const void* arguments);
  const void* arguments;
  size_t argument_bytes;
};
// Runs the grid and throws Error with everything that the detectors found, or when the configuration is
// impossible.
void run_grid(const KernelCall& call, dim3 grid, dim3 block, size_t dynamic_shared);
// The name of the running kernel and block, for reports.
const void* running_kernel();
uint3 running_block();
dim3 running_block_size();
dim3 running_grid_size();

// Where a thread waits: file and line of the intrinsic.
struct Site {
  const char* file;
  int line;
};

struct PendingCopy {
  void* dst;
  const void* src;
  uint32_t bytes, source_bytes;
  uint32_t group;
};

enum class Status : uint8_t { kReady, kAtBarrier, kAtWarpOp, kDone };

// Combines the slots of the lanes in `lanes` (slots[lane] is what that lane passed).
using Combine = void (*)(void* const* slots, uint32_t lanes);

struct Thread {
  Fiber fiber;
  Status status = Status::kDone;
  uint32_t index = 0, lane = 0, warp = 0;  // in the block
  uint3 id{};
  uint32_t clock = 1;  // of the last synchronisation it took part in
  // While waiting.
  const char* operation = nullptr;
  Site site{};
  uint32_t mask = 0;
  void* slot = nullptr;
  Combine combine = nullptr;
  bool orders_memory = false;
  int predicate = 0;
  // cp.async
  uint32_t copy_group = 0;
  std::vector<PendingCopy> copies;
};

// The thread whose fiber runs on this host thread; nullptr outside of kernels. Read by every instrumented
// access.
extern thread_local Thread* current_thread __attribute__((tls_model("initial-exec")));

// The same while kernel code itself runs; nullptr inside the emulator's own functions, whose accesses are not
// checked.
extern thread_local Thread* checked_thread __attribute__((tls_model("initial-exec")));
class RuntimeScope {
 public:
  RuntimeScope() : saved_(checked_thread) { checked_thread = nullptr; }
  RuntimeScope(const RuntimeScope&) = delete;
  ~RuntimeScope() { checked_thread = saved_; }

 private:
  Thread* const saved_;
};

// The running block in the numbering of all blocks of all launches, the first block of the launch, and the
// time of the block's last barrier of all threads.
struct Now {
  uint32_t serial = 0, first_serial = 0;
  uint32_t barrier_time = 0;
};
extern constinit Now now;

// True when an access of `by` at `clock` is ordered before what `thread` does now: a barrier lies between.
bool happens_before_in_warp(uint32_t by, uint32_t clock, const Thread& thread);
inline bool happens_before(uint32_t by, uint32_t clock, const Thread& thread) {
  if (clock < now.barrier_time) return true;
  return by / kWarpSize == thread.warp && happens_before_in_warp(by, clock, thread);
}
// [begin, end) of the bound arguments, which kernel threads copy from the host.
bool is_argument(const void* address);
// Ends the launch; the calling fiber is never resumed.
[[noreturn]] void abandon_launch();

// The dynamic shared memory of the running block; the shared variable `key` of it, placed on first use.
void* dynamic_shared();
void* shared_variable(const void* key, const char* name, size_t bytes, size_t alignment);

// Waits for all live threads of the block; returns how many passed a non-zero predicate.
struct Vote {
  int count, live;
};
Vote block_barrier(const char* operation, int predicate, Site site);
// Waits for the live lanes of mask to call the same operation; the last one to arrive combines.
// orders_memory: what they wrote before is visible to them after (__syncwarp alone promises that).
void warp_operation(const char* operation, uint32_t mask, void* slot, Combine combine, bool orders_memory,
                    Site site);

}  // namespace roux::emulator

#endif  // ROUX_CUDA_EMULATOR_SCHEDULER_H_
