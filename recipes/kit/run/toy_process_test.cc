// The toy recipe as a user meets it: exit codes, one-line errors, Ctrl-C, kill -9, resume.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "recipes/kit/run/atomic_file.h"
#include "tensor/fresh_directory.h"

namespace roux::kit {
namespace {

constexpr char kToy[] = "recipes/kit/run/toy_recipe";

struct Toy {
  std::string out = fresh_directory(fresh_memory_directory());
  std::string log = out + ".stderr";
  pid_t child = -1;
  int64_t file_limit = -1;

  void start(std::vector<std::string> flags) {
    flags.insert(flags.begin(), kToy);
    std::vector<char*> argv;
    for (std::string& flag : flags) argv.push_back(flag.data());
    argv.push_back(nullptr);
    child = ::fork();
    if (child != 0) return;
    const int err = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ::dup2(err, STDERR_FILENO);
    ::dup2(::open("/dev/null", O_WRONLY), STDOUT_FILENO);
    if (file_limit >= 0) {
      const rlimit limit = {static_cast<rlim_t>(file_limit), static_cast<rlim_t>(file_limit)};
      ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ::execv(kToy, argv.data());
    ::_exit(127);
  }
  // Exit code, or minus the signal.
  int wait() {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  bool is_running() const {
    siginfo_t info = {};
    return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
  }
  int run(std::vector<std::string> flags) {
    flags.push_back("--out=" + out);
    start(std::move(flags));
    return wait();
  }
  std::string error() const {
    const std::string text = *read_file(log);
    const size_t at = text.find("error: ");
    return at == std::string::npos ? "" : text.substr(at);
  }
  void wait_for(const std::string& file) {
    for (int i = 0; i < 2000 && ::access(file.c_str(), F_OK) != 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(::access(file.c_str(), F_OK), 0) << file << " does not come";
  }
};

TEST(ToyProcess, ExitCodes) {
  EXPECT_EQ(Toy().run({"--preset=smoke"}), 0);
  EXPECT_EQ(Toy().run({"--preset=fails"}), 3);
  EXPECT_EQ(Toy().run({"--help"}), 0);
}

TEST(ToyProcess, MistakesAreOneLineAndExitOne) {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"--preset=nope"},
       "error: --preset=nope: the presets are smoke, default, long, nan, wrong, fails, stuck, heavy\n"},
      {{"--frobnicate"}, "error: unknown flag --frobnicate (--help lists all)\n"},
      {{"--preset=wrong"}, "error: matmul: inner dimensions differ: a is f32[4,3], b is f32[4,5]\n"},
      {{"--preset=nan"}, "error: slow/seed1: step 7: the loss is nan; no checkpoint was saved yet\n"},
      {{"--preset=smoke", "--plan"}, "error: --plan: this recipe has no memory plan\n"},
  };
  for (const auto& item : cases) {
    Toy toy;
    std::vector<std::string> flags = item.first;
    flags.push_back("--threads=1");
    EXPECT_EQ(toy.run(flags), 1) << item.second;
    EXPECT_EQ(toy.error(), item.second);
  }
}

TEST(ToyProcess, TraceIsWrittenAndItsPathIsCheckedFirst) {
  Toy toy;
  const std::string trace = toy.out + ".json";
  EXPECT_EQ(toy.run({"--preset=smoke", "--trace=" + trace}), 0);
  const std::string text = *read_file(trace);
  EXPECT_TRUE(
      absl::StrContains(text, "{\"name\":\"toy_step\",\"cat\":\"region\",\"ph\":\"X\",\"pid\":1,\"tid\":"))
      << text.substr(0, 200);
  EXPECT_EQ(toy.run({"--preset=smoke", "--trace=/no/such/folder/t.json"}), 1);
  EXPECT_TRUE(absl::StrContains(toy.error(), "/no/such/folder/t.json")) << toy.error();
}

// Steps 10 to 12 of each of the six parts, which run two at a time.
TEST(ToyProcess, TraceStepsKeepAWindowOfEachPart) {
  Toy toy;
  const std::string trace = toy.out + ".json";
  EXPECT_EQ(toy.run({"--preset=smoke", "--threads=2", "--trace=" + trace, "--trace-steps=10:12"}), 0);
  const auto events = nlohmann::json::parse(*read_file(trace))["traceEvents"];
  std::map<std::string, std::vector<nlohmann::json>> steps;
  int ops = 0;
  for (const auto& event : events) {
    if (event["cat"] == "step") steps[event["args"]["part"]].push_back(event);
    ops += event["name"] == "toy_step" ? 1 : 0;
  }
  EXPECT_EQ(steps.size(), 6u);
  EXPECT_EQ(ops, 18);
  for (const auto& [part, marks] : steps) {
    ASSERT_EQ(marks.size(), 3u) << part;
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(marks[i]["args"]["step"], 10 + i);
      const double begin = marks[i]["ts"], end = begin + marks[i]["dur"].get<double>();
      int within = 0;
      for (const auto& event : events) {
        if (event["name"] != "toy_step" || event["tid"] != marks[i]["tid"]) continue;
        within += event["ts"] >= begin && event["ts"] <= end ? 1 : 0;
      }
      EXPECT_EQ(within, 1) << part << " step " << 10 + i;
    }
  }
}

TEST(ToyProcess, UnwritableOutIsSaidFirst) {
  Toy toy;
  toy.out = "/proc/nowhere";
  EXPECT_EQ(toy.run({"--preset=smoke"}), 1);
  EXPECT_TRUE(absl::StartsWith(toy.error(), "error: cannot create directory /proc/nowhere")) << toy.error();
}

TEST(ToyProcess, FullDiskIsAnErrorWithThePath) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the sanitizer's runtime does not start under a file size limit";
#endif
  Toy toy;
  toy.file_limit = 1000;  // not even the probe fits
  EXPECT_EQ(toy.run({"--preset=smoke"}), 1);
  EXPECT_TRUE(absl::StrContains(toy.error(), "cannot write " + toy.out)) << toy.error();
  EXPECT_FALSE(absl::StrContains(toy.error(), "--resume")) << toy.error();  // there is nothing yet
  toy.file_limit = 70000;  // the probe fits, the timings of the long preset do not
  EXPECT_EQ(toy.run({"--preset=long", "--threads=1"}), 1);
  EXPECT_TRUE(absl::StrContains(toy.error(), "cannot write " + toy.out)) << toy.error();
  // Nothing is lost: with room again the run that is named goes on to the same bytes.
  EXPECT_TRUE(
      absl::EndsWith(toy.error(), absl::StrCat("what was done is kept; to go on once that is mended:\n  ",
                                               kToy, " --threads=1 --resume=", toy.out, "\n")))
      << toy.error();
  toy.file_limit = -1;
  toy.start({"--resume=" + toy.out});
  ASSERT_EQ(toy.wait(), 0) << toy.error();
  Toy whole;
  ASSERT_EQ(whole.run({"--preset=long"}), 0);
  EXPECT_EQ(*read_file(toy.out + "/metrics.jsonl"), *read_file(whole.out + "/metrics.jsonl"));
  EXPECT_EQ(*read_file(toy.out + "/claims.json"), *read_file(whole.out + "/claims.json"));
}

