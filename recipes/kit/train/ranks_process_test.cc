// A recipe on several ranks: the numbers of one, and what a rank that fails does to the others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "recipes/kit/run/atomic_file.h"
#include "tensor/comm/ranks_test_util.h"
#include "tensor/fresh_directory.h"

namespace roux::kit {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kProgram[] = "recipes/kit/train/branch_recipe";

// `environment`: "NAME=value ..." before the program.
RanksResult run(int ranks, const std::string& flags, const std::string& environment = "") {
  const std::string command = absl::StrCat("env ", environment, " ", kProgram, " ", flags);
  if (ranks > 1) return run_ranks(ranks, command);
  return run_ranks(1, command);
}

// Every number of metrics.jsonl, by part, step and name.
std::map<std::string, double> metrics(const std::string& out) {
  std::map<std::string, double> values;
  for (const absl::string_view line :
       absl::StrSplit(*read_file(out + "/metrics.jsonl"), '\n', absl::SkipEmpty())) {
    const nlohmann::json json = nlohmann::json::parse(line);
    for (const auto& [name, value] : json.items()) {
      if (!value.is_number() || name == "step") continue;
      values[absl::StrCat(json["part"].get<std::string>(), " ", json["step"].get<int64_t>(), " ", name)] =
          value;
    }
  }
  return values;
}

void expect_near(const std::string& out, const std::string& other, double tolerance) {
  const std::map<std::string, double> a = metrics(out), b = metrics(other);
  EXPECT_GT(a.size(), 50u);
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, value] : a) {
    ASSERT_TRUE(b.count(name) > 0) << name;
    // The summed loss of a micro-batch is f32 whatever the model is.
    const double within = absl::EndsWith(name, " loss") ? std::max(tolerance, 1e-6) : tolerance;
    EXPECT_NEAR(value, b.at(name), within * std::max(1.0, std::abs(value))) << name;
  }
}

class RanksOfARecipe : public testing::Test {
 protected:
  void SetUp() override {
    if (!have_mpirun()) GTEST_SKIP() << "no mpirun: run bazel/setup";
  }
};

// Two ranks take one of the two micro-batches each. Three and four take rows of both, and the factor of a
// micro-batch's f32 loss is rounded for its number of targets; the last arm's rate makes differences grow.
TEST_F(RanksOfARecipe, GiveTheNumbersOfOne) {
  for (const auto& [precision, tolerance] : {std::pair{"--set=f64=true", 1e-10}, {"--set=f64=false", 1e-5}}) {
    const std::string flags = absl::StrCat(precision, " --set=dropout=0 --set=steps=6 --seeds=1 --out=");
    const std::string alone = fresh_memory_directory();
    const RanksResult one = run(1, flags + alone);
    ASSERT_EQ(one.exit_code, 0) << one.output;
    for (const int ranks : {2, 3, 4}) {
      const std::string out = fresh_memory_directory();
      const RanksResult result = run(ranks, flags + out);
      ASSERT_EQ(result.exit_code, 0) << result.output;
      expect_near(out, alone, ranks == 2 ? tolerance : std::max(tolerance, 1e-5));
    }
  }
}

// ZeRO stage 1: the same run in all but the order in which the norm is summed, and a checkpoint that knows no
// ranks: killed with divided state on three, it goes on with whole state on two, divided on two, and on one.
TEST_F(RanksOfARecipe, DividedOptimizerStateChangesNothing) {
  const std::string flags = "--set=f64=true --set=dropout=0 --set=steps=6 --seeds=1 ";
  const std::string whole = fresh_memory_directory(), divided = fresh_memory_directory();
  ASSERT_EQ(run(2, flags + "--out=" + whole).exit_code, 0);
  const RanksResult result = run(2, flags + "--zero=1 --out=" + divided);
  ASSERT_EQ(result.exit_code, 0) << result.output;
  expect_near(divided, whole, 1e-10);
  for (const auto& [ranks, zero] : {std::pair{2, ""}, {2, " --zero=1"}, {1, " --zero=1"}}) {
    const std::string out = fresh_memory_directory();
    const RanksResult killed =
        run(3, flags + "--zero=1 --out=" + out, "ROUX_TEST_KILL_AT=14 ROUX_TEST_RANK=2");
    EXPECT_NE(killed.exit_code, 0);
    const RanksResult resumed = run(ranks, absl::StrCat("--resume=", out, zero));
    ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
    EXPECT_THAT(resumed.output, Not(HasSubstr("starts over")));
    expect_near(out, whole, 1e-5);  // 3 ranks cut rows
  }
}

