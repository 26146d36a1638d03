// How the environment says to wait is read once: each case is a process of its own.
#include "tensor/thread_team.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace roux {
namespace {

struct Policy {
  const char* name;
  const char* value;
};
const Policy kPolicies[] = {{"", ""},
                            {"OMP_WAIT_POLICY", "passive"},
                            {"OMP_WAIT_POLICY", "ACTIVE"},
                            {"GOMP_SPINCOUNT", "30"},
                            {"GOMP_SPINCOUNT", "infinite"}};

// Exit code of a process that waits by `policy` and calls `body`; minus the signal if it died (a hang:
// SIGALRM).
int in_process(const Policy& policy, const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    ::unsetenv("OMP_WAIT_POLICY");
    ::unsetenv("GOMP_SPINCOUNT");
    if (*policy.name != '\0') ::setenv(policy.name, policy.value, 1);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// Each index works once in each piece of work, whatever the number of threads before and after.
int count_pieces(int pieces = 2000, int most = 5) {
  ThreadTeam& team = ThreadTeam::of_this_thread();
  for (int piece = 0; piece < pieces; ++piece) {
    const int threads = 1 + piece * 7 % most;
    std::vector<std::atomic<int>> calls(5);
    team.run(threads, [&](int index) { ++calls[static_cast<size_t>(index)]; });
    for (int i = 0; i < 5; ++i) {
      if (calls[static_cast<size_t>(i)] != (i < threads ? 1 : 0)) return 1;
    }
  }
  return 0;
}

TEST(ThreadTeam, EveryPolicyRunsEveryIndexOnce) {
  for (const Policy& policy : kPolicies) {
    // Endless spins of more threads than cores crawl, as the user wished.
    const bool endless = policy.value[0] == 'A' || policy.value[0] == 'i';
    EXPECT_EQ(in_process(policy,
                         [&] {
                           if (endless) return count_pieces(100, 2);
                           int failed[3];
                           std::vector<std::thread> owners;
                           for (int& result : failed)
                             owners.emplace_back([&result] { result = count_pieces(); });
                           for (std::thread& owner : owners) owner.join();
                           return failed[0] + failed[1] + failed[2];
                         }),
              0)
        << policy.name << "=" << policy.value;
  }
}

double cpu_ms() {
  timespec now = {};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// What the worker of a team of two burns in 200 ms in which its owner sleeps.
int idle_ms() {
  ThreadTeam::of_this_thread().run(2, [](int) {});
  const double before = cpu_ms();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  return static_cast<int>(cpu_ms() - before);
}

TEST(ThreadTeam, SleepsUnlessToldOtherwise) {
  EXPECT_LE(in_process({"", ""}, idle_ms), 5);
  EXPECT_LE(in_process({"OMP_WAIT_POLICY", "passive"}, idle_ms), 5);
  EXPECT_LE(in_process({"GOMP_SPINCOUNT", "30"}, idle_ms), 5);
  EXPECT_GE(in_process({"OMP_WAIT_POLICY", "active"}, idle_ms), 20);
  EXPECT_GE(in_process({"GOMP_SPINCOUNT", "infinity"}, idle_ms), 20);
}

TEST(ThreadTeam, AForkedProcessMakesItsOwnWorkers) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the sanitizer forbids threads after the fork of a process with threads";
#endif
  EXPECT_EQ(in_process({"", ""},
                       [] {
                         if (count_pieces() != 0) return 2;
                         return in_process({"", ""}, [] { return count_pieces(); });
                       }),
            0);
}

}  // namespace
}  // namespace roux
