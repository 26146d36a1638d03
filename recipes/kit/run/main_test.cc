// A recipe's main(), called in this process: what is refused before the folder is touched, settings and
// flags, tables, plans and memory.
#include "recipes/kit/run/main.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "recipes/kit/data/sha256.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/interrupt.h"
#include "recipes/kit/run/machine.h"
#include "recipes/kit/run/parallel_parts.h"
#include "tensor/error.h"
#include "tensor/fresh_directory.h"

namespace roux::kit {
namespace {

constexpr int64_t kGiB = int64_t{1} << 30;

struct Config {
  int64_t steps = 4;
  int64_t gib = 0;      // that one part is planned to need
  int64_t windows = 0;  // 1: the data turn out too short before the first step; 2: after it
  std::string arms = "default";
  template <class Visit>
  void visit(Visit&& visit) {
    visit("steps", steps, Range{1});
    visit("gib", gib);
    visit("windows", windows);
    visit("arms", arms, Flag{"which arms", {"default", "all"}});
  }
};

absl::Status reproduce(const Config& config, Run& run) {
  if (config.windows > 0) {
    run.table({"Before the data", {"a"}, {{"1"}}});
    ROUX_RETURN_IF_ERROR(run.part("only",
                                  [&](Part& part) -> absl::StatusOr<double> {
                                    if (config.windows > 1) {
                                      ROUX_RETURN_IF_ERROR(part.step({.step = 1, .steps = 2, .loss = 1}));
                                    }
                                    return absl::InvalidArgumentError("mine.txt: too short for 64 windows");
                                  })
                             .status());
  }
  std::vector<double> values;
  for (const uint64_t seed : run.seeds()) {
    values.push_back(0.5 + static_cast<double>(seed % 2) / 10);
    run.metric("value", config.steps, values.back());
  }
  return run.claim({.text = "the value is negative",
                    .measured = over_seeds(run.seeds(), values),
                    .relation = below(config.arms == "all" ? 1 : 0),
                    .scale = "none",
                    .asserted = true});
}

absl::Status plan(const Config& config, Run& run) {
  ROUX_CHECK(config.steps % 2 == 0) << "linear: 2 does not divide steps: steps is " << config.steps;
  ROUX_RETURN_IF_ERROR(run.check_interrupt());
  run.print("the plan\n");
  run.plan_part(config.gib * kGiB);
  return absl::OkStatus();
}

absl::Status count_lines(const Config&, const std::string& path, Run& run) {
  ROUX_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  if (text == "nothing\n") return absl::OkStatus();
  JsonObject result;
  result.add("lines", static_cast<int64_t>(std::count(text.begin(), text.end(), '\n')));
  return run.write("table.json", result.text());
}

struct Outcome {
  int code = -1;
  std::string out, err;
};

Outcome run_main(std::vector<std::string> flags) {
  const Config standard, large{.gib = 1 << 20};  // a pebibyte
  const Recipe<Config> recipe = {.info = {.slug = "mini",
                                          .title = "A Mini",
                                          .arxiv = "",
                                          .model_help = "a model",
                                          .data_help = "a text",
                                          .table_help = "lines"},
                                 .presets = {{{.name = "default", .what = "d", .minutes = 0.01}, standard},
                                             {{.name = "long", .what = "l", .minutes = 0.01}, large},
                                             {{.name = "gpu", .what = "g", .minutes = 0.01}, standard}},
                                 .reproduce = reproduce,
                                 .plan = plan,
                                 .table = count_lines};
  flags.insert(flags.begin(), "mini");
  std::vector<char*> argv;
  for (std::string& flag : flags) argv.push_back(flag.data());
  Outcome outcome;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  outcome.code = recipe_main<Config>(static_cast<int>(argv.size()), argv.data(), recipe);
  outcome.out = testing::internal::GetCapturedStdout();
  outcome.err = testing::internal::GetCapturedStderr();
  return outcome;
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::string file_with(const std::string& text) {
  const std::string path = fresh_directory() + "/text.txt";
  EXPECT_TRUE(write_file_atomically(path, text).ok());
  return path;
}

nlohmann::json json_of(const std::string& path) { return nlohmann::json::parse(*read_file(path)); }

// Every slip is one line, exit code 1, and leaves neither a folder nor a change in an earlier run.
TEST(RecipeMain, FindsMistakesBeforeItTouchesTheFolder) {
  const std::string out = fresh_directory() + "/run";
  const std::string latin = file_with("caf\xE9\n"), empty = file_with("");
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"--data=/no/such/text"}, "--data=/no/such/text: No such file or directory"},
      {{"--data=/tmp"}, "--data=/tmp: is a folder, a regular file is needed"},
      {{"--data=" + latin}, absl::StrCat("--data=", latin, ": UTF-8 text is needed, this has the byte 0xe9")},
      {{"--data=" + empty}, absl::StrCat("--data=", empty, ": is empty")},
      {{"--model=/no/such/model"}, "--model=/no/such/model: No such file or directory"},
      {{"--table=/no/such/table"}, "--table=/no/such/table: No such file or directory"},
      {{"--set", "steps=0"}, "--set steps=0: a whole number of at least 1 is needed"},
      {{"--set", "stesp=2"}, "--set stesp=2: there is no such setting; did you mean steps?"},
      {{"--set", "steps=5"}, "linear: 2 does not divide steps: steps is 5"},
      {{"--arms=every"}, "--arms=every: the choices are default, all"},
      {{"--seed=9007199254740992"}, "--seed=9007199254740992: the last of 3 seeds would be above"},
      {{"--preset=gpu"}, "--preset=gpu: it is made for a large GPU, the device is cpu: add --device=cuda"},
      {{"--trace=/no/such/trace.json"}, "cannot create /no/such/trace.json"},
      {{"--trace=/tmp/t.json", "--trace-steps=3:1"}, "--trace-steps=3:1: two steps from 1 on are needed"},
      {{"--preset=long"},
       "--preset=long: one part needs 1.05e+06 GiB of tensors and a tenth more for buffers, "},
  };
  for (const auto& [flags, message] : cases) {
    std::vector<std::string> all = flags;
    all.push_back("--out=" + out);
    const Outcome outcome = run_main(all);
    EXPECT_EQ(outcome.code, 1) << message;
    EXPECT_TRUE(absl::StartsWith(outcome.err, "error: " + message)) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_FALSE(exists(out)) << message;
  }
  EXPECT_TRUE(absl::StrContains(run_main({"--preset=long", "--out=" + out}).err,
                                " are free on cpu; --preset=default fits (0 MiB)"));
}