// ZeRO stage 3: blocks are gathered when they run. Rows of the last micro-batch do not suffice for four
// ranks, and the evaluations' batches for no number: ranks without rows pass too. Dropout is off, since each
// rank draws its own.
TEST_F(RanksOfARecipe, DividedParametersChangeNothing) {
  for (const auto& [precision, tolerance] : {std::pair{"--set=f64=true", 1e-10}, {"--set=f64=false", 1e-5}}) {
    const std::string flags =
        absl::StrCat(precision, " --set=dropout=0 --set=layers=3 --set=steps=6 --seeds=1 --out=");
    const std::string alone = fresh_memory_directory();
    const RanksResult one = run(1, flags + alone);
    ASSERT_EQ(one.exit_code, 0) << one.output;
    for (const int ranks : {1, 2, 4}) {
      const std::string out = fresh_memory_directory();
      const RanksResult result = run(ranks, absl::StrCat("--zero=3 ", flags, out));
      ASSERT_EQ(result.exit_code, 0) << result.output;
      expect_near(out, alone, ranks <= 2 ? tolerance : std::max(tolerance, 1e-5));
    }
  }
}

// Frozen parameters are gathered and get no gradient; packed rows, of which two ranks get unequal targets.
TEST_F(RanksOfARecipe, DividedParametersWithAdaptersAndPackedRows) {
  for (const char* setting : {"lora=true", "packed=true"}) {
    const std::string flags = absl::StrCat(
        "--set=f64=true --set=dropout=0 --set=layers=2 --set=steps=6 --seeds=1 --set=", setting, " --out=");
    const std::string alone = fresh_memory_directory();
    const RanksResult one = run(1, flags + alone);
    ASSERT_EQ(one.exit_code, 0) << one.output;
    for (const int ranks : {2, 4}) {
      for (const char* zero : {"--zero=0 ", "--zero=3 "}) {
        const std::string out = fresh_memory_directory();
        const RanksResult result = run(ranks, absl::StrCat(zero, flags, out));
        ASSERT_EQ(result.exit_code, 0) << result.output;
        expect_near(out, alone, ranks == 2 ? 1e-10 : 1e-5);
      }
    }
  }
}

// A checkpoint holds whole parameters, whoever had them: killed with divided ones, the run goes on with any
// number of ranks and stage, and the other way round.
TEST_F(RanksOfARecipe, DividedParametersAreResumedAsAny) {
  const std::string flags = "--set=f64=true --set=dropout=0 --set=layers=2 --set=steps=6 --seeds=1 ";
  const std::string whole = fresh_memory_directory();
  ASSERT_EQ(run(2, flags + "--out=" + whole).exit_code, 0);
  struct Case {
    int ranks, then;
    const char *zero, *then_zero;
  };
  for (const Case& c : {Case{2, 2, "3", "3"}, {3, 1, "3", "0"}, {2, 4, "1", "3"}}) {
    const std::string out = fresh_memory_directory();
    const RanksResult killed = run(c.ranks, absl::StrCat("--zero=", c.zero, " ", flags, "--out=", out),
                                   "ROUX_TEST_KILL_AT=14 ROUX_TEST_RANK=1");
    EXPECT_NE(killed.exit_code, 0);
    const RanksResult resumed = run(c.then, absl::StrCat("--resume=", out, " --zero=", c.then_zero));
    ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
    EXPECT_THAT(resumed.output, Not(HasSubstr("starts over")));
    expect_near(out, whole, 1e-5);
  }
}

TEST_F(RanksOfARecipe, DividedParametersRepeatTheirBytesWithDropout) {
  std::string first;
  for (int i = 0; i < 2; ++i) {
    const std::string out = fresh_memory_directory();
    const RanksResult result = run(3, "--zero=3 --set=layers=2 --set=steps=4 --seeds=1 --out=" + out);
    ASSERT_EQ(result.exit_code, 0) << result.output;
    const std::string text = *read_file(out + "/metrics.jsonl");
    if (i == 0) first = text;
    EXPECT_EQ(text, first);
  }
}

double planned_mib(int ranks, const std::string& flags) {
  const RanksResult result = run(ranks, "--plan " + flags);
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_EQ(absl::StrContains(result.output, absl::StrCat("rank 0 of ", ranks)), ranks > 1) << result.output;
  for (const absl::string_view line : absl::StrSplit(result.output, '\n')) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words.size() == 5 && words[0] == "base/seed1") return std::stod(words[2]);
  }
  ADD_FAILURE() << result.output;
  return 0;
}

TEST_F(RanksOfARecipe, ThePlanShowsWhatARankHolds) {
  const double alone = planned_mib(1, "--set=hidden=128"), shared = planned_mib(4, "--set=hidden=128"),
               divided = planned_mib(4, "--zero=1 --set=hidden=128");
  EXPECT_GT(alone, 2);
  EXPECT_EQ(shared, alone);
  // Parameters stay, two moments of the same size are divided by four.
  EXPECT_NEAR(divided, alone * (1 + 2.0 / 4) / 3, 0.011);
  const double deep = planned_mib(1, "--set=hidden=128,layers=8"),
               deep_divided = planned_mib(4, "--zero=3 --set=hidden=128,layers=8");
  // Embeddings and the last norm, 41 + 2 rows, stay whole; parameters of blocks are divided with their
  // moments.
  const double outside = (29 + 12 + 2) * 128 * 4 / 1048576.0;
  EXPECT_NEAR(deep_divided, outside * (1 + 2.0 / 4) + (deep - 3 * outside) / 4, 0.02);
}

