#include "cuda/emulator/scheduler.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>

#include "absl/strings/str_cat.h"
#include "cuda/emulator/memory.h"
#include "cuda/emulator/report.h"
#include "tensor/error.h"

namespace roux::emulator {

thread_local Thread* current_thread = nullptr;
thread_local Thread* checked_thread = nullptr;
constinit Now now;

namespace {

constexpr size_t kMaxStaticShared = 48 * 1024;

// Time of the last synchronisation that a lane knows another lane to have reached. `full` stands for all
// pairs; the matrix is kept only after synchronisations of a part of the warp.
struct Warp {
  uint32_t full = 0;
  bool partial = false;
  uint32_t waiting = 0, done = 0;  // lanes at a warp operation; lanes that ended or never were
  uint32_t seen[kWarpSize][kWarpSize];
};

struct SharedSlot {
  const void* key;
  void* data;
};

// The running launch. Guarded by launch_mutex.
struct Grid {
  KernelCall call{};
  dim3 grid_size, block_size;
  size_t dynamic_bytes = 0;
  std::unique_ptr<Thread[]> threads{new Thread[kMaxThreads]};
  std::unique_ptr<Warp[]> warps{new Warp[kMaxThreads / kWarpSize]};
  uint32_t thread_count = 0, warp_count = 0;
  uint3 block{};
  uint32_t live = 0, at_barrier = 0;
  uint32_t time = 1;  // of the last synchronisation in the block
  Vote vote{};
  bool abandoned = false;
  void* dynamic = nullptr;
  size_t static_bytes = 0;
  std::vector<SharedSlot> shared;
  std::vector<uint32_t> order;
  uint64_t random = 0;
};
Grid& grid() {
  static auto* grid = new Grid;  // fibers refer to it until exit
  return *grid;
}
std::mutex launch_mutex;

Schedule schedule_from_environment() {
  const char* text = std::getenv("ROUX_EMULATOR_SCHEDULE");
  if (text == nullptr || std::strcmp(text, "forward") == 0) return {};
  if (std::strcmp(text, "reverse") == 0) return {Schedule::kReverse, 0};
  return {Schedule::kShuffled, std::strtoull(text, nullptr, 10)};
}
Schedule& current_schedule() {
  static Schedule schedule = schedule_from_environment();
  return schedule;
}

uint64_t next_random(uint64_t& state) {  // SplitMix64
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Fills `order` with 0..n-1 in the order of the schedule.
void arrange(std::vector<uint32_t>& order, uint32_t n) {
  order.resize(n);
  std::iota(order.begin(), order.end(), 0u);
  if (current_schedule().kind == Schedule::kReverse) std::reverse(order.begin(), order.end());
  if (current_schedule().kind != Schedule::kShuffled) return;
  for (uint32_t i = n; i > 1; --i) std::swap(order[i - 1], order[next_random(grid().random) % i]);
}

Warp& warp_of(const Thread& t) { return grid().warps[t.warp]; }

bool same_call(const Thread& a, const Thread& b) {
  return a.site.line == b.site.line && a.site.file == b.site.file && a.combine == b.combine &&
         a.mask == b.mask;
}

// Lanes of the mask have synchronised their memory.
void order_lanes(Warp& warp, uint32_t first_thread, uint32_t lanes) {
  Grid& g = grid();
  const uint32_t time = ++g.time;
  if ((lanes | warp.done) == kFullMask) {
    warp.full = time;
    warp.partial = false;
  } else {
    if (!warp.partial) std::fill(&warp.seen[0][0], &warp.seen[0][0] + kWarpSize * kWarpSize, warp.full);
    warp.partial = true;
    uint32_t joined[kWarpSize] = {};
    for (uint32_t t = 0; t < kWarpSize; ++t) {
      if ((lanes >> t & 1u) == 0) continue;
      for (uint32_t s = 0; s < kWarpSize; ++s) joined[s] = std::max(joined[s], warp.seen[t][s]);
    }
    for (uint32_t t = 0; t < kWarpSize; ++t) {
      if ((lanes >> t & 1u) == 0) continue;
      for (uint32_t s = 0; s < kWarpSize; ++s) warp.seen[t][s] = (lanes >> s & 1u) != 0 ? time : joined[s];
    }
  }
  for (uint32_t t = 0; t < kWarpSize; ++t) {
    if ((lanes >> t & 1u) != 0) g.threads[first_thread + t].clock = time;
  }
}

// Completes the warp operation that `thread` waits in when all live lanes of its mask wait in the same one.
bool try_complete_warp(const Thread& thread) {
  Warp& warp = warp_of(thread);
  const uint32_t mask = thread.mask;
  if (((warp.waiting | warp.done) & mask) != mask) return false;
  const uint32_t lanes = warp.waiting & mask, first = thread.warp * kWarpSize;
  void* slots[kWarpSize] = {};
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    if ((lanes >> lane & 1u) == 0) continue;
    const Thread& other = grid().threads[first + lane];
    if (!same_call(other, thread)) return false;
    slots[lane] = other.slot;
  }
  if (thread.combine != nullptr) thread.combine(slots, lanes);
  if (thread.orders_memory) order_lanes(warp, first, lanes);
  warp.waiting &= ~lanes;
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    if ((lanes >> lane & 1u) != 0) grid().threads[first + lane].status = Status::kReady;
  }
  return true;
}

// "0-31, 64" for the threads of which in(thread) holds.
template <class In>
std::string list_threads(In in) {
  Grid& g = grid();
  std::string text;
  for (uint32_t i = 0; i < g.thread_count;) {
    uint32_t end = i;
    while (end < g.thread_count && in(g.threads[end])) ++end;
    if (end > i) absl::StrAppend(&text, text.empty() ? "" : ", ", i);
    if (end > i + 1) absl::StrAppend(&text, "-", end - 1);
    i = std::max(end, i + 1);
  }
  return text;
}

// Every group of threads and where it waits.
std::string list_waiting() {
  Grid& g = grid();
  std::string text;
  std::vector<bool> listed(g.thread_count);
  for (uint32_t i = 0; i < g.thread_count; ++i) {
    const Thread& first = g.threads[i];
    if (listed[i]) continue;
    auto in_group = [&](const Thread& t) {
      return t.status == first.status && (t.status == Status::kDone || same_call(t, first));
    };
    for (uint32_t j = i; j < g.thread_count; ++j) listed[j] = listed[j] || in_group(g.threads[j]);
    absl::StrAppend(&text, text.empty() ? "" : "; ", "threads ", list_threads(in_group));
    if (first.status == Status::kDone) {
      text += " have ended";
    } else {
      absl::StrAppend(&text, " wait in ", first.operation, " at ", first.site.file, ":", first.site.line);
      if (first.status == Status::kAtWarpOp) absl::StrAppend(&text, " (mask 0x", absl::Hex(first.mask), ")");
    }
  }
  return text;
}

// Releases the block barrier when every live thread waits there.
bool try_complete_barrier() {
  Grid& g = grid();
  if (g.at_barrier == 0 || g.at_barrier != g.live) return false;
  g.vote = {0, static_cast<int>(g.live)};
  const Thread* first = nullptr;
  bool same = true;
  for (uint32_t i = 0; i < g.thread_count; ++i) {
    const Thread& t = g.threads[i];
    if (t.status != Status::kAtBarrier) continue;
    if (first == nullptr) first = &t;
    same = same && t.site.line == first->site.line && t.site.file == first->site.file;
    g.vote.count += t.predicate != 0;
  }
  if (!same)
    report_block("barrier divergence", absl::StrCat("threads meet at different barriers: ", list_waiting()));
  now.barrier_time = ++g.time;
  for (uint32_t i = 0; i < g.thread_count; ++i) {
    Thread& t = g.threads[i];
    if (t.status != Status::kAtBarrier) continue;
    t.status = Status::kReady;
    t.clock = g.time;
  }
  g.at_barrier = 0;
  return true;
}

void run_thread(void* data) {
  auto* self = static_cast<Thread*>(data);
  Grid& g = grid();
  checked_thread = self;
  try {
    g.call.invoke(g.call.arguments);
  } catch (const std::exception& e) {
    report("exception in a kernel", e.what(), nullptr);
    g.abandoned = true;
  }
  checked_thread = nullptr;
  self->status = Status::kDone;
  self->copies.clear();
  warp_of(*self).done |= 1u << self->lane;
  --g.live;
  self->fiber.yield();
}

void prepare_block(uint3 block) {
  Grid& g = grid();
  g.block = block;
  ++now.serial;
  g.live = g.thread_count;
  g.at_barrier = 0;
  g.time = 1;
  now.barrier_time = 0;
  g.shared.clear();
  g.static_bytes = 0;
  reset_shared();
  g.dynamic = add_shared("dynamic memory", g.dynamic_bytes, 128);
  for (uint32_t w = 0; w < g.warp_count; ++w) {
    const uint32_t lanes = std::min(kWarpSize, g.thread_count - w * kWarpSize);
    g.warps[w].full = 0;
    g.warps[w].partial = false;
    g.warps[w].waiting = 0;
    g.warps[w].done = lanes == kWarpSize ? 0 : ~((1u << lanes) - 1);
  }
  for (uint32_t i = 0; i < g.thread_count; ++i) {
    Thread& t = g.threads[i];
    const dim3 size = g.block_size;
    t.index = i;
    t.lane = i % kWarpSize;
    t.warp = i / kWarpSize;
    t.id = {i % size.x, i / size.x % size.y, i / (size.x * size.y)};
    t.clock = 1;
    t.copy_group = 0;
    t.copies.clear();
    t.status = Status::kReady;
    t.operation = nullptr;  // not started
    t.fiber.reserve(i % 61 * 192);
  }
}

void run_block(uint3 block) {
  Grid& g = grid();
  prepare_block(block);
  while (g.live > 0 && !g.abandoned) {
    bool progress = false;
    arrange(g.order, g.thread_count);
    for (uint32_t i : g.order) {
      Thread& t = g.threads[i];
      if (t.status != Status::kReady) continue;
      progress = true;
      current_thread = &t;
      if (t.operation == nullptr) {
        t.operation = "";
        t.fiber.start(run_thread, &t);
      } else {
        t.fiber.resume();
      }
      current_thread = nullptr;
      checked_thread = nullptr;
      if (g.abandoned) return;
    }
    if (progress) continue;
    // Threads that ended may have been the last ones that others waited for.
    bool released = try_complete_barrier();
    for (uint32_t i = 0; i < g.thread_count; ++i) {
      if (g.threads[i].status == Status::kAtWarpOp) released = try_complete_warp(g.threads[i]) || released;
    }
    if (!released) {
      report_block("barrier divergence", absl::StrCat("no thread can continue: ", list_waiting()));
      g.abandoned = true;
    }
  }
}

void check_configuration(const KernelCall& call, dim3 grid_size, dim3 block, size_t dynamic_shared) {
  const uint64_t threads = uint64_t{block.x} * block.y * block.z;
  const uint64_t blocks = uint64_t{grid_size.x} * grid_size.y * grid_size.z;
  auto text = [](dim3 d) { return absl::StrCat("(", d.x, ",", d.y, ",", d.z, ")"); };
  ROUX_CHECK(threads >= 1 && threads <= kMaxThreads && block.z <= 64)
      << function_name(call.kernel) << ": impossible launch: block is " << text(block)
      << ", at most 1024 threads fit";
  ROUX_CHECK(blocks >= 1 && grid_size.x <= 0x7fffffffu && grid_size.y <= 65535 && grid_size.z <= 65535)
      << function_name(call.kernel) << ": impossible launch: grid is " << text(grid_size)
      << ", needed 1 to (2147483647,65535,65535)";
  ROUX_CHECK(dynamic_shared <= kMaxSharedBytes)
      << function_name(call.kernel) << ": impossible launch: " << dynamic_shared
      << " bytes of shared memory, at most " << kMaxSharedBytes << " fit";
}

}  // namespace