// What only the recipe can see, before it has done anything, leaves no folder either.
TEST(RecipeMain, DataThatAreTooShortLeaveNoFolder) {
  const std::string base = fresh_directory(), out = base + "/new/deep/run";
  const Outcome outcome = run_main({"--set", "windows=1", "--out=" + out});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.err, "error: mine.txt: too short for 64 windows\n");
  EXPECT_FALSE(exists(base + "/new"));
  EXPECT_TRUE(exists(base));

  // A folder that was there stays, as empty as it was; so does an earlier run with its work.
  ASSERT_EQ(run_main({"--set", "windows=1", "--out=" + base}).code, 1);
  EXPECT_TRUE(exists(base));
  EXPECT_FALSE(exists(base + "/config.json"));
  ASSERT_EQ(run_main({"--arms=all", "--out=" + out}).code, 0);
  ASSERT_EQ(run_main({"--set", "windows=1", "--out=" + out}).code, 1);
  EXPECT_TRUE(exists(out + "/claims.json"));
  EXPECT_FALSE(exists(out + "-2"));

  // After a step the logs say what happened.
  ASSERT_EQ(run_main({"--set", "windows=2", "--out=" + out}).code, 1);
  EXPECT_TRUE(absl::StrContains(*read_file(out + "-2/report.html"), "too short for 64 windows"));
}

