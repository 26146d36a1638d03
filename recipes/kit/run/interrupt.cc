#include "recipes/kit/run/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <system_error>
#include <thread>

namespace roux::kit {
namespace {

std::atomic<bool> requested_flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the handler may only touch lock-free state");

constexpr int kInterruptedExit = 130;

sigset_t taken;  // by the thread that waits for them
const char* message = "";

void handle(int) {
  if (requested_flag.exchange(true)) ::_exit(kInterruptedExit);
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, message, std::strlen(message));
}

void unblock() { ::pthread_sigmask(SIG_UNBLOCK, &taken, nullptr); }

bool is_ignored(int signal) {
  struct sigaction action = {};
  ::sigaction(signal, nullptr, &action);
  return action.sa_handler == SIG_IGN;
}

}  // namespace

void install_interrupt_handlers(const InterruptOptions& options) {
  message = options.message;
  sigemptyset(&taken);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    if (signal != SIGINT && options.only_ctrl_c) continue;
    if (signal == SIGHUP && is_ignored(signal)) continue;  // nohup: it outlives its terminal
    sigaddset(&taken, signal);
    // Called only on threads that a library started before main, with the signals open, and where the thread
    // below could not start.
    struct sigaction action = {};
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;
    ::sigaction(signal, &action, nullptr);
  }
  ::signal(SIGXFSZ, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  ::pthread_sigmask(SIG_BLOCK, &taken, nullptr);
  ::pthread_atfork(nullptr, nullptr, unblock);
  try {
    std::thread([] {
      for (int signal = 0;;) {
        if (::sigwait(&taken, &signal) == 0) handle(signal);
      }
    }).detach();
  } catch (const std::system_error&) {  // a limit on threads
    unblock();
  }
}

bool interrupt_requested() { return requested_flag.load(std::memory_order_relaxed); }
void set_interrupt_requested(bool requested) { requested_flag.store(requested); }

}  // namespace roux::kit