TEST(ToyProcess, CtrlCSavesSaysHowToResumeAndResumesToTheSameBytes) {
  Toy whole;
  ASSERT_EQ(whole.run({}), 0);
  Toy toy;
  toy.start({"--out=" + toy.out});
  toy.wait_for(toy.out + "/metrics.jsonl");
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  ::kill(toy.child, SIGINT);
  ASSERT_EQ(toy.wait(), 130);
  const std::string said = *read_file(toy.log);
  const std::string command = absl::StrCat("interrupted; to go on:\n  ", kToy, " --resume=", toy.out, "\n");
  EXPECT_TRUE(absl::StrContains(said, command)) << said;
  EXPECT_NE(::access((toy.out + "/claims.json").c_str(), F_OK), 0);
  EXPECT_TRUE(absl::StrContains(*read_file(toy.out + "/report.html"), "Interrupted at "));
  ASSERT_EQ(toy.run({"--resume"}), 0);
  EXPECT_EQ(*read_file(toy.out + "/metrics.jsonl"), *read_file(whole.out + "/metrics.jsonl"));
  EXPECT_EQ(*read_file(toy.out + "/claims.json"), *read_file(whole.out + "/claims.json"));
}

// Then the resumed part has no step left, and still the same result.
TEST(ToyProcess, CtrlCInTheLastStepOfAPart) {
  const std::string settings = "--set=steps=1,pause_ms=300";
  Toy whole;
  ASSERT_EQ(whole.run({settings}), 0);
  Toy toy;
  toy.start({settings, "--threads=1", "--out=" + toy.out});
  toy.wait_for(toy.out + "/timings.jsonl");
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ::kill(toy.child, SIGINT);
  ASSERT_EQ(toy.wait(), 130);
  toy.start({"--resume=" + toy.out});
  ASSERT_EQ(toy.wait(), 0) << toy.error();
  EXPECT_EQ(*read_file(toy.out + "/metrics.jsonl"), *read_file(whole.out + "/metrics.jsonl"));
  EXPECT_EQ(*read_file(toy.out + "/claims.json"), *read_file(whole.out + "/claims.json"));
}

