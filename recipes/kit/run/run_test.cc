#include "recipes/kit/run/run.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/interrupt.h"
#include "tensor/error.h"
#include "tensor/fresh_directory.h"

namespace roux::kit {
namespace {

RunSetup setup(const std::string& out, bool resume = false, double checkpoint_seconds = 1000) {
  RunSetup s;
  s.info = {"toy", "A Toy", "", "", ""};
  s.options.preset = "smoke";
  s.options.out = out;
  s.options.resume = resume;
  s.preset = {"smoke", "", 0, 3};
  s.settings = R"({"steps":20,"lr":0.5})";
  s.checkpoint_seconds = checkpoint_seconds;
  s.quiet = true;
  return s;
}

class RunTest : public testing::Test {
 protected:
  void SetUp() override { set_interrupt_requested(false); }
  void TearDown() override { set_interrupt_requested(false); }
};

constexpr int64_t kSteps = 8;

// Adds up steps; presses Ctrl-C in step `stop_at` of the part `stop_in`.
PartFunction counting(const std::string& stop_in = "", int64_t stop_at = -1) {
  return [=](Part& part) -> absl::StatusOr<std::vector<double>> {
    double sum = 0;
    if (part.restored() != nullptr) {
      ROUX_ASSIGN_OR_RETURN(const std::vector<double> state, part.restored()->numbers("sum"));
      sum = state[0];
    }
    for (int64_t step = part.start_step() + 1; step <= kSteps; ++step) {
      sum += std::sqrt(static_cast<double>(step));
      if (step % 3 == 0) part.metric("validation_loss", step, sum / 3);
      if (part.name() == stop_in && step == stop_at) set_interrupt_requested(true);
      ROUX_RETURN_IF_ERROR(part.step({.step = step, .steps = kSteps, .loss = sum, .lr = 0.1},
                                     [&](CheckpointWriter& w) { w.add_numbers("sum", {sum}); }));
    }
    return std::vector<double>{sum, -sum};
  };
}

absl::Status recipe(Run& run, const PartFunction& function, int threads) {
  run.metric("before", 0, 1.5);
  ROUX_ASSIGN_OR_RETURN(const auto first, run.part("first", function));
  ROUX_ASSIGN_OR_RETURN(const auto rest,
                        run.side_by_side({"a/seed1", "a/seed2", "a/seed3"}, function, threads));
  run.metric("after", 0, rest[2][1], {{"kind", "final"}});
  ROUX_RETURN_IF_ERROR(run.claim(
      {.text = "sums agree",
       .measured = paired(run.seeds(), {rest[0][0], rest[1][0], rest[2][0]}, {first[0], first[0], first[0]}),
       .relation = within(0, 0),
       .asserted = true}));
  return run.finish();
}

absl::Status run_recipe(RunSetup s, const PartFunction& function, int threads = 1) {
  ROUX_ASSIGN_OR_RETURN(const std::unique_ptr<Run> run, Run::open(std::move(s)));
  return recipe(*run, function, threads);
}

TEST_F(RunTest, WritesItsFiles) {
  const std::string out = fresh_directory();
  ASSERT_TRUE(run_recipe(setup(out), counting()).ok());
  const auto config = nlohmann::json::parse(*read_file(out + "/config.json"));
  EXPECT_EQ(config["recipe"], "toy");
  EXPECT_EQ(config["seeds"], (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(config["settings"]["lr"], 0.5);
  EXPECT_GT(config["machine"]["cores"], 0);
  EXPECT_GT(config["threads"], 0);
  EXPECT_EQ(nlohmann::json::parse(*read_file(out + "/claims.json"))[0]["verdict"], "holds");
  EXPECT_TRUE(absl::StrContains(*read_file(out + "/report.html"), "sums agree"));
  const std::string metrics = *read_file(out + "/metrics.jsonl");
  EXPECT_TRUE(
      absl::StartsWith(metrics, "{\"step\":0,\"before\":1.5}\n{\"part\":\"first\",\"step\":1,\"loss\":1,"))
      << metrics.substr(0, 200);
  EXPECT_TRUE(absl::StrContains(metrics, "{\"kind\":\"final\",\"step\":0,\"after\":"));
  EXPECT_FALSE(absl::StrContains(metrics, "ms"));
}

TEST_F(RunTest, ThreadsDoNotChangeTheFiles) {
  const std::string one = fresh_directory(), many = fresh_directory();
  ASSERT_TRUE(run_recipe(setup(one), counting(), 1).ok());
  ASSERT_TRUE(run_recipe(setup(many), counting(), 3).ok());
  EXPECT_EQ(*read_file(one + "/metrics.jsonl"), *read_file(many + "/metrics.jsonl"));
  EXPECT_EQ(*read_file(one + "/claims.json"), *read_file(many + "/claims.json"));
}

TEST_F(RunTest, ResumedRunEqualsUninterruptedWhereverItStopped) {
  const std::string whole = fresh_directory();
  ASSERT_TRUE(run_recipe(setup(whole), counting()).ok());
  for (const std::string part : {"first", "a/seed2"}) {
    for (const int64_t step : {1, 5, 8}) {
      for (const int threads : {1, 2}) {
        SCOPED_TRACE(absl::StrCat(part, " step ", step, ", threads ", threads));
        const std::string out = fresh_directory();
        const absl::Status stopped = run_recipe(setup(out), counting(part, step), threads);
        EXPECT_EQ(stopped.code(), absl::StatusCode::kCancelled) << stopped;
        set_interrupt_requested(false);
        const absl::Status resumed = run_recipe(setup(out, true), counting(), threads);
        ASSERT_TRUE(resumed.ok()) << resumed;
        EXPECT_EQ(*read_file(out + "/metrics.jsonl"), *read_file(whole + "/metrics.jsonl"));
        EXPECT_EQ(*read_file(out + "/claims.json"), *read_file(whole + "/claims.json"));
      }
    }
  }
}

TEST_F(RunTest, ReportExistsWhileTheRunGoesOnAndAfterItStopped) {
  const std::string out = fresh_directory();
  RunSetup s = setup(out);
  s.report_seconds = 0;
  std::string seen;
  const PartFunction function = counting("a/seed2", 5);
  const absl::Status stopped = [&] {
    const auto run = kit::Run::open(s);
    EXPECT_TRUE(absl::StrContains(*read_file(out + "/report.html"), "The run began at "));
    (*run)->expect_steps(4 * kSteps);
    const absl::Status status = recipe(
        **run,
        [&](Part& part) {
          if (part.name() == "a/seed2") seen = *read_file(out + "/report.html");
          return function(part);
        },
        1);
    return (*run)->stopped(status);
  }();
  EXPECT_TRUE(absl::IsCancelled(stopped)) << stopped;
  EXPECT_TRUE(absl::StrContains(seen, "The run was going on at ")) << seen;
  EXPECT_TRUE(absl::StrContains(seen, ", after step 16 of 32. If it has ended since"));
  EXPECT_TRUE(absl::StrContains(seen, "<figcaption>validation loss</figcaption>"));
  std::string last = *read_file(out + "/report.html");
  EXPECT_TRUE(absl::StrContains(last, "Interrupted at ") &&
              absl::StrContains(last, ", after step 21 of 32;"));
  EXPECT_TRUE(absl::StrContains(last, "peak memory so far (MiB)"));
  set_interrupt_requested(false);
  ASSERT_TRUE(run_recipe(setup(out, true), counting()).ok());
  EXPECT_FALSE(absl::StrContains(*read_file(out + "/report.html"), "Partial report"));
}

TEST_F(RunTest, ReportSaysWhichErrorStoppedTheRun) {
  const std::string out = fresh_directory();
  const auto run = kit::Run::open(setup(out));
  EXPECT_EQ((*run)->stopped(absl::NotFoundError("no <data>")).message(), "no <data>");
  EXPECT_TRUE(absl::StrContains(*read_file(out + "/report.html"), "after 0 steps: no &lt;data&gt;"));
}

TEST_F(RunTest, ReportNamesItsMetrics) {
  const std::string out = fresh_directory();
  const auto run = kit::Run::open(setup(out));
  (*run)->name_metric("validation_loss", "validation loss (nats)");
  ASSERT_TRUE(recipe(**run, counting(), 1).ok());
  EXPECT_TRUE(absl::StrContains(*read_file(out + "/report.html"), ">validation loss (nats)</text>"));
}

TEST(ReportClockTest, IsDueAfterItsPauseAndForOneWriterAtATime) {
  const auto wait = [](int milliseconds) {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  };
  ReportClock seldom(1000), often(1e-3), always(0);
  EXPECT_FALSE(seldom.start());
  wait(5);
  EXPECT_TRUE(often.start());
  EXPECT_FALSE(often.start());
  wait(20);
  often.done();
  wait(5);
  EXPECT_FALSE(often.start()) << "a report that took 20 ms is not due again within a second";
  EXPECT_TRUE(always.start());
  EXPECT_FALSE(always.start());
  always.done();
  EXPECT_TRUE(always.start());
}

TEST_F(RunTest, TimingsGoOnAfterACutLine) {
  const std::string out = fresh_directory();
  ASSERT_FALSE(run_recipe(setup(out), counting("first", 5)).ok());
  set_interrupt_requested(false);
  const std::string before = *read_file(out + "/timings.jsonl");
  ASSERT_TRUE(write_file_atomically(out + "/timings.jsonl", before + "{\"part\":\"fi").ok());
  ASSERT_TRUE(run_recipe(setup(out, true), counting()).ok());
  EXPECT_TRUE(absl::StartsWith(*read_file(out + "/timings.jsonl"),
                               before + "{\"part\":\"fi\n{\"part\":\"first\",\"step\":6,"));
}

TEST_F(RunTest, FinishedPartsDoNotRunAgain) {
  const std::string out = fresh_directory();
  ASSERT_TRUE(run_recipe(setup(out), counting()).ok());
  int calls = 0;
  ASSERT_TRUE(run_recipe(setup(out, true), [&](Part&) -> absl::StatusOr<std::vector<double>> {
                ++calls;
                return std::vector<double>{};
              }).ok());
  EXPECT_EQ(calls, 0);
}

TEST_F(RunTest, DamagedNewestCheckpointGoesBackOne) {
  const std::string whole = fresh_directory(), out = fresh_directory();
  ASSERT_TRUE(run_recipe(setup(whole), counting()).ok());
  ASSERT_FALSE(run_recipe(setup(out, false, 0), counting("first", 6)).ok());
  set_interrupt_requested(false);
  const CheckpointStore store(out + "/checkpoints/first");
  ASSERT_EQ(store.steps(), (std::vector<int64_t>{5, 6}));
  ASSERT_TRUE(write_file_atomically(store.path_of(6), "ROUXCKPT").ok());
  int64_t started = -1;
  const PartFunction function = counting();
  ASSERT_TRUE(run_recipe(setup(out, true), [&](Part& part) {
                if (part.name() == "first") started = part.start_step();
                return function(part);
              }).ok());
  EXPECT_EQ(started, 5);
  EXPECT_EQ(*read_file(out + "/metrics.jsonl"), *read_file(whole + "/metrics.jsonl"));
}

TEST_F(RunTest, DamagedResultRunsAgain) {
  const std::string whole = fresh_directory(), out = fresh_directory();
  ASSERT_TRUE(run_recipe(setup(whole), counting()).ok());
  ASSERT_TRUE(run_recipe(setup(out), counting()).ok());
  ASSERT_TRUE(write_file_atomically(out + "/checkpoints/a/seed2/result.ckpt", "").ok());
  ASSERT_TRUE(run_recipe(setup(out, true), counting()).ok());
  EXPECT_EQ(*read_file(out + "/metrics.jsonl"), *read_file(whole + "/metrics.jsonl"));
}

TEST_F(RunTest, OtherSettingsCannotResume) {
  const std::string out = fresh_directory();
  ASSERT_TRUE(run_recipe(setup(out), counting()).ok());
  RunSetup other = setup(out, true);
  other.settings = R"({"steps":21,"lr":0.5})";
  EXPECT_TRUE(
      absl::StrContains(run_recipe(other, counting()).message(), "it was run with steps=20, now steps=21"));
  other = setup(out, true);
  other.options.seed = 5;
  EXPECT_TRUE(absl::StrContains(run_recipe(other, counting()).message(), "seeds=[1,2,3], now seeds=[5,6,7]"));
  const absl::Status nothing = run_recipe(setup(fresh_directory(), true), counting());
  EXPECT_TRUE(absl::StrContains(nothing.message(), "nothing to resume")) << nothing;
}

TEST_F(RunTest, NonFiniteLossStopsWithStepOpAndCheckpoint) {
  const std::string out = fresh_directory();
  const absl::Status status =
      run_recipe(setup(out, false, 0), [](Part& part) -> absl::StatusOr<std::vector<double>> {
        const SaveFunction save = [](CheckpointWriter& w) { w.add("x", "1"); };
        ROUX_RETURN_IF_ERROR(part.step({.step = 1, .steps = 3, .loss = 2.5}, save));
        ROUX_RETURN_IF_ERROR(
            part.step({.step = 2, .steps = 3, .loss = std::nan(""), .nonfinite = "log"}, save));
        return std::vector<double>{};
      });
  EXPECT_EQ(status.message(),
            absl::StrCat("first: step 2: the loss is nan, first made by log; last good checkpoint: ", out,
                         "/checkpoints/first/step-000000000001.ckpt"));
  const absl::Status norm = run_recipe(setup(out), [](Part& part) -> absl::StatusOr<std::vector<double>> {
    ROUX_RETURN_IF_ERROR(
        part.step({.step = 1, .steps = 3, .loss = 1, .grad_norm = std::numeric_limits<double>::infinity()}));
    return std::vector<double>{};
  });
  EXPECT_EQ(norm.message(), "first: step 1: the gradient norm is inf; no checkpoint was saved yet");
}

TEST_F(RunTest, ErrorOfOnePartStopsTheOthersAndIsTheOneReported) {
  const std::string out = fresh_directory();
  const auto run = kit::Run::open(setup(out));
  ASSERT_TRUE(run.ok());
  const PartFunction function = counting();
  const auto results = (*run)->side_by_side(
      {"a", "b", "c"},
      [&](Part& part) -> absl::StatusOr<std::vector<double>> {
        if (part.name() == "b") return absl::NotFoundError("no data");
        return function(part);
      },
      2);
  EXPECT_EQ(results.status().message(), "no data");
}

TEST_F(RunTest, ExceptionsReachTheCaller) {
  const auto run = kit::Run::open(setup(fresh_directory()));
  ASSERT_TRUE(run.ok());
  EXPECT_THROW((*run)
                   ->side_by_side(
                       {"a", "b"},
                       [](Part&) -> absl::StatusOr<std::vector<double>> {
                         ROUX_CHECK(false) << "add: shapes differ";
                         return std::vector<double>{};
                       },
                       2)
                   .ok(),
               Error);
}

TEST_F(RunTest, PartNamesAreUniqueAndPlain) {
  const auto run = kit::Run::open(setup(fresh_directory()));
  ASSERT_TRUE(run.ok());
  ASSERT_TRUE((*run)->part("a", counting()).ok());
  for (const char* name : {"a", "", "/a", "b/", "../a", "a b"}) {
    EXPECT_THROW((*run)->part(name, counting()).ok(), Error) << name;
  }
}

TEST_F(RunTest, SourcesAreKeptAndAResumeWithOtherBytesIsRefused) {
  const std::string out = fresh_directory();
  Provenance from{Provenance::kCache,        "words", "1.0", "MIT", std::string(64, 'a'),
                  "recipes/data/fetch words"};
  const auto use = [&](bool resume) -> absl::Status {
    ROUX_ASSIGN_OR_RETURN(const auto run, kit::Run::open(setup(out, resume)));
    ROUX_RETURN_IF_ERROR(run->uses(from));
    return run->finish();
  };
  ASSERT_TRUE(use(false).ok());
  const auto config = nlohmann::json::parse(*read_file(out + "/config.json"));
  EXPECT_EQ(config["sources"]["words"]["sha256"], from.sha256);
  EXPECT_EQ(config["sources"]["words"]["kind"], "cache");
  EXPECT_EQ(config["sources"]["words"]["licence"], "MIT");
  EXPECT_EQ(config["sources"]["words"]["command"], from.command);
  EXPECT_EQ(config["preset"], "smoke");  // what was there stays
  EXPECT_TRUE(absl::StrContains(*read_file(out + "/report.html"), from.sha256));

  from.kind = Provenance::kPackage;  // the same bytes from elsewhere
  EXPECT_TRUE(use(true).ok());
  from.sha256 = std::string(64, 'b');
  const absl::Status refused = use(true);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), "'words'")) << refused;
  EXPECT_TRUE(use(false).ok());  // a new run may use them
}

TEST_F(RunTest, SourcesOfAPlanOrAnOfflineRunDownloadNothing) {
  RunSetup s = setup(fresh_directory());
  EXPECT_FALSE((*kit::Run::open(s))->source_options().offline);
  s.options.offline = true;
  EXPECT_TRUE((*kit::Run::open(s))->source_options().offline);
  s.options.offline = false;
  s.options.plan = true;
  EXPECT_TRUE((*kit::Run::open(s))->source_options().offline);
}

}  // namespace
}  // namespace roux::kit
