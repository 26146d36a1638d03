// Parts that leave states, wait for each other, predict, work over items and are planned.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/interrupt.h"
#include "recipes/kit/run/items.h"
#include "recipes/kit/run/run.h"
#include "tensor/error.h"
#include "tensor/fresh_directory.h"

namespace roux::kit {
namespace {

std::unique_ptr<Run> open(const std::string& out, bool resume = false, bool plan = false) {
  RunSetup setup;
  setup.info.slug = "toy";
  setup.options.out = out;
  setup.options.resume = resume;
  setup.options.plan = plan;
  setup.preset = {"smoke", "", 0, 2};
  setup.settings = "{}";
  setup.checkpoint_seconds = 0;
  setup.quiet = true;
  absl::StatusOr<std::unique_ptr<Run>> run = Run::open(std::move(setup));
  EXPECT_TRUE(run.ok()) << run.status();
  return *std::move(run);
}

class PartsTest : public testing::Test {
 protected:
  void SetUp() override { set_interrupt_requested(false); }
  void TearDown() override { set_interrupt_requested(false); }
  const std::string out_ = fresh_memory_directory();
};

struct Sums {
  std::vector<double> curve;
  std::string note;
  template <class V>
  void visit(V&& v) {
    v("curve", curve), v("note", note);
  }
};

struct Arm {
  std::string name, from;
  double rate;
};
const std::vector<Arm> kArms = {{"base", "", 1}, {"near", "base", 0.5}, {"far", "near", 0.25}};

constexpr int64_t kSteps = 6;

// x grows by rate in each step, from where `from` left it; left as "half" in the middle and at the end. The
// atomic counts down to Ctrl-C.
absl::StatusOr<Sums> grow(const Arm& arm, uint64_t seed, Part& part, std::atomic<int>* until_interrupt) {
  double x = static_cast<double>(seed);
  Sums sums{{}, part.arm()};
  const States learned = {{"x", x}};
  if (!arm.from.empty()) ROUX_RETURN_IF_ERROR(part.load_from(arm.from, learned));
  const States all = learned + States{{"curve", sums.curve}};
  if (part.restored() != nullptr) ROUX_RETURN_IF_ERROR(restore_states(*part.restored(), all));
  for (int64_t step = part.start_step(); step < kSteps;) {
    x += arm.rate * std::sqrt(static_cast<double>(++step));
    sums.curve.push_back(x);
    if (step == kSteps / 2) ROUX_RETURN_IF_ERROR(part.leave("half", learned));
    if (until_interrupt != nullptr && --*until_interrupt == 0) set_interrupt_requested(true);
    part.prediction({.item = absl::StrCat("q", step), .gold = "\"", .output = arm.name, .scores = {x, -1}});
    ROUX_RETURN_IF_ERROR(part.step({.step = step, .steps = kSteps, .loss = x},
                                   [&](CheckpointWriter& writer) { save_states(all, writer); }));
  }
  ROUX_RETURN_IF_ERROR(part.leave("final", learned));
  return sums;
}

absl::StatusOr<Results<Sums>> grow_all(Run& run, int threads = 1,
                                       std::atomic<int>* until_interrupt = nullptr) {
  return run.side_by_side(
      grid(kArms, run.seeds(),
           [=](const Arm& arm, uint64_t seed, Part& part) { return grow(arm, seed, part, until_interrupt); }),
      threads);
}

void expect_same_files(const std::string& out, const std::string& whole) {
  for (const char* file : {"/metrics.jsonl", "/predictions.jsonl"}) {
    EXPECT_EQ(*read_file(out + file), *read_file(whole + file)) << file;
  }
  for (const char* part : {"base/seed1", "far/seed2"}) {
    for (const char* what : {"half", "final"}) {
      const std::string file = absl::StrCat("/checkpoints/", part, "/left-", what, ".ckpt");
      EXPECT_EQ(*read_file(out + file), *read_file(whole + file)) << file;
    }
  }
}

TEST_F(PartsTest, ArmsGoOnFromWhatOthersLeft) {
  const auto run = open(out_);
  const auto sums = grow_all(*run);
  ASSERT_TRUE(sums.ok()) << sums.status();
  EXPECT_EQ(sums->names, (std::vector<std::string>{"base/seed1", "near/seed1", "far/seed1", "base/seed2",
                                                   "near/seed2", "far/seed2"}));
  double total = 0;
  for (int64_t step = 1; step <= kSteps; ++step) total += std::sqrt(static_cast<double>(step));
  const auto last = [](const Sums& s) { return s.curve.back(); };
  EXPECT_NEAR(sums->values("far", last)[0], 1 + 1.75 * total, 1e-12);
  EXPECT_NEAR(sums->values("far", last)[1], 2 + 1.75 * total, 1e-12);
  EXPECT_EQ(sums->results[2].note, "far");
  EXPECT_THROW(sums->values("nobody", last), Error);
  const std::string predictions = *read_file(out_ + "/predictions.jsonl");
  EXPECT_TRUE(absl::StartsWith(
      predictions, R"({"arm":"base","seed":1,"item":"q1","gold":"\"","output":"base","scores":[2,-1]})"
                   "\n{\"arm\":\"base\",\"seed\":1,\"item\":\"q2\""))
      << predictions.substr(0, 200);
}