TEST(ToyProcess, SecondCtrlCQuitsAtOnce) {
  Toy toy;
  toy.start({"--preset=stuck", "--out=" + toy.out});
  toy.wait_for(toy.out + "/config.json");
  ::kill(toy.child, SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ::kill(toy.child, SIGINT);
  EXPECT_EQ(toy.wait(), 130);
}

TEST(ToyProcess, KillMinusNineThenResumeEqualsUninterrupted) {
  Toy whole;
  ASSERT_EQ(whole.run({}), 0);
  Toy toy;
  std::vector<std::string> flags = {"--out=" + toy.out};
  for (const int milliseconds : {120, 250, 400}) {
    toy.start(flags);
    toy.wait_for(toy.out + "/metrics.jsonl");
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    ::kill(toy.child, SIGKILL);
    toy.wait();
    flags = {"--resume=" + toy.out};  // preset and seed come from the folder
  }
  toy.start(flags);
  ASSERT_EQ(toy.wait(), 0) << toy.error();
  EXPECT_EQ(*read_file(toy.out + "/metrics.jsonl"), *read_file(whole.out + "/metrics.jsonl"));
}

TEST(ToyProcess, TimeOfAKilledSessionCounts) {
  Toy toy;
  const std::string config = toy.out + "/config.json";
  const auto field = [&](const std::string& name) -> double {
    const absl::StatusOr<std::string> text = read_file(config);
    const std::string key = absl::StrCat("\"", name, "\":");
    const size_t at = text.ok() ? text->find(key) : std::string::npos;
    return at == std::string::npos ? 0 : std::strtod(text->c_str() + at + key.size(), nullptr);
  };
  std::vector<std::string> flags = {"--set=steps=100000,pause_ms=2", "--out=" + toy.out};
  double seconds = 0;
  for (int session = 1; session <= 2; ++session) {
    toy.start(flags);
    for (int i = 0; i < 4000 && field("sessions") < session; ++i)  // until its first checkpoint
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ::kill(toy.child, SIGKILL);
    ASSERT_EQ(toy.wait(), -SIGKILL);
    EXPECT_EQ(field("sessions"), session);
    EXPECT_GT(field("seconds"), seconds);
    EXPECT_GT(field("cpu_seconds"), 0);
    seconds = field("seconds");
    flags = {"--resume=" + toy.out};
  }
}

// Whether a checkpoint is being written somewhere below `folder`.
bool is_saving(const std::string& folder) {
  std::error_code error;
  std::filesystem::recursive_directory_iterator at(folder + "/checkpoints", error), end;
  for (; !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".partial") return true;
  }
  return false;
}

// Stops the run in the middle of a save, again and again: the checkpoint before it is whole, or the new one
// is.
TEST(ToyProcess, StoppedDuringASaveEqualsUninterrupted) {
  Toy whole;
  ASSERT_EQ(whole.run({"--preset=heavy"}), 0);
  for (const int signal : {SIGKILL, SIGINT}) {
    Toy toy;
    std::vector<std::string> flags = {"--preset=heavy", "--out=" + toy.out};
    int hits = 0;
    for (int attempt = 0; attempt < 8; ++attempt) {
      toy.start(flags);
      std::this_thread::sleep_for(std::chrono::milliseconds(20 * attempt));
      while (!is_saving(toy.out) && toy.is_running()) {
      }
      hits += is_saving(toy.out) ? 1 : 0;
      ::kill(toy.child, signal);
      const int code = toy.wait();
      EXPECT_TRUE(code == (signal == SIGKILL ? -SIGKILL : 130) || code == 0) << code;
      if (::access((toy.out + "/config.json").c_str(), F_OK) == 0) flags = {"--resume=" + toy.out};
    }
    EXPECT_GT(hits, 0);
    toy.start(flags);
    ASSERT_EQ(toy.wait(), 0) << toy.error();
    EXPECT_EQ(*read_file(toy.out + "/metrics.jsonl"), *read_file(whole.out + "/metrics.jsonl"));
    EXPECT_EQ(*read_file(toy.out + "/claims.json"), *read_file(whole.out + "/claims.json"));
  }
}

}  // namespace
}  // namespace roux::kit
