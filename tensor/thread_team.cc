#include "tensor/thread_team.h"

#include <linux/futex.h>
#include <pthread.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <system_error>

namespace roux {
namespace {

enum Order { kWait, kWork, kEnd };

struct Waiting {
  int64_t looks = 10'000;  // before a thread sleeps: 100 to 170 cycles each, thus 0.4 to 0.6 ms
  bool gives_way = true;   // to other work that wants the core
};

Waiting read_waiting() {
  constexpr int64_t kForever = INT64_MAX;
  if (const char* count = std::getenv("GOMP_SPINCOUNT")) {
    char* end = nullptr;
    const long long looks = std::strtoll(count, &end, 10);
    if (end != count && *end == '\0' && looks >= 0) return {looks, false};
    if (::strcasecmp(count, "infinite") == 0 || ::strcasecmp(count, "infinity") == 0)
      return {kForever, false};
  }
  if (const char* policy = std::getenv("OMP_WAIT_POLICY")) {
    if (::strcasecmp(policy, "passive") == 0) return {0, false};
    if (::strcasecmp(policy, "active") == 0) return {kForever, false};
  }
  return {};
}

void futex(std::atomic<int>& word, int operation, int value) {
  static_assert(sizeof(word) == sizeof(int) && std::atomic<int>::is_always_lock_free);
  ::syscall(SYS_futex, reinterpret_cast<int*>(&word), operation, value, nullptr, nullptr, 0);
}

// Teams made before a fork() have no threads in the child.
std::atomic<int> generation{0};
int watched_generation() {
  static const int watching = ::pthread_atfork(nullptr, nullptr, [] { ++generation; });
  static_cast<void>(watching);
  return generation;
}

struct Owned {
  std::unique_ptr<ThreadTeam> team;
  int made_in = 0;
  ~Owned() { abandon_after_fork(); }
  void abandon_after_fork() {
    if (team && made_in != generation) static_cast<void>(team.release());
  }
};

}  // namespace

void Gate::wait_while(int old, int& naps) {
  static const Waiting waiting = read_waiting();
  constexpr uint64_t kTakenAway = 200'000;  // cycles between two looks; an interrupt takes a tenth or less
  constexpr int kNaps = 64;
  if (naps > 0) {
    --naps;
  } else {
    uint64_t before = __builtin_ia32_rdtsc();
    for (int64_t i = 0; i < waiting.looks; ++i) {
      if (get() != old) return;
      __builtin_ia32_pause();
      const uint64_t now = __builtin_ia32_rdtsc();
      if (waiting.gives_way && now - before > kTakenAway) {
        naps = kNaps;
        break;
      }
      before = now;
    }
  }
  asleep_.store(1);  // before the kernel compares the value; wake() looks after the value was changed
  while (get() == old) futex(value_, FUTEX_WAIT_PRIVATE, old);
  asleep_.store(0, std::memory_order_relaxed);
}

void Gate::wake() {
  if (asleep_.load() != 0) futex(value_, FUTEX_WAKE_PRIVATE, 1);
}

void Gate::set(int value) {
  value_.store(value);
  wake();
}

void Gate::subtract_one() {
  if (value_.fetch_sub(1) == 1) wake();
}

ThreadTeam& ThreadTeam::of_this_thread() {
  thread_local Owned owned;
  owned.abandon_after_fork();
  if (!owned.team) {
    owned.made_in = watched_generation();
    owned.team = std::make_unique<ThreadTeam>();
  }
  return *owned.team;
}

ThreadTeam::~ThreadTeam() {
  for (Worker& worker : workers_) worker.order.set(kEnd);
  for (Worker& worker : workers_) worker.thread.join();
}

// A tree: each thread starts two others, so that all are awake after log2 of their number.
void ThreadTeam::start_followers(int index) {
  for (int i = 2 * index + 1; i <= 2 * index + 2 && i < threads_; ++i) {
    workers_[static_cast<size_t>(i - 1)].order.set(kWork);
  }
}

void ThreadTeam::serve(Worker& worker, int index) {
  for (int naps = 0;;) {
    worker.order.wait_while(kWait, naps);
    if (worker.order.get() == kEnd) return;
    worker.order.reset(kWait);  // the next order comes only after subtract_one()
    start_followers(index);
    (*work_)(index);
    unfinished_.subtract_one();
  }
}

void ThreadTeam::run(int threads, absl::FunctionRef<void(int)> work) {
  try {
    while (static_cast<int>(workers_.size()) + 1 < threads) {
      Worker& worker = workers_.emplace_back();
      const int index = static_cast<int>(workers_.size());
      worker.thread = std::thread([this, &worker, index] { serve(worker, index); });
    }
  } catch (const std::system_error&) {  // a limit on threads
    workers_.pop_back();
  }
  threads_ = std::min(threads, static_cast<int>(workers_.size()) + 1);
  work_ = &work;
  unfinished_.reset(threads_ - 1);
  start_followers(0);
  work(0);
  for (int left; (left = unfinished_.get()) != 0;) unfinished_.wait_while(left, naps_);
}

}  // namespace roux
