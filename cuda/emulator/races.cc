#include "cuda/emulator/races.h"

#include <link.h>

#include "absl/strings/str_cat.h"
#include "cuda/emulator/report.h"
#include "cuda/emulator/scheduler.h"

namespace roux::emulator {
namespace {

constexpr uint32_t kClockShift = 13, kMaskShift = 11, kAtomicBit = 1u << 10, kThreadMask = kAtomicBit - 1;
constexpr uint32_t kMaxClock =
    (1u << (32 - kClockShift)) - 1;  // synchronisations per block that can be told apart
constexpr uint32_t kNobody = 0;      // clocks start at 1, so no stamp is 0

const char* past(uint32_t stamp, bool write) {
  return (stamp & kAtomicBit) != 0 ? "an atomic update" : write ? "a write" : "a read";
}

class Checker {
 public:
  Checker(Thread& thread, Region& region, size_t offset, uint32_t bytes, Access access, const void* pc)
      : thread_(thread), region_(region), offset_(offset), bytes_(bytes), access_(access), pc_(pc) {}

  void run() {
    const size_t end = offset_ + bytes_;
    for (size_t g = offset_ / kGranule; g * kGranule < end; ++g) {
      const uint32_t low = g * kGranule >= offset_ ? 1 : 0, high = g * kGranule + 1 < end ? 2 : 0;
      stamp_ = thread_.clock << kClockShift | (low | high) << kMaskShift |
               (access_ == Access::kAtomic ? kAtomicBit : 0) | thread_.index;
      Cell& cell = region_.cells[g];
      check(cell.write_serial, cell.write, true);
      access_ == Access::kRead ? record_read(cell) : record_write(cell);
    }
  }

 private:
  void record_read(Cell& cell) {
    const uint32_t serial = now.serial;
    if ((cell.read_serial & ~kReadByEarlierBlock) != serial) {
      const bool same_launch = is_global_ && (cell.read_serial & ~kReadByEarlierBlock) >= now.first_serial;
      cell.read_serial = serial | (same_launch ? kReadByEarlierBlock : 0);
      cell.read = stamp_;
      cell.other_read = kNobody;
    } else if (replaceable(cell.read)) {
      cell.read = stamp_;
    } else {  // keep the first of the concurrent readers and the latest
      cell.other_read = stamp_;
    }
  }

  void record_write(Cell& cell) {
    const uint32_t readers = cell.read_serial & ~kReadByEarlierBlock;
    check(readers, cell.read, false);
    check(readers, cell.other_read, false);
    if ((cell.read_serial & kReadByEarlierBlock) != 0 && readers >= now.first_serial)
      race("a read", "an earlier block of the launch");
    cell.write_serial = now.serial;
    cell.write = stamp_;
  }

  // A recorded read need not be kept when whoever conflicts with it conflicts with the present one as well.
  bool replaceable(uint32_t stamp) const {
    const uint32_t by = stamp & kThreadMask;
    return stamp == kNobody || by == thread_.index || happens_before(by, stamp >> kClockShift, thread_);
  }

  void check(uint32_t serial, uint32_t stamp, bool write) {
    if (stamp == kNobody || serial < now.first_serial || ((stamp & stamp_) >> kMaskShift & 3u) == 0) return;
    if ((stamp & stamp_ & kAtomicBit) != 0) return;
    const uint32_t by = stamp & kThreadMask;
    if (serial != now.serial) {
      if (is_global_) {
        race(past(stamp, write),
             absl::StrCat("thread ", by, " of block ", serial - now.first_serial, " of the launch"));
      }
    } else if (by != thread_.index && !happens_before(by, stamp >> kClockShift, thread_)) {
      race(past(stamp, write), absl::StrCat("thread ", by));
    }
  }

  void race(const char* earlier, const std::string& by) {
    RuntimeScope scope;
    const char* verb = access_ == Access::kRead    ? "read"
                       : access_ == Access::kWrite ? "write"
                                                   : "atomic update";
    report("race",
           absl::StrCat(verb, " of ", bytes_, " bytes at ", describe(region_.base + offset_), " after ",
                        earlier, " by ", by, ", with no barrier between"),
           pc_);
  }

  Thread& thread_;
  Region& region_;
  const size_t offset_;
  const uint32_t bytes_;
  const Access access_;
  const void* const pc_;
  uint32_t stamp_ = 0;
  const bool is_global_ = &region_ == &global_region;
};

}  // namespace

void check_race(Thread& thread, Region& region, size_t offset, uint32_t bytes, Access access,
                const void* pc) {
  if (thread.clock <= kMaxClock) Checker(thread, region, offset, bytes, access, pc).run();
}

bool is_program_constant(const void* address) {
  static thread_local uintptr_t low = 0, high = 0;  // the segment found last
  struct Search {
    uintptr_t address, low, high;
  } search{reinterpret_cast<uintptr_t>(address), 0, 0};
  if (search.address >= low && search.address < high) return true;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        auto* s = static_cast<Search*>(data);
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& segment = info->dlpi_phdr[i];
          const uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
          if (segment.p_type == PT_LOAD && s->address >= begin && s->address < begin + segment.p_memsz) {
            s->low = begin;
            s->high = begin + segment.p_memsz;
            return 1;
          }
        }
        return 0;
      },
      &search);
  low = search.low;
  high = search.high;
  return high != 0;
}

}  // namespace roux::emulator