TEST_F(PartsTest, ThreadsAndInterruptionsChangeNoByte) {
  const std::string whole = fresh_memory_directory();
  const auto expected = grow_all(*open(whole));
  ASSERT_TRUE(expected.ok());
  for (const int threads : {1, 3}) {
    for (const int first : {1, 8, 21, 36}) {
      SCOPED_TRACE(absl::StrCat(threads, " threads, interrupted after ", first));
      const std::string out = fresh_memory_directory();
      std::atomic<int> until{first};
      absl::StatusOr<Results<Sums>> sums = grow_all(*open(out), threads, &until);
      for (int again = 3; sums.status().code() == absl::StatusCode::kCancelled; again += 8) {
        set_interrupt_requested(false);
        until = again;
        sums = grow_all(*open(out, /*resume=*/true), threads, &until);
      }
      set_interrupt_requested(false);
      ASSERT_TRUE(sums.ok()) << sums.status();
      expect_same_files(out, whole);
      for (size_t i = 0; i < sums->results.size(); ++i) {
        EXPECT_EQ(sums->results[i].curve, expected->results[i].curve);
        EXPECT_EQ(sums->results[i].note, expected->results[i].note);
      }
    }
  }
}

TEST_F(PartsTest, MissingOrDamagedLeftFileMakesThePartStartOver) {
  ASSERT_TRUE(grow_all(*open(out_)).ok());
  const std::string left = out_ + "/checkpoints/near/seed1/left-half.ckpt";
  const std::string good = *read_file(left), metrics = *read_file(out_ + "/metrics.jsonl");
  std::string flipped = good;
  flipped[good.size() / 2] ^= 1;
  for (const bool missing : {false, true}) {
    if (missing) {
      ::unlink(left.c_str());
    } else {
      ASSERT_TRUE(write_file_atomically(left, flipped).ok());
    }
    std::vector<std::string> ran;
    std::mutex mutex;
    const auto run = open(out_, /*resume=*/true);
    const auto sums =
        run->side_by_side(grid(kArms, run->seeds(), [&](const Arm& arm, uint64_t seed, Part& part) {
          const std::lock_guard<std::mutex> lock(mutex);
          ran.push_back(part.name());
          return grow(arm, seed, part, nullptr);
        }));
    ASSERT_TRUE(sums.ok()) << sums.status();
    EXPECT_EQ(ran, (std::vector<std::string>{"near/seed1"}));
    EXPECT_EQ(*read_file(left), good);
    EXPECT_EQ(*read_file(out_ + "/metrics.jsonl"), metrics);
  }
}

// The cut part has left "half" and its checkpoint says so.
TEST_F(PartsTest, UnfinishedPartWithDamagedLeftFileStartsOver) {
  const std::string whole = fresh_memory_directory();
  ASSERT_TRUE(grow_all(*open(whole)).ok());
  std::atomic<int> until{5};
  ASSERT_FALSE(grow_all(*open(out_), 1, &until).ok());
  set_interrupt_requested(false);
  ASSERT_TRUE(write_file_atomically(out_ + "/checkpoints/base/seed1/left-half.ckpt", "ROUXCKPT").ok());
  int64_t started = -1;
  const auto run = open(out_, /*resume=*/true);
  ASSERT_TRUE(run->side_by_side(grid(kArms, run->seeds(),
                                     [&](const Arm& arm, uint64_t seed, Part& part) {
                                       if (part.name() == "base/seed1") started = part.start_step();
                                       return grow(arm, seed, part, nullptr);
                                     }),
                                1)
                  .ok());
  EXPECT_EQ(started, 0);
  expect_same_files(out_, whole);
}

