#include "tensor/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>

#include "tensor/error.h"
#include "tensor/thread_team.h"

namespace roux {
namespace {

// OMP_NUM_THREADS (the first number of its list), else the cores that this process may use.
int count_hardware_threads() {
  if (const char* wanted = std::getenv("OMP_NUM_THREADS")) {
    const long count = std::strtol(wanted, nullptr, 10);
    if (count >= 1 && count <= 4096) return static_cast<int>(count);
  }
  cpu_set_t cores;
  if (::sched_getaffinity(0, sizeof cores, &cores) == 0) return std::max(1, CPU_COUNT(&cores));
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}
int hardware_threads() {
  static const int count = count_hardware_threads();
  return count;
}

thread_local int width = 0;  // 0: not set yet
thread_local int index_in_team = 0;
thread_local bool inside = false;

// Keeps the error of the lowest chunk.
class FirstError {
 public:
  void store(int64_t chunk) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!error_ || chunk < chunk_) {
      error_ = std::current_exception();
      chunk_ = chunk;
    }
  }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr error_;
  int64_t chunk_ = 0;
};

}  // namespace

int num_threads() { return width > 0 ? width : hardware_threads(); }
void set_num_threads(int count) {
  ROUX_CHECK(count >= 1) << "set_num_threads: count is " << count << ", at least 1 is needed";
  width = count;
}
int max_threads() { return std::max(num_threads(), hardware_threads()); }
int thread_index() { return index_in_team; }

void parallel_for(int64_t begin, int64_t end, int64_t grain, absl::FunctionRef<void(int64_t, int64_t)> fn) {
  if (begin >= end) return;
  ROUX_INVARIANT(grain >= 1);
  const int64_t chunks = (end - begin - 1) / grain + 1;
  const int threads = static_cast<int>(std::min<int64_t>(num_threads(), chunks));
  auto run_chunk = [&](int64_t chunk) {
    const int64_t from = begin + chunk * grain;
    fn(from, std::min(end, from + grain));
  };
  if (threads <= 1 || inside) {
    for (int64_t chunk = 0; chunk < chunks; ++chunk) run_chunk(chunk);
    return;
  }
  FirstError first_error;
  auto guarded = [&](int64_t chunk) {
    try {
      run_chunk(chunk);
    } catch (...) {
      first_error.store(chunk);
    }
  };
  std::atomic<int64_t> next{0};
  ThreadTeam::of_this_thread().run(threads, [&](int index) {
    index_in_team = index;
    inside = true;
    for (int64_t chunk; (chunk = next.fetch_add(1, std::memory_order_relaxed)) < chunks;) guarded(chunk);
    inside = false;
    index_in_team = 0;
  });
  first_error.rethrow();
}

}  // namespace roux