TEST(RecipeMain, ProfileIsPrintedAndInConfigJson) {
  const std::string out = fresh_directory() + "/run", trace = fresh_directory() + "/t.json";
  const Outcome outcome =
      run_main({"--arms=all", "--profile", "--trace=" + trace, "--trace-steps=2:3", "--out=" + out});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "\nProfile: wall 0.")) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "Trace: " + trace + " is empty: no part ran in steps 2:3\n"));
  const auto config = json_of(out + "/config.json");
  EXPECT_EQ(config["profile"], true);
  EXPECT_EQ(config["trace"], trace);
  EXPECT_EQ(config["trace_steps"], "2:3");
  EXPECT_EQ(run_main({"--resume=" + out}).code, 0);  // they may differ
  EXPECT_EQ(json_of(out + "/config.json")["sessions"], 2);
}

TEST(RecipeMain, AnEarlierRunStaysWhatever) {
  const std::string out = fresh_directory() + "/run";
  ASSERT_EQ(run_main({"--arms=all", "--out=" + out}).code, 0);
  const std::string before = *read_file(out + "/config.json");
  EXPECT_EQ(run_main({"--data=/no/such/text", "--out=" + out}).code, 1);
  const Outcome again = run_main({"--arms=all", "--out=" + out});
  EXPECT_EQ(again.code, 0);
  EXPECT_TRUE(
      absl::StrContains(again.err, out + " holds an earlier run; this one is written to " + out + "-2\n"));
  EXPECT_EQ(*read_file(out + "/config.json"), before);
  EXPECT_TRUE(exists(out + "-2/claims.json"));
}

TEST(RecipeMain, CtrlCWhileMemoryIsPlannedIsNoError) {
  const std::string out = fresh_directory() + "/run";
  set_interrupt_requested(true);
  const Outcome outcome = run_main({"--set", "steps=2", "--out=" + out});
  set_interrupt_requested(false);
  EXPECT_EQ(outcome.code, 130);
  EXPECT_EQ(outcome.err, "interrupted before the run began: the same command starts it\n");
  EXPECT_FALSE(exists(out));
}

TEST(RecipeMain, LastLineExplainsExitCodeThree) {
  const Outcome outcome = run_main({"--out=" + fresh_directory()});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_TRUE(
      absl::EndsWith(outcome.err, "exit code 3: an asserted claim fails: \"the value is negative\"\n"))
      << outcome.err;
}

TEST(RecipeMain, ClaimsOnTheUsersOwnAreReported) {
  const std::string text = file_with("a text\n");
  for (const std::vector<std::string>& own :
       {std::vector<std::string>{"--data=" + text}, {"--model=some_model"}, {"--set", "steps=2"}}) {
    const std::string out = fresh_directory();
    std::vector<std::string> flags = own;
    flags.push_back("--out=" + out);
    const Outcome outcome = run_main(flags);
    EXPECT_EQ(outcome.code, 0) << own[0];
    EXPECT_TRUE(absl::StrContains(outcome.out, "claims are reported, not asserted")) << outcome.out;
    const auto claim = json_of(out + "/claims.json")[0];
    EXPECT_EQ(claim["verdict"], "fails");
    EXPECT_EQ(claim["asserted"], false);
  }
}

TEST(RecipeMain, SettingsAndInputsReachConfigJson) {
  const std::string out = fresh_directory(), text = file_with("a text\n");
  ASSERT_EQ(run_main({"--set", "steps=2", "--arms=all", "--seeds=5", "--seed=7", "--threads=2",
                      "--data=" + text, "--out=" + out})
                .code,
            0);
  const auto config = json_of(out + "/config.json");
  EXPECT_EQ(config["settings"]["steps"], 2);
  EXPECT_EQ(config["settings"]["arms"], "all");
  EXPECT_EQ(config["seeds"], (std::vector<int>{7, 8, 9, 10, 11}));
  EXPECT_EQ(config["threads"], 2);
  EXPECT_EQ(config["data_sha256"], sha256("a text\n"));
  EXPECT_EQ(config["sessions"], 1);
  EXPECT_GE(config["seconds"].get<double>(), 0);
  EXPECT_GT(config["peak_memory_mib"].get<double>(), 0);
  EXPECT_TRUE(config["finished"].is_string());

  // A resumed run takes all of that from the folder, refuses a change, and adds its time.
  EXPECT_EQ(run_main({"--resume=" + out}).code, 0);
  EXPECT_EQ(json_of(out + "/config.json")["sessions"], 2);
  const Outcome changed = run_main({"--resume=" + out, "--set", "steps=6"});
  EXPECT_EQ(changed.code, 1);
  EXPECT_TRUE(absl::StrContains(changed.err, "it was run with steps=2, now steps=6")) << changed.err;
  ASSERT_TRUE(write_file_atomically(text, "another text\n").ok());
  EXPECT_TRUE(absl::StrContains(run_main({"--resume=" + out}).err, "it was run with data_sha256="));
}

