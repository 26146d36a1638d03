// The threads behind parallel_for: each thread that computes owns a team of workers, made at first use, ended
// with it. A worker runs one piece of work at a time beside its owner, then waits for the next.
//
// Waiting: a thread spins for some 0.5 ms, then sleeps. (Steps of small models change between serial and
// parallel work every few microseconds, and waking a sleeper costs more than that.) A thread that notices
// while it spins that its core was taken away sleeps at once, and without a spin the next 64 times: other
// work keeps the cores busy, and a spin would take them from whoever is waited for. In the environment
// OMP_WAIT_POLICY=active or passive or GOMP_SPINCOUNT=N (looks, or "infinite") fix the spin, as they do for
// GNU's OpenMP.
//
// fork(): the child has none of the workers; it makes its own at first use.
#ifndef ROUX_TENSOR_THREAD_TEAM_H_
#define ROUX_TENSOR_THREAD_TEAM_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <thread>

#include "absl/functional/function_ref.h"

namespace roux {

// A number that one thread waits for and others change.
class Gate {
 public:
  explicit Gate(int value) : value_(value) {}
  // Returns once the value is not `old`. naps: the waiting thread's count of waits without a spin; starts at
  // 0.
  void wait_while(int old, int& naps);
  void set(int value);                                                       // and wakes the waiting thread
  void reset(int value) { value_.store(value, std::memory_order_relaxed); }  // while nobody waits
  int get() const { return value_.load(std::memory_order_acquire); }
  void subtract_one();  // wakes the waiting thread at 0

 private:
  void wake();
  std::atomic<int> value_;
  std::atomic<int> asleep_{0};
};

class ThreadTeam {
 public:
  ThreadTeam() = default;
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  // Calls work(index) on `threads` threads at once, the caller with index 0; fewer where the system grants no
  // more. Returns when all are done. work does not throw.
  void run(int threads, absl::FunctionRef<void(int)> work);

  // The team of the calling thread.
  static ThreadTeam& of_this_thread();

 private:
  struct alignas(64) Worker {
    Gate order{0};  // kWait, kWork, kEnd
    std::thread thread;
  };
  void serve(Worker& worker, int index);
  void start_followers(int index);

  std::deque<Worker> workers_;  // worker i has index i + 1; grows between two pieces of work
  const absl::FunctionRef<void(int)>* work_ = nullptr;
  int threads_ = 0;
  int naps_ = 0;
  alignas(64) Gate unfinished_{0};
};

}  // namespace roux

#endif  // ROUX_TENSOR_THREAD_TEAM_H_
