// Optimizer state and parameters in parts (--zero): the numbers of one process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "recipes/kit/train/ranks_process_test_util.h"
#include "tensor/fresh_directory.h"

namespace roux::kit {
namespace {

using testing::HasSubstr;
using testing::Not;

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
    expect_near(out, whole, 1e-10);
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
      expect_near(out, alone, tolerance);
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
        expect_near(out, alone, 1e-10);
      }
    }
  }
}

}  // namespace
}  // namespace roux::kit