TEST_F(PartsTest, ResultOfAnotherTypeRunsAgain) {
  ASSERT_TRUE(open(out_)->part("a", [](Part&) -> absl::StatusOr<double> { return 0.1; }).ok());
  const auto same = open(out_, true)->part("a", [](Part&) -> absl::StatusOr<double> { return 7; });
  EXPECT_EQ(*same, 0.1);
  const auto other = open(out_, true)->part("a", [](Part&) -> absl::StatusOr<Sums> {
    return Sums{{7}, "n"};
  });
  EXPECT_EQ(other->curve, std::vector<double>{7});
}

TEST_F(PartsTest, LoadFromSaysWhatIsMissing) {
  const auto run = open(out_);
  double x = 5;
  ASSERT_TRUE(run->part("base",
                        [&](Part& part) -> absl::StatusOr<double> {
                          EXPECT_EQ(part.arm(), "base");
                          EXPECT_THROW(part.seed(), Error);
                          EXPECT_THROW(part.leave("a/b", {{"x", x}}).ok(), Error);
                          ROUX_RETURN_IF_ERROR(part.leave("v0", {{"x", x}}));
                          x = 6;
                          ROUX_RETURN_IF_ERROR(part.leave("v1", {{"x", x}}));
                          return x;
                        })
                  .ok());
  ASSERT_TRUE(run->part("next/seed3",
                        [&](Part& part) -> absl::StatusOr<double> {
                          EXPECT_EQ(part.seed(), 3u);
                          EXPECT_EQ(part.device(), kCpu);
                          EXPECT_TRUE(part.load_from("base", {{"x", x}}, "v0").ok());
                          EXPECT_EQ(x, 5);
                          EXPECT_TRUE(part.left("base", "v1")->has("x"));
                          const absl::Status none = part.load_from("base", {{"x", x}});
                          EXPECT_EQ(none.code(), absl::StatusCode::kNotFound);
                          EXPECT_EQ(none.message(), "next/seed3: base left no 'final'; it left v0, v1");
                          const absl::Status unknown = part.load_from("bse", {{"x", x}});
                          EXPECT_EQ(unknown.code(), absl::StatusCode::kFailedPrecondition);
                          EXPECT_EQ(
                              unknown.message(),
                              "next/seed3: no part 'bse/seed3' or 'bse' has ended: name 'bse' in `after`");
                          return x;
                        })
                  .ok());
}

TEST_F(PartsTest, AfterNamesEarlierPartsOnly) {
  const auto run = open(out_);
  const auto one = [](Part&) -> absl::StatusOr<double> { return 1; };
  using Parts = std::vector<PartOf<double>>;
  EXPECT_THROW(run->side_by_side(Parts{{"a", one, {"b"}}, {"b", one}}).ok(), Error);
  EXPECT_THROW(run->side_by_side(Parts{{"c", one, {"nobody"}}}).ok(), Error);
  ASSERT_TRUE(run->part("base", one).ok());
  EXPECT_TRUE(run->side_by_side(Parts{{"d/seed1", one, {"base"}}, {"e/seed1", one, {"d"}}}).ok());
}

// Each part starts when what it waits for has ended, and parts that wait for nothing do not wait.
TEST_F(PartsTest, OrderIsThatOfTheGraph) {
  const auto run = open(out_);
  std::mutex mutex;
  std::vector<std::string> ended;
  std::atomic<int> running{0}, most{0};
  const auto work = [&](Part& part) -> absl::StatusOr<double> {
    most = std::max<int>(most, ++running);
    ::usleep(20000);
    const std::lock_guard<std::mutex> lock(mutex);
    const bool a_ended = std::find(ended.begin(), ended.end(), "a") != ended.end();
    EXPECT_TRUE(part.name() != "c" || a_ended);
    EXPECT_TRUE(part.name() != "d" || ended.size() == 3);
    ended.push_back(part.name());
    --running;
    return 0;
  };
  ASSERT_TRUE(run->side_by_side(
                     std::vector<PartOf<double>>{
                         {"a", work}, {"b", work}, {"c", work, {"a"}}, {"d", work, {"c", "b"}}},
                     4)
                  .ok());
  EXPECT_EQ(ended.back(), "d");
  EXPECT_EQ(most, 2);
}

TEST_F(PartsTest, FailureEndsThoseThatWait) {
  const auto run = open(out_);
  bool ran = false;
  const auto result = run->side_by_side(std::vector<PartOf<double>>{
      {"a", [](Part&) -> absl::StatusOr<double> { return absl::NotFoundError("no data"); }},
      {"b", [&](Part&) -> absl::StatusOr<double> { return ran = true; }, {"a"}}});
  EXPECT_EQ(result.status().message(), "no data");
  EXPECT_FALSE(ran);
}

