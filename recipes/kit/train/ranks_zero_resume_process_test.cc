// Runs in parts (--zero): resumed, repeated, planned.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/train/ranks_process_test_util.h"
#include "tensor/fresh_directory.h"

namespace roux::kit {
namespace {

using testing::HasSubstr;
using testing::Not;

// Files that ranks wrote beside checkpoints that are too large for one.
int parts_in(const std::string& out) {
  int parts = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(out + "/checkpoints")) {
    parts += entry.path().extension() == ".part";
  }
  return parts;
}

// A small one stays one file, and without --zero a large one too.
TEST_F(RanksOfARecipe, OnlyLargeCheckpointsAreInParts) {
  for (const char* flags : {"--zero=1 --set=hidden=4 ", "--zero=0 --set=hidden=32 "}) {
    const std::string out = fresh_memory_directory();
    const RanksResult killed = run(2, absl::StrCat(flags, "--set=steps=6 --seeds=1 --out=", out),
                                   "ROUX_TEST_KILL_AT=14 ROUX_TEST_RANK=1");
    EXPECT_NE(killed.exit_code, 0);
    EXPECT_EQ(parts_in(out), 0) << flags;
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
    EXPECT_EQ(parts_in(out), 2 * c.ranks);  // of two checkpoints
    const RanksResult resumed = run(c.then, absl::StrCat("--resume=", out, " --zero=", c.then_zero));
    ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
    EXPECT_THAT(resumed.output, Not(HasSubstr("starts over")));
    expect_near(out, whole, 1e-10);
    EXPECT_EQ(parts_in(out), 0);
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

}  // namespace
}  // namespace roux::kit
