// What a rank that fails, hangs or differs does to the others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/train/ranks_process_test_util.h"
#include "tensor/fresh_directory.h"

namespace roux::kit {
namespace {

using testing::HasSubstr;
using testing::Not;

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

TEST_F(RanksOfARecipe, OneWhoseLossIsNanIsNamed) {
  const RanksResult result =
      run(3, "--out=" + fresh_memory_directory(), "ROUX_TEST_KILL_AT=7 ROUX_TEST_HOW=nan ROUX_TEST_RANK=2");
  EXPECT_EQ(result.exit_code, 1) << result.output;
  EXPECT_LT(result.seconds, 10);
  EXPECT_THAT(result.output, HasSubstr("step 7: the loss is nan, first made by log"));
  EXPECT_THAT(result.output, HasSubstr("on rank 2; last good checkpoint: "));
}

// Each rank writes its part of a checkpoint; where one cannot, the last one is whole.
TEST_F(RanksOfARecipe, OneWhoseDiskIsFullIsNamed) {
  const std::string flags = "--set=f64=true,hidden=32,layers=3,dropout=0,steps=6 --seeds=1 --out=";
  const std::string whole = fresh_memory_directory();
  ASSERT_EQ(run(2, flags + whole).exit_code, 0);
  for (const char* rank : {"0", "1"}) {
    const std::string out = fresh_memory_directory();
    const RanksResult full =
        run(2, absl::StrCat("--zero=1 ", flags, out),
            absl::StrCat("ROUX_TEST_KILL_AT=4 ROUX_TEST_HOW=full ROUX_TEST_RANK=", rank));
    EXPECT_EQ(full.exit_code, 1) << full.output;
    EXPECT_LT(full.seconds, 10);
    EXPECT_THAT(full.output, HasSubstr(absl::StrCat("no checkpoint: rank ", rank, ": cannot write ")));
    EXPECT_THAT(full.output, HasSubstr("File too large"));
    const RanksResult resumed = run(3, "--zero=1 --resume=" + out);
    ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
    EXPECT_THAT(resumed.output, Not(HasSubstr("starts over")));
    expect_near(out, whole, 1e-10);
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
  EXPECT_THAT(result.output,
              HasSubstr("the command differs between the ranks: rank 0 has steps=5, rank 1 has steps=6"));
  EXPECT_FALSE(std::filesystem::exists(out + "/a"));
}

// Rank 0 runs `first`, rank 1 `second`; what they say.
std::string of_two(const std::string& first, const std::string& second) {
  const std::string out = fresh_memory_directory() + "/a";
  const RanksResult result =
      run_ranks(1, absl::StrCat(first, " --out=", out, " : -n 1 ", second, " --out=", out));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_LT(result.seconds, 10);
  EXPECT_FALSE(std::filesystem::exists(out + "/checkpoints"));
  return result.output;
}

TEST_F(RanksOfARecipe, DifferentSeedsAndDataAreFoundAtTheStart) {
  const std::string program = kProgram;
  EXPECT_THAT(of_two(program + " --seeds=2", program + " --seeds=3"), HasSubstr("seeds"));
  EXPECT_THAT(of_two(program + " --seed=4", program + " --seed=5"), HasSubstr("seeds"));
  EXPECT_THAT(of_two("env ROUX_TEST_TOKEN=1 " + program, "env ROUX_TEST_TOKEN=2 " + program),
              HasSubstr("the first batch differs between the ranks"));
}

// A copy of the program whose bytes differ, or of one of its libraries.
TEST_F(RanksOfARecipe, DifferentBinariesAreFoundAtTheStart) {
  namespace fs = std::filesystem;
  const std::string root = fresh_memory_directory(), copy = absl::StrCat(root, "/", kProgram);
  fs::create_directories(fs::path(copy).parent_path());
  fs::create_directories(root + "/_solib_k8");
  for (const auto& library : fs::directory_iterator("_solib_k8")) {
    fs::create_symlink(fs::canonical(library.path()),
                       root + "/_solib_k8/" + library.path().filename().string());
  }
  const std::string bytes = *read_file(kProgram);
  const auto put = [](const std::string& path, const std::string& text) {
    fs::remove(path);
    ASSERT_TRUE(write_file_atomically(path, text).ok());
    fs::permissions(path, fs::perms::owner_all);
  };
  put(copy, bytes + "x");
  EXPECT_THAT(of_two(kProgram, copy), HasSubstr("the program differs between the ranks: rank 0 has "));
  put(copy, bytes);
  const std::string library = root + "/_solib_k8/librecipes_Skit_Strain_Slibupdate.so";
  std::string other = *read_file(library);
  const size_t id = other.find(std::string("\x14\0\0\0\3\0\0\0GNU\0", 12));
  ASSERT_NE(id, std::string::npos);
  other[id + 12] = static_cast<char>(other[id + 12] ^ 1);
  put(library, other);
  EXPECT_THAT(of_two(kProgram, copy), HasSubstr("the program differs between the ranks: rank 0 has "));
}

}  // namespace
}  // namespace roux::kit
