// For tests: while it lives, a timer signal arrives every `microseconds`, at a handler that knows nothing of
// alternate stacks and fills 32 KiB of the stack it runs on. What the interrupted code keeps there is lost.
#ifndef ROUX_TENSOR_SIGNAL_STORM_H_
#define ROUX_TENSOR_SIGNAL_STORM_H_

#include <signal.h>
#include <sys/time.h>

#include <atomic>

namespace roux {

class SignalStorm {
 public:
  explicit SignalStorm(int microseconds) {
    arrived_ = 0;
    struct sigaction action = {};
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGALRM, &action, &before_);
    set_timer(microseconds);
  }
  ~SignalStorm() {
    set_timer(0);
    ::sigaction(SIGALRM, &before_, nullptr);
  }
  SignalStorm(const SignalStorm&) = delete;
  SignalStorm& operator=(const SignalStorm&) = delete;

  int arrived() const { return arrived_; }

 private:
  static void handle(int) {
    volatile char frame[32768];
    for (volatile char& byte : frame) byte = 0x5a;
    ++arrived_;
  }
  static void set_timer(int microseconds) {
    const itimerval timer = {{0, microseconds}, {0, microseconds}};
    ::setitimer(ITIMER_REAL, &timer, nullptr);
  }

  static inline std::atomic<int> arrived_{0};
  struct sigaction before_ = {};
};

}  // namespace roux

#endif  // ROUX_TENSOR_SIGNAL_STORM_H_