// Without a folder --resume means the newest run of the same flags.
TEST(RecipeMain, ResumesTheNewestRun) {
  const std::string out = fresh_directory() + "/run";
  for (const char* steps : {"steps=2", "steps=4"}) {
    ASSERT_EQ(run_main({"--arms=all", "--set", steps, "--out=" + out}).code, 0);
  }
  ASSERT_EQ(run_main({"--resume", "--out=" + out}).code, 0);
  EXPECT_EQ(json_of(out + "/config.json")["sessions"], 1);
  EXPECT_EQ(json_of(out + "-2/config.json")["sessions"], 2);
}

TEST(RecipeMain, TableRunsInsteadOfTheMethod) {
  const std::string out = fresh_directory(), records = file_with("1\n2\n3\n");
  const Outcome outcome = run_main({"--table=" + records, "--out=" + out});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(json_of(out + "/table.json")["lines"], 3);
  EXPECT_EQ(json_of(out + "/claims.json").size(), 0u);
  EXPECT_EQ(json_of(out + "/config.json")["table_sha256"], sha256("1\n2\n3\n"));
  const Outcome none = run_main({"--table=" + file_with("nothing\n"), "--out=" + fresh_directory()});
  EXPECT_EQ(none.err, "error: --table: this recipe wrote no table.json\n");
}

TEST(RecipeMain, PlanSaysWhatFitsAndTouchesNothing) {
  const std::string out = fresh_directory() + "/run";
  const Outcome outcome =
      run_main({"--plan", "--preset=gpu", "--set", "gib=1", "--threads=2", "--out=" + out});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(absl::StartsWith(outcome.out, "the plan\nUp to ")) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, " GiB free on cpu")) << outcome.out;
  EXPECT_FALSE(exists(out));
  EXPECT_TRUE(absl::StrContains(run_main({"--plan", "--preset=long"}).out,
                                "Up to 1 part at a time: 1.05e+06 GiB of "));
}

TEST(RunWrite, RefusesTheHarnessesOwnFilesAndFolders) {
  RunSetup setup;
  setup.info.slug = "mini", setup.options.out = fresh_directory(), setup.quiet = true;
  const auto run = Run::open(setup);
  ASSERT_TRUE(run.ok());
  EXPECT_TRUE((*run)->write("samples.txt", "one").ok());
  EXPECT_EQ(*read_file((*run)->path("samples.txt")), "one");
  for (const char* name : {"", ".hidden", "a/b", "../x", "config.json", "claims.json", "metrics.jsonl"}) {
    EXPECT_FALSE((*run)->write(name, "x").ok()) << name;
  }
}

TEST(ParallelParts, AreLimitedByMemoryAndToOneAGpu) {
  const Device cuda{DeviceType::kCuda, 0};
  EXPECT_EQ(parallel_parts(4, kCpu, {}), 4);  // nothing known
  EXPECT_EQ(parallel_parts(4, kCpu, {kGiB, 100 * kGiB}), 4);
  EXPECT_EQ(parallel_parts(4, kCpu, {kGiB, 3 * kGiB}), 2);  // a tenth beside each
  EXPECT_EQ(parallel_parts(4, kCpu, {10 * kGiB, 44 * kGiB}), 4);
  EXPECT_EQ(parallel_parts(4, kCpu, {10 * kGiB, 44 * kGiB - 1}), 3);
  EXPECT_EQ(parallel_parts(4, kCpu, {kGiB, 0}), 1);  // a run that started goes on
  EXPECT_EQ(parallel_parts(4, cuda, {1, 100 * kGiB}), 1);
  EXPECT_EQ(parallel_parts(4, kEmulated, {kGiB, -1}), 4);
  EXPECT_TRUE(one_part_fits({10 * kGiB, 11 * kGiB}));
  EXPECT_FALSE(one_part_fits({10 * kGiB, 11 * kGiB - 1}));
  EXPECT_TRUE(one_part_fits({10 * kGiB, -1}));
  EXPECT_EQ(bytes_text(20 << 20), "20 MiB");
  EXPECT_EQ(bytes_text(kGiB * 3 / 2), "1.5 GiB");
  EXPECT_GT(free_for_parts(kCpu), 0);
  EXPECT_EQ(free_for_parts(cuda), -1);  // no library of it is linked here
}