TEST_F(RanksOfARecipe, RepeatTheirBytesWithDropoutAndLeaveNoFolder) {
  const std::string scratch = fresh_memory_directory();
  std::string first;
  for (int i = 0; i < 2; ++i) {
    const std::string out = fresh_memory_directory();
    const RanksResult result = run(2, "--seeds=1 --out=" + out, "TMPDIR=" + scratch);
    ASSERT_EQ(result.exit_code, 0) << result.output;
    const std::string text = *read_file(out + "/metrics.jsonl") + *read_file(out + "/claims.json");
    if (i == 0) first = text;
    EXPECT_EQ(text, first);
    size_t begins = 0;  // of reports: one rank speaks
    for (size_t at = 0; (at = result.output.find("Report: ", at)) != std::string::npos; ++at) ++begins;
    EXPECT_EQ(begins, 1u) << result.output;
  }
  for (const auto& entry : std::filesystem::directory_iterator(scratch)) {
    EXPECT_THAT(entry.path().string(), Not(HasSubstr("roux-rank")));
  }
}

// Killed on the rank that computes beside the one that writes; resumed on as many ranks: the same bytes. On
// another number: the same numbers.
TEST_F(RanksOfARecipe, KilledAndResumedOnAnyNumber) {
  const std::string flags = "--set=f64=true --set=dropout=0 --set=steps=6 --seeds=1 ";
  const std::string whole = fresh_memory_directory();
  ASSERT_EQ(run(2, flags + "--out=" + whole).exit_code, 0);
  for (const int then : {2, 1, 3}) {
    const std::string out = fresh_memory_directory();
    const RanksResult killed = run(2, flags + "--out=" + out, "ROUX_TEST_KILL_AT=14 ROUX_TEST_RANK=1");
    EXPECT_NE(killed.exit_code, 0);
    EXPECT_LT(killed.seconds, 10);
    const RanksResult resumed = run(then, "--resume=" + out);
    ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
    if (then == 2) {
      EXPECT_EQ(*read_file(out + "/metrics.jsonl"), *read_file(whole + "/metrics.jsonl"));
    }
    expect_near(out, whole, then == 3 ? 1e-5 : 1e-10);  // 3 ranks cut rows, see above
  }
}

TEST_F(RanksOfARecipe, OneThatThrowsEndsAllAndIsNamed) {
  for (const char* rank : {"0", "1"}) {
    const RanksResult result =
        run(2, "--out=" + fresh_memory_directory(),
            absl::StrCat("ROUX_TEST_KILL_AT=7 ROUX_TEST_HOW=throw ROUX_TEST_RANK=", rank));
    EXPECT_EQ(result.exit_code, 1) << result.output;
    EXPECT_LT(result.seconds, 10);
    EXPECT_THAT(result.output, HasSubstr(absl::StrCat("rank ", rank, " of 2: error: the test's error")));
  }
}

TEST_F(RanksOfARecipe, OneThatHangsIsNamed) {
  const RanksResult result =
      run(3, "--out=" + fresh_memory_directory(),
          "ROUX_COMM_TIMEOUT_S=1 ROUX_TEST_KILL_AT=7 ROUX_TEST_HOW=hang ROUX_TEST_RANK=2");
  EXPECT_EQ(result.exit_code, 1) << result.output;
  EXPECT_LT(result.seconds, 10);
  EXPECT_THAT(result.output, HasSubstr("after 1 s rank 2 did not come"));
}

TEST_F(RanksOfARecipe, OneThatExitsEndsAll) {
  const RanksResult result =
      run(2, "--out=" + fresh_memory_directory(), "ROUX_TEST_KILL_AT=7 ROUX_TEST_HOW=exit ROUX_TEST_RANK=1");
  EXPECT_NE(result.exit_code, 0) << result.output;
  EXPECT_LT(result.seconds, 10);
}

// A signal to one rank stops all between the same two steps; what was saved goes on.
TEST_F(RanksOfARecipe, InterruptedTogether) {
  const std::string whole = fresh_memory_directory(), out = fresh_memory_directory();
  ASSERT_EQ(run(2, "--seeds=1 --out=" + whole).exit_code, 0);
  const RanksResult stopped =
      run(2, "--seeds=1 --out=" + out, "ROUX_TEST_KILL_AT=20 ROUX_TEST_HOW=term ROUX_TEST_RANK=1");
  EXPECT_EQ(stopped.exit_code, 130) << stopped.output;
  EXPECT_THAT(stopped.output, HasSubstr("interrupted; to go on:"));
  const RanksResult resumed = run(2, "--resume=" + out);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
  EXPECT_EQ(*read_file(out + "/metrics.jsonl"), *read_file(whole + "/metrics.jsonl"));
}

TEST_F(RanksOfARecipe, DifferentSettingsAreFoundAtTheStart) {
  const std::string out = fresh_memory_directory();
  const RanksResult result = run_ranks(1, absl::StrCat(kProgram, " --set=steps=5 --out=", out, "/a : -n 1 ",
                                                       kProgram, " --set=steps=6 --out=", out, "/a"));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("steps"));
  EXPECT_FALSE(std::filesystem::exists(out + "/a"));
}

}  // namespace
}  // namespace roux::kit
