// A recipe on several ranks: the numbers of one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/train/ranks_process_test_util.h"
#include "tensor/fresh_directory.h"

namespace roux::kit {
namespace {

using testing::HasSubstr;
using testing::Not;

// Two ranks take one of the two micro-batches each, three and four rows of both.
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
      expect_near(out, alone, tolerance);
    }
  }
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

// What each rank needed is in the log of rank 0, and in its line of progress.
TEST_F(RanksOfARecipe, ShowTheirMemoryAndSpeed) {
  const std::string out = fresh_memory_directory();
  const RanksResult result = run(3, "--zero=1 --set=steps=4 --seeds=1 --out=" + out);
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("; ranks from "));
  const std::vector<std::string> lines =
      absl::StrSplit(*read_file(out + "/timings.jsonl"), '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 12u);
  for (const std::string& line : lines) {
    const nlohmann::json json = nlohmann::json::parse(line);
    ASSERT_EQ(json["rank_memory_mib"].size(), 3u) << line;
    ASSERT_EQ(json["rank_seconds"].size(), 3u) << line;
    for (const double seconds : json["rank_seconds"]) {
      EXPECT_GE(seconds, 0);
      EXPECT_LT(seconds, 60);
    }
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
    expect_near(out, whole, 1e-10);
  }
}

}  // namespace
}  // namespace roux::kit
