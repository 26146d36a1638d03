#include "recipes/kit/run/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

namespace roux::kit {
namespace {

std::atomic<bool> requested_flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the handler may only touch lock-free state");

constexpr int kInterruptedExit = 130;

void handle(int) {
  if (requested_flag.exchange(true)) ::_exit(kInterruptedExit);
  constexpr char kMessage[] = "\nstopping: saving a checkpoint (Ctrl-C again quits at once)\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
}

}  // namespace

void install_interrupt_handlers() {
  struct sigaction action = {};
  action.sa_handler = handle;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGHUP, &action, nullptr);  // a terminal that was closed
  ::signal(SIGXFSZ, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
}

bool interrupt_requested() { return requested_flag.load(std::memory_order_relaxed); }
void set_interrupt_requested(bool requested) { requested_flag.store(requested); }

}  // namespace roux::kit