struct Answer {
  std::string text;
  double score = 0;
  template <class V>
  void visit(V&& v) {
    v("text", text), v("score", score);
  }
};

TEST_F(PartsTest, ItemsAreWorkedOffInFixedSlices) {
  std::vector<std::pair<int64_t, int64_t>> slices;
  const auto work = [&](Part& part) -> absl::StatusOr<std::vector<Answer>> {
    return for_items(part, 10, 4, [&](int64_t begin, int64_t end, const std::vector<Answer>& so_far) {
      EXPECT_EQ(static_cast<int64_t>(so_far.size()), begin);
      slices.emplace_back(begin, end);
      std::vector<Answer> answers;
      for (int64_t i = begin; i < end; ++i) {
        answers.push_back({absl::StrCat("t", i),
                           std::sqrt(static_cast<double>(i)) + (so_far.empty() ? 0 : so_far[0].score)});
        part.prediction({.item = absl::StrCat("t", i)});
      }
      if (slices.size() == 2) set_interrupt_requested(true);
      return answers;
    });
  };
  EXPECT_TRUE(absl::IsCancelled(open(out_)->part("judge", work).status()));
  set_interrupt_requested(false);
  const auto answers = open(out_, /*resume=*/true)->part("judge", work);
  ASSERT_TRUE(answers.ok()) << answers.status();
  EXPECT_EQ(slices, (std::vector<std::pair<int64_t, int64_t>>{{0, 4}, {4, 8}, {8, 10}}));
  ASSERT_EQ(answers->size(), 10u);
  for (int64_t i = 0; i < 10; ++i) {
    EXPECT_EQ((*answers)[static_cast<size_t>(i)].text, absl::StrCat("t", i));
    EXPECT_EQ((*answers)[static_cast<size_t>(i)].score, std::sqrt(static_cast<double>(i)));
  }
  EXPECT_EQ(*read_file(out_ + "/metrics.jsonl"), "");
  const std::string predictions = *read_file(out_ + "/predictions.jsonl");
  EXPECT_EQ(std::count(predictions.begin(), predictions.end(), '\n'), 10);
  EXPECT_TRUE(absl::StartsWith(predictions, R"({"arm":"judge","seed":null,"item":"t0")")) << predictions;
}

TEST_F(PartsTest, OneLoopAPart) {
  const auto f = [](int64_t begin, int64_t end,
                    const std::vector<double>&) -> absl::StatusOr<std::vector<double>> {
    return std::vector<double>(static_cast<size_t>(end - begin), 1);
  };
  EXPECT_THROW(open(out_)
                   ->part("twice",
                          [&](Part& part) -> absl::StatusOr<std::vector<double>> {
                            ROUX_RETURN_IF_ERROR(for_items(part, 2, 1, f).status());
                            return for_items(part, 2, 1, f);
                          })
                   .ok(),
               Error);
  EXPECT_THROW(open(fresh_memory_directory())
                   ->part("short",
                          [&](Part& part) {
                            return for_items(part, 2, 2, [](int64_t, int64_t, const std::vector<double>&) {
                              return std::vector<double>{1};
                            });
                          })
                   .ok(),
               Error);
}

TEST_F(PartsTest, APlanRunsOneSeedOfEachArmAndLeavesNothing) {
  const auto run = open(out_ + "/never", false, /*plan=*/true);
  std::vector<std::string> ran;
  double x = 0;
  const auto plan_one = [&](Part& part) -> absl::StatusOr<double> {
    ran.push_back(part.name());
    EXPECT_EQ(part.device(), kMeta);
    EXPECT_TRUE(part.load_from("anything", {{"x", x}}).ok());
    EXPECT_TRUE(part.leave("final", {{"x", x}}).ok());
    return part.planned({"", 10, 40, 100});
  };
  const auto base = run->part("base", plan_one);
  ASSERT_TRUE(base.ok());
  EXPECT_EQ(*base, 0);
  const auto arms = run->side_by_side(
      grid(kArms, run->seeds(), [&](const Arm&, uint64_t, Part& part) { return plan_one(part); }));
  EXPECT_TRUE(absl::IsCancelled(arms.status())) << arms.status();
  EXPECT_EQ(ran, (std::vector<std::string>{"base", "base/seed1", "near/seed1", "far/seed1"}));
  ASSERT_EQ(run->plans().size(), 4u);
  EXPECT_EQ(run->plans()[1].part, "base/seed1");
  EXPECT_EQ(run->plans()[1].peak, 100);
  EXPECT_NE(::access((out_ + "/never").c_str(), F_OK), 0);
}

}  // namespace
}  // namespace roux::kit