Schedule schedule() { return current_schedule(); }
void set_schedule(Schedule schedule) {
  std::lock_guard<std::mutex> lock(launch_mutex);
  current_schedule() = schedule;
}

const void* running_kernel() { return grid().call.kernel; }
uint3 running_block() { return grid().block; }
dim3 running_block_size() { return grid().block_size; }
dim3 running_grid_size() { return grid().grid_size; }

bool is_argument(const void* address) {
  const auto* begin = static_cast<const char*>(grid().call.arguments);
  const auto* p = static_cast<const char*>(address);
  return p >= begin && p < begin + grid().call.argument_bytes;
}

bool happens_before_in_warp(uint32_t by, uint32_t clock, const Thread& thread) {
  const Warp& warp = grid().warps[thread.warp];
  return clock < warp.full || (warp.partial && clock < warp.seen[thread.lane][by % kWarpSize]);
}

void abandon_launch() {
  grid().abandoned = true;
  current_thread->fiber.yield();
  std::abort();  // never resumed
}

void* dynamic_shared() { return grid().dynamic; }

void* shared_variable(const void* key, const char* name, size_t bytes, size_t alignment) {
  RuntimeScope scope;
  Grid& g = grid();
  for (const SharedSlot& slot : g.shared) {
    if (slot.key == key) return slot.data;
  }
  g.static_bytes += bytes;
  if (g.static_bytes > kMaxStaticShared || g.static_bytes + g.dynamic_bytes > kMaxSharedBytes) {
    report_fatal("too much shared memory",
                 absl::StrCat(name, " brings it to ", g.static_bytes, " static and ", g.dynamic_bytes,
                              " dynamic bytes; 48 KiB static and 227 KiB in all fit"),
                 nullptr);
  }
  g.shared.push_back({key, add_shared(name, bytes, alignment)});
  return g.shared.back().data;
}

