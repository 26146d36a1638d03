// The emulated device's memory and its shadow: which bytes may be touched, which hold a value, and who
// touched them last in the running launch.
//
// Two regions exist, both reserved once: the global arena (tensors of the emulated device) and the shared
// memory of the running block. Every allocation in them stands between red zones. Kernel threads may also
// read constants of the program; anything else they touch outside their own stack is not device memory and is
// reported.
//
// Threads: allocate and deallocate may be called from any thread; launches are serialised by the scheduler.
#ifndef ROUX_CUDA_EMULATOR_MEMORY_H_
#define ROUX_CUDA_EMULATOR_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace roux::emulator {

struct Thread;

// False in --config=asan, where AddressSanitizer's red zones stand in for the detectors and kernels are not
// instrumented for them.
bool has_detectors();

inline constexpr size_t kGlobalBytes = size_t{16} << 30;  // virtual; pages appear when touched
inline constexpr size_t kSharedBytes = size_t{1} << 19;
inline constexpr size_t kRedZone = 256;       // around global allocations
inline constexpr size_t kSharedRedZone = 64;  // around shared variables
inline constexpr size_t kGranule = 2;         // bytes that share one Cell

// State of one byte.
enum ByteState : uint8_t { kRedZoneByte, kUninitialised, kInitialised, kFreed, kPendingCopy };

// Who touched a granule last. A stamp is clock << 13 | byte mask << 11 | atomic << 10 | thread of the block;
// a serial numbers the blocks of all launches. Two readers are kept, so that a later writer meets one that is
// not itself.
struct Cell {
  uint32_t write_serial, write;
  uint32_t read_serial, read, other_read;
};
inline constexpr uint32_t kReadByEarlierBlock =
    1u << 31;  // in read_serial: blocks before it read the granule too

struct Region {  // empty until something is allocated
  std::byte* base = nullptr;
  size_t bytes = 0;
  uint8_t* state = nullptr;  // [bytes]; nullptr without detectors
  Cell* cells = nullptr;     // [bytes / kGranule]
};
extern constinit Region global_region, shared_region;

// Device memory, 256-byte aligned, uninitialised (filled with NaN patterns). Returns nullptr when the arena
// is full.
void* allocate_global(size_t bytes);
// Freed bytes stay unusable for kernels until they are handed out again, oldest first.
void deallocate_global(void* data);
// The host wrote these bytes (a copy, a fill). Throws Error when they are not inside one live allocation.
void host_access(const void* data, size_t bytes, bool write, const char* what);

// Shared memory of the running block: reset forgets all variables, add places one (16-byte aligned) behind a
// red zone.
void reset_shared();
void* add_shared(const char* name, size_t bytes, size_t alignment);

enum class Access { kRead, kWrite, kAtomic };

// One access of a kernel thread. Reports what is wrong with it (report.h); an access that would leave device
// memory ends the launch. pc: the instrumented instruction, for the source line.
void check_access(Thread& thread, const void* address, uint32_t bytes, Access access, const void* pc);
// Marks shared bytes as the target of a cp.async that nobody has waited for, and as written.
void begin_copy(Thread& thread, void* dst, uint32_t bytes, const void* pc);
void end_copy(Thread& thread, void* dst, uint32_t bytes, const void* pc);

// "shared tile + 132 (4 bytes past its end, it has 128)"; "global allocation #3 + 16 of 64 bytes".
std::string describe(const void* address);

}  // namespace roux::emulator

#endif  // ROUX_CUDA_EMULATOR_MEMORY_H_