// /proc and /sys/fs/cgroup as files.
class Surroundings {
 public:
  Surroundings(const std::string& available_kib, const std::string& groups) {
    put("proc/meminfo", "MemTotal: 99 kB\nMemAvailable:   " + available_kib + " kB\n");
    put("proc/self/cgroup", groups);
  }
  void put(const std::string& file, const std::string& text) {
    const std::string path = root_ + "/" + file;
    ASSERT_TRUE(make_directories(path.substr(0, path.rfind('/'))).ok());
    ASSERT_TRUE(write_file_atomically(path, text).ok());
  }
  int64_t available() const { return available_memory(root_ + "/proc", root_ + "/cgroup"); }

 private:
  std::string root_ = fresh_directory();
};

TEST(AvailableMemory, IsWhatTheMachineAndItsControlGroupsLeave) {
  Surroundings machine("1000", "0::/\n");
  EXPECT_EQ(machine.available(), 1000 * 1024);
  Surroundings two("1000", "0::/user/job\n");
  two.put("cgroup/user/job/memory.max", "max\n");
  two.put("cgroup/user/job/memory.current", "4000\n");
  EXPECT_EQ(two.available(), 1000 * 1024);
  two.put("cgroup/user/memory.max", "500000\n");
  two.put("cgroup/user/memory.current", "400000\n");
  EXPECT_EQ(two.available(), 100000);
  two.put("cgroup/user/memory.stat", "anon 1\ninactive_file 50000\nactive_file 7\n");
  EXPECT_EQ(two.available(), 150000);  // cache that can be dropped
  two.put("cgroup/memory.max", "1000\n");
  two.put("cgroup/memory.current", "3000\n");
  EXPECT_EQ(two.available(), 0);
  Surroundings one("1000", "4:cpu,cpuacct:/\n3:memory:/docker/ab\n1:name=systemd:/\n");
  one.put("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  one.put("cgroup/memory/memory.usage_in_bytes", "12345\n");
  EXPECT_EQ(one.available(), 1000 * 1024);
  one.put("cgroup/memory/docker/ab/memory.limit_in_bytes", "70000\n");
  one.put("cgroup/memory/docker/ab/memory.usage_in_bytes", "60000\n");
  one.put("cgroup/memory/docker/ab/memory.stat", "total_inactive_file 5\n");
  EXPECT_EQ(one.available(), 10005);
}

TEST(Checkout, SaysWhetherTrackedFilesDiffer) {
  if (std::system("git --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "git is not installed";
  const std::string folder = fresh_directory();
  const auto git = [&](const std::string& command) {
    return std::system(absl::StrCat("cd ", folder, " && HOME=", folder,
                                    " git -c user.name=n -c user.email=e ", command, " > /dev/null 2>&1")
                           .c_str());
  };
  EXPECT_EQ(has_uncommitted_changes(folder), std::nullopt);  // no checkout
  ASSERT_EQ(git("init"), 0);
  ASSERT_TRUE(write_file_atomically(folder + "/a", "1").ok());
  ASSERT_EQ(git("add a"), 0);
  ASSERT_EQ(git("commit -m one"), 0);
  EXPECT_EQ(head_commit(folder).size(), 40u);
  EXPECT_EQ(has_uncommitted_changes(folder), false);
  ASSERT_TRUE(write_file_atomically(folder + "/untracked", "1").ok());
  EXPECT_EQ(has_uncommitted_changes(folder), false);
  ASSERT_TRUE(write_file_atomically(folder + "/a", "2").ok());
  EXPECT_EQ(has_uncommitted_changes(folder), true);
}

}  // namespace
}  // namespace roux::kit
