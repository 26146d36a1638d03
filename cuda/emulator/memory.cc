#include "cuda/emulator/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cuda/emulator/races.h"
#include "cuda/emulator/report.h"
#include "cuda/emulator/scheduler.h"
#include "tensor/error.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define ROUX_EMULATOR_DETECTORS 0
#define ROUX_POISON(address, bytes) __asan_poison_memory_region(address, bytes)
#define ROUX_UNPOISON(address, bytes) __asan_unpoison_memory_region(address, bytes)
#else
#define ROUX_EMULATOR_DETECTORS 1
#define ROUX_POISON(address, bytes) (void)0
#define ROUX_UNPOISON(address, bytes) (void)0
#endif

namespace roux::emulator {
namespace {

constexpr int kPoison = 0xff;  // NaN in every floating type, -1 in integers
constexpr size_t kQuarantine = size_t{64} << 20;

void* reserve(size_t bytes) {
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ROUX_CHECK(p != MAP_FAILED) << "emulated: cannot reserve " << bytes
                              << " bytes of address space (ulimit -v?)";
  return p;
}

void reserve_region(Region& r, size_t bytes) {
  r.base = static_cast<std::byte*>(reserve(bytes));
  if (ROUX_EMULATOR_DETECTORS) {
    r.state = static_cast<uint8_t*>(reserve(bytes));
    r.cells = static_cast<Cell*>(reserve(bytes / kGranule * sizeof(Cell)));
  }
  r.bytes = bytes;
}

struct Allocation {
  int64_t id;
  size_t bytes, room;  // room: rounded up, what a reuse may fill
  bool freed;
};

struct Heap {
  std::mutex mutex;
  size_t top = kRedZone;
  size_t quarantined = 0;
  int64_t next_id = 1;
  std::map<size_t, Allocation> allocations;         // by offset in the arena
  std::map<size_t, std::deque<size_t>> free_rooms;  // room -> offsets, oldest first
};
Heap& heap() {
  static Heap* heap = new Heap;  // never destroyed: tensors may outlive main()
  return *heap;
}

struct SharedVariable {
  const char* name;
  size_t offset, bytes;
};
std::vector<SharedVariable>& shared_variables() {
  static auto* variables = new std::vector<SharedVariable>;
  return *variables;
}

// "<what> + 12 (of 16 bytes)", or how far outside of it the offset lies.
std::string place(const std::string& what, int64_t offset, int64_t bytes) {
  if (offset < 0) return absl::StrCat(what, " (", bytes, " bytes), ", -offset, " bytes before its start");
  if (offset >= bytes) {
    return absl::StrCat(what, " (", bytes, " bytes) + ", offset, ", ", offset - bytes, " bytes past its end");
  }
  return absl::StrCat(what, " (", bytes, " bytes) + ", offset);
}

// Distance of offset to [begin, begin + bytes).
int64_t distance(int64_t offset, int64_t begin, int64_t bytes) {
  return offset < begin ? begin - offset : std::max<int64_t>(0, offset - (begin + bytes) + 1);
}

bool inside(const Region& region, const void* address, size_t* offset) {
  *offset = static_cast<size_t>(static_cast<const std::byte*>(address) - region.base);
  return *offset < region.bytes;
}

bool all_bytes(const uint8_t* state, uint32_t bytes, uint8_t wanted) {
  for (uint32_t i = 0; i < bytes; ++i) {
    if (state[i] != wanted) return false;
  }
  return true;
}

const char* verb(Access access) {
  return access == Access::kRead ? "read" : access == Access::kWrite ? "write" : "atomic update";
}

// Not all bytes hold a value: reports what is wrong with that, if anything is (a first write is fine).
void check_state(const uint8_t* state, const std::byte* address, uint32_t bytes, Access access,
                 const void* pc) {
  for (uint32_t i = 0; i < bytes; ++i) {
    if (state[i] == kInitialised || (state[i] == kUninitialised && access == Access::kWrite)) continue;
    RuntimeScope scope;
    const std::string text = absl::StrCat(verb(access), " of ", bytes, " bytes at ", describe(address + i));
    if (state[i] == kRedZoneByte) report_fatal("out of bounds", text, pc);
    if (state[i] == kFreed) report_fatal("use after free", text, pc);
    return report(state[i] == kPendingCopy ? "cp.async not waited for" : "uninitialised", text, pc);
  }
}

void check_host_address(Thread& thread, const void* address, uint32_t bytes, Access access, const void* pc) {
  const char* p = static_cast<const char*>(address);
  if (p >= thread.fiber.stack_low() && p < thread.fiber.stack_high()) return;
  if (access == Access::kRead && (is_argument(address) || is_program_constant(address))) return;
  RuntimeScope scope;
  report_fatal(
      "not device memory",
      absl::StrCat(verb(access), " of ", bytes, " bytes at ", absl::Hex(reinterpret_cast<uintptr_t>(address)),
                   ", which is host memory or unmapped"),
      pc);
}

}  // namespace

bool has_detectors() { return ROUX_EMULATOR_DETECTORS; }

constinit Region global_region, shared_region;

void* allocate_global(size_t bytes) {
  Region& region = global_region;
  Heap& h = heap();
  std::lock_guard<std::mutex> lock(h.mutex);
  if (region.bytes == 0) reserve_region(region, kGlobalBytes);
  const size_t step = std::max<size_t>(256, std::bit_floor(bytes) / 4);
  const size_t room = (bytes + step - 1) / step * step;
  size_t offset = 0;
  auto rooms = h.free_rooms.find(room);
  if (h.quarantined > kQuarantine && rooms != h.free_rooms.end() && !rooms->second.empty()) {
    offset = rooms->second.front();
    rooms->second.pop_front();
    h.quarantined -= room;
  } else {
    if (h.top + room + kRedZone > region.bytes) return nullptr;
    offset = h.top;
    h.top += room + kRedZone;
    ROUX_POISON(region.base + offset - kRedZone, room + 2 * kRedZone);
  }
  h.allocations[offset] = {h.next_id++, bytes, room, false};
  std::byte* data = region.base + offset;
  ROUX_UNPOISON(data, bytes);
  std::memset(data, kPoison, bytes);
  if (region.state != nullptr) {
    std::memset(region.state + offset, kUninitialised, bytes);
    std::memset(region.state + offset + bytes, kRedZoneByte, room - bytes);
  }
  return data;
}

void deallocate_global(void* data) {
  Region& region = global_region;
  Heap& h = heap();
  std::lock_guard<std::mutex> lock(h.mutex);
  const size_t offset = static_cast<size_t>(static_cast<std::byte*>(data) - region.base);
  auto found = h.allocations.find(offset);
  ROUX_INVARIANT(found != h.allocations.end() && !found->second.freed);
  Allocation& allocation = found->second;
  allocation.freed = true;
  if (region.state != nullptr) std::memset(region.state + offset, kFreed, allocation.bytes);
  if (allocation.room >=
      (size_t{1} << 20)) {  // give big blocks back to the system; the addresses stay reserved
    const size_t page = 4096, begin = (offset + page - 1) / page * page,
                 end = (offset + allocation.room) / page * page;
    madvise(region.base + begin, end - begin, MADV_DONTNEED);
    if (region.cells != nullptr) {
      auto cell_begin = reinterpret_cast<uintptr_t>(region.cells + begin / kGranule) / page * page;
      auto cell_end = reinterpret_cast<uintptr_t>(region.cells + end / kGranule) / page * page;
      madvise(reinterpret_cast<void*>(cell_begin + page), cell_end - cell_begin - page, MADV_DONTNEED);
    }
  }
  ROUX_POISON(data, allocation.room);
  h.free_rooms[allocation.room].push_back(offset);
  h.quarantined += allocation.room;
}

void host_access(const void* data, size_t bytes, bool write, const char* what) {
  Region& region = global_region;
  Heap& h = heap();
  std::lock_guard<std::mutex> lock(h.mutex);
  size_t offset;
  const bool known = inside(region, data, &offset);
  auto next = h.allocations.upper_bound(offset);
  const bool found = known && next != h.allocations.begin();
  auto allocation = found ? std::prev(next) : next;
  ROUX_CHECK(found && !allocation->second.freed &&
             offset + bytes <= allocation->first + allocation->second.bytes)
      << what << ": " << bytes << " bytes at " << data
      << " are not inside one live allocation of the emulated device";
  if (write && region.state != nullptr) std::memset(region.state + offset, kInitialised, bytes);
}

void reset_shared() {
  Region& region = shared_region;
  auto& variables = shared_variables();
  if (region.bytes == 0) reserve_region(region, kSharedBytes);
  if (!variables.empty() && region.state != nullptr) {
    std::memset(region.state, kRedZoneByte, variables.back().offset + variables.back().bytes);
  }
  variables.clear();
  ROUX_POISON(region.base, region.bytes);
}

void* add_shared(const char* name, size_t bytes, size_t alignment) {
  Region& region = shared_region;
  auto& variables = shared_variables();
  alignment = std::max<size_t>(alignment, 16);
  size_t offset = variables.empty() ? 0 : variables.back().offset + variables.back().bytes;
  offset = (offset + kSharedRedZone + alignment - 1) / alignment * alignment;
  ROUX_INVARIANT(offset + bytes + kSharedRedZone <= region.bytes);
  variables.push_back({name, offset, bytes});
  ROUX_UNPOISON(region.base + offset, bytes);
  std::memset(region.base + offset, kPoison, bytes);
  if (region.state != nullptr) std::memset(region.state + offset, kUninitialised, bytes);
  return region.base + offset;
}

std::string describe(const void* address) {
  size_t offset;
  if (inside(shared_region, address, &offset)) {
    const SharedVariable* best = nullptr;
    const auto at = static_cast<int64_t>(offset);
    int64_t best_distance = 0;
    for (const SharedVariable& v : shared_variables()) {
      const int64_t d = distance(at, static_cast<int64_t>(v.offset), static_cast<int64_t>(v.bytes));
      if (best == nullptr || d < best_distance) best = &v, best_distance = d;
    }
    if (best == nullptr) return "shared memory (the kernel has none)";
    return place(absl::StrCat("shared ", best->name), at - static_cast<int64_t>(best->offset),
                 static_cast<int64_t>(best->bytes));
  }
  if (!inside(global_region, address, &offset)) return "host memory";
  Heap& h = heap();
  std::lock_guard<std::mutex> lock(h.mutex);
  const auto at = static_cast<int64_t>(offset);
  auto next = h.allocations.upper_bound(offset);
  auto best = h.allocations.end();
  int64_t best_distance = 0;
  auto consider = [&](std::map<size_t, Allocation>::iterator it) {
    const int64_t d = distance(at, static_cast<int64_t>(it->first), static_cast<int64_t>(it->second.bytes));
    if (best == h.allocations.end() || d < best_distance) best = it, best_distance = d;
  };
  if (next != h.allocations.begin()) consider(std::prev(next));
  if (next != h.allocations.end()) consider(next);
  if (best == h.allocations.end()) return "global memory (nothing is allocated)";
  return place(absl::StrCat(best->second.freed ? "freed allocation #" : "allocation #", best->second.id),
               at - static_cast<int64_t>(best->first), static_cast<int64_t>(best->second.bytes));
}

void check_access(Thread& thread, const void* address, uint32_t bytes, Access access, const void* pc) {
  if (!ROUX_EMULATOR_DETECTORS) return;
  static Region& global = global_region;
  static Region& shared = shared_region;
  size_t offset;
  const bool is_global = inside(global, address, &offset);
  if (!is_global && !inside(shared, address, &offset))
    return check_host_address(thread, address, bytes, access, pc);
  Region& region = is_global ? global_region : shared_region;
  uint8_t* state = region.state + offset;
  if (!all_bytes(state, bytes, kInitialised)) {
    check_state(state, region.base + offset, bytes, access, pc);
    if (access != Access::kRead) std::memset(state, kInitialised, bytes);
  }
  check_race(thread, region, offset, bytes, access, pc);
}

void begin_copy(Thread& thread, void* dst, uint32_t bytes, const void* pc) {
  check_access(thread, dst, bytes, Access::kWrite, pc);
  size_t offset;
  if (ROUX_EMULATOR_DETECTORS && inside(shared_region, dst, &offset)) {
    std::memset(shared_region.state + offset, kPendingCopy, bytes);
  }
}

void end_copy(Thread& thread, void* dst, uint32_t bytes, const void* pc) {
  size_t offset;
  if (!ROUX_EMULATOR_DETECTORS || !inside(shared_region, dst, &offset)) return;
  std::memset(shared_region.state + offset, kInitialised, bytes);
  check_race(thread, shared_region, offset, bytes, Access::kWrite, pc);
}

}  // namespace roux::emulator