Vote block_barrier(const char* operation, int predicate, Site site) {
  RuntimeScope scope;
  Grid& g = grid();
  Thread& t = *current_thread;
  t.operation = operation;
  t.site = site;
  t.mask = 0;
  t.combine = nullptr;
  t.predicate = predicate;
  t.status = Status::kAtBarrier;
  ++g.at_barrier;
  if (!try_complete_barrier()) t.fiber.yield();
  return g.vote;
}

void warp_operation(const char* operation, uint32_t mask, void* slot, Combine combine, bool orders_memory,
                    Site site) {
  RuntimeScope scope;
  Thread& t = *current_thread;
  t.operation = operation;
  t.site = site;
  t.mask = mask;
  t.slot = slot;
  t.combine = combine;
  t.orders_memory = orders_memory;
  if ((mask >> t.lane & 1u) == 0) {
    report_fatal("bad mask",
                 absl::StrCat(operation, " with mask 0x", absl::Hex(mask), " by lane ", t.lane,
                              ", which is not in it, at ", site.file, ":", site.line),
                 nullptr);
  }
  t.status = Status::kAtWarpOp;
  warp_of(t).waiting |= 1u << t.lane;
  if (!try_complete_warp(t)) t.fiber.yield();
}

void run_grid(const KernelCall& call, dim3 grid_size, dim3 block, size_t dynamic_shared) {
  check_configuration(call, grid_size, block, dynamic_shared);
  std::lock_guard<std::mutex> lock(launch_mutex);
  Grid& g = grid();
  g.call = call;
  g.grid_size = grid_size;
  g.block_size = block;
  g.dynamic_bytes = dynamic_shared;
  g.thread_count = block.x * block.y * block.z;
  g.warp_count = (g.thread_count + kWarpSize - 1) / kWarpSize;
  now.first_serial = now.serial + 1;
  g.abandoned = false;
  g.random = current_schedule().seed;
  const uint32_t blocks = grid_size.x * grid_size.y * grid_size.z;
  std::vector<uint32_t> order;
  arrange(order, blocks);
  for (uint32_t b : order) {
    run_block({b % grid_size.x, b / grid_size.x % grid_size.y, b / (grid_size.x * grid_size.y)});
    if (g.abandoned) break;
  }
  const std::string found = take_reports();
  ROUX_CHECK(found.empty()) << found;
}

}  // namespace roux::emulator
