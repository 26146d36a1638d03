// A base and two arms, killed at random points and resumed: the same bytes as without.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/stats/random.h"
#include "tensor/fresh_directory.h"

namespace roux::kit {
namespace {

constexpr char kProgram[] = "recipes/kit/train/branch_recipe";

// Exit code, or minus the signal that ended it. kill_at: the step in which it is killed; 0: never.
// kill_after_us: microseconds after which it is killed from outside, wherever it is; 0: never.
int run(const std::vector<std::string>& flags, int64_t kill_at = 0, int64_t kill_after_us = 0,
        std::string* said = nullptr) {
  const std::string log = testing::TempDir() + "/branch.log";
  const pid_t child = ::fork();
  if (child == 0) {
    if (kill_at > 0) ::setenv("ROUX_TEST_KILL_AT", std::to_string(kill_at).c_str(), 1);
    if (std::freopen(log.c_str(), "w", stdout) == nullptr || ::dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
      ::_exit(126);
    std::vector<std::string> all = flags;
    all.insert(all.begin(), kProgram);
    std::vector<char*> argv;
    for (std::string& flag : all) argv.push_back(flag.data());
    argv.push_back(nullptr);
    ::execv(kProgram, argv.data());
    ::_exit(127);
  }
  if (kill_after_us > 0) {
    ::usleep(static_cast<useconds_t>(kill_after_us));
    ::kill(child, SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (said != nullptr) *said = *read_file(log);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void expect_same(const std::string& out, const std::string& whole) {
  for (const char* file :
       {"metrics.jsonl", "predictions.jsonl", "claims.json", "checkpoints/second/seed3/left-final.ckpt",
        "checkpoints/first/seed1/left-best.ckpt", "checkpoints/base/seed2/left-half.ckpt"}) {
    EXPECT_EQ(*read_file(absl::StrCat(out, "/", file)), *read_file(absl::StrCat(whole, "/", file))) << file;
  }
}

class Branch : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    whole_ = new std::string(fresh_memory_directory());
    ASSERT_EQ(run({"--threads=1", "--out=" + *whole_}), 0);
  }
  static std::string* whole_;
};
std::string* Branch::whole_ = nullptr;

TEST_F(Branch, ThreadsChangeNoByte) {
  const std::string out = fresh_memory_directory();
  ASSERT_EQ(run({"--threads=3", "--out=" + out}), 0);
  expect_same(out, *whole_);
}

// 3 seeds of 3 arms of 12 steps and 3 judges of 20 rows: 168 points.
TEST_F(Branch, KilledInRandomStepsAndResumed) {
  stats::RandomStream random(5);
  for (const char* threads : {"--threads=1", "--threads=2"}) {
    const std::string out = fresh_memory_directory();
    std::vector<std::string> flags = {threads, "--out=" + out};
    int kills = 0, code = 0;
    while ((code = run(flags, 1 + random.below(60))) == -SIGKILL) {
      flags = {threads, "--resume=" + out};
      ASSERT_LT(++kills, 200);
    }
    ASSERT_EQ(code, 0);
    EXPECT_GE(kills, 3);
    expect_same(out, *whole_);
  }
}

TEST_F(Branch, KilledFromOutsideAndResumed) {
  stats::RandomStream random(6);
  const std::string out = fresh_memory_directory();
  std::vector<std::string> flags = {"--threads=2", "--out=" + out};
  for (int i = 0; i < 4; ++i) {
    const int code = run(flags, 0, 20000 + random.below(150000));
    if (code == 0) break;
    ASSERT_EQ(code, -SIGKILL);
    if (::access((out + "/config.json").c_str(), F_OK) == 0) flags = {"--threads=2", "--resume=" + out};
  }
  ASSERT_EQ(run({"--threads=2", "--resume=" + out}), 0);
  expect_same(out, *whole_);
}

TEST_F(Branch, PlanShowsEachArmOnce) {
  std::string said;
  ASSERT_EQ(run({"--plan"}, 0, 0, &said), 0) << said;
  for (const char* part : {"base/seed1", "first/seed1", "second/seed1"}) {
    EXPECT_TRUE(absl::StrContains(said, part)) << said;
  }
  EXPECT_FALSE(absl::StrContains(said, "seed2")) << said;
}

}  // namespace
}  // namespace roux::kit
