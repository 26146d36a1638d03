// Each case is a process of its own: what it installs lasts.
#include "recipes/kit/run/interrupt.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <thread>

#include "tensor/parallel.h"

namespace roux::kit {
namespace {

// Exit code of a process that calls `body` and leaves with what it returns; minus the signal if it died.
int in_process(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool blocked(int signal) {
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}
bool all_blocked() { return blocked(SIGINT) && blocked(SIGTERM) && blocked(SIGHUP); }

void wait_for_request() {
  while (!interrupt_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

TEST(Interrupt, ComputingThreadsNeverTakeIt) {
  EXPECT_EQ(
      in_process([] {
        install_interrupt_handlers();
        bool in_thread = false, in_workers[2] = {};
        std::thread([&] { in_thread = all_blocked(); }).join();
        set_num_threads(2);
        parallel_for(0, 2, 1, [&](int64_t i, int64_t) { in_workers[i] = all_blocked(); });
        return all_blocked() && in_thread && in_workers[0] && in_workers[1] && !interrupt_requested() ? 0 : 1;
      }),
      0);
}

TEST(Interrupt, TheFirstAsksTheSecondQuits) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    EXPECT_EQ(in_process([signal] {
                ::signal(SIGHUP, SIG_DFL);
                install_interrupt_handlers();
                ::kill(::getpid(), signal);
                wait_for_request();
                ::kill(::getpid(), signal);
                for (;;) ::pause();
                return 1;
              }),
              130)
        << signal;
  }
}

TEST(Interrupt, LeavesSighupIgnoredUnderNohup) {
  EXPECT_EQ(in_process([] {
              ::signal(SIGHUP, SIG_IGN);
              install_interrupt_handlers();
              ::kill(::getpid(), SIGHUP);
              ::kill(::getpid(), SIGTERM);  // the later one of the two that the thread takes
              wait_for_request();
              std::this_thread::sleep_for(std::chrono::milliseconds(50));
              return blocked(SIGHUP) ? 1 : 0;
            }),
            0);
}

// A thread that a library started before main.
TEST(Interrupt, AThreadThatDoesNotBlockDoesNotDie) {
  EXPECT_EQ(in_process([] {
              std::thread([] {
                for (;;) ::pause();
              }).detach();
              install_interrupt_handlers();
              ::kill(::getpid(), SIGINT);
              wait_for_request();
              return 0;
            }),
            0);
}

TEST(Interrupt, OnlyCtrlCLeavesTheOthersToEndTheProcess) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    EXPECT_EQ(in_process([signal] {
                ::signal(SIGHUP, SIG_DFL);
                install_interrupt_handlers({.message = "", .only_ctrl_c = true});
                ::kill(::getpid(), signal);
                wait_for_request();
                return 3;
              }),
              signal == SIGINT ? 3 : -signal);
  }
}

TEST(Interrupt, ChildrenHaveTheSignalsOpen) {
  EXPECT_EQ(in_process([] {
              install_interrupt_handlers();
              return in_process([] {
                ::execl("/bin/sh", "sh", "-c", "kill -TERM $$; exit 0", nullptr);
                return 127;
              });
            }),
            256 - SIGTERM);  // -SIGTERM as an exit code
}

}  // namespace
}  // namespace roux::kit
