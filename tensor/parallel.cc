#include "tensor/parallel.h"

#include <algorithm>
#include <exception>
#include <mutex>

#include "tensor/error.h"

#ifdef ROUX_STD_THREADS  // GCC's thread sanitizer does not understand libgomp
#include <atomic>
#include <thread>
#include <vector>
#else
#include <omp.h>
#endif

namespace roux {
namespace {

int hardware_threads() {
#ifdef ROUX_STD_THREADS
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
#else
  static const int count = omp_get_max_threads();
  return count;
#endif
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
#ifdef ROUX_STD_THREADS
  std::atomic<int64_t> next{0};
  auto worker = [&](int index) {
    index_in_team = index;
    inside = true;
    for (int64_t chunk; (chunk = next.fetch_add(1)) < chunks;) guarded(chunk);
    inside = false;
    index_in_team = 0;
  };
  std::vector<std::thread> team;
  for (int i = 1; i < threads; ++i) team.emplace_back(worker, i);
  worker(0);
  for (std::thread& thread : team) thread.join();
#else
#pragma omp parallel num_threads(threads)
  {
    index_in_team = omp_get_thread_num();
    inside = true;
#pragma omp for schedule(dynamic, 1) nowait
    for (int64_t chunk = 0; chunk < chunks; ++chunk) guarded(chunk);
    inside = false;
    index_in_team = 0;
  }
#endif
  first_error.rethrow();
}

}  // namespace roux
