// The folder of a run, and config.json in it.
#include "recipes/kit/run/output_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/config_file.h"
#include "tensor/fresh_directory.h"

namespace roux::kit {
namespace {

void put(const std::string& path, const std::string& text) {
  EXPECT_TRUE(write_file_atomically(path, text).ok()) << path;
}

// A run that ends at once, with or without claims; where it was written.
std::string run_once(const std::string& out, const std::string& name, bool finished = true) {
  const absl::StatusOr<OutputDirectory> directory = OutputDirectory::open(out, false);
  EXPECT_TRUE(directory.ok()) << directory.status();
  if (!directory.ok()) return "";
  put(directory->path() + "/config.json", name);
  if (finished) put(directory->path() + "/claims.json", "[]");
  const bool numbered = absl::StrContains(directory->path().substr(directory->path().rfind('/')), "-");
  EXPECT_EQ(directory->note().empty(), !numbered);
  return directory->path();
}

TEST(OutputDirectoryTest, RunsAreNumberedAndNoneIsTouched) {
  const std::string out = fresh_directory() + "/run";
  EXPECT_EQ(run_once(out, "1"), out);
  EXPECT_EQ(run_once(out, "2"), out + "-2");
  EXPECT_EQ(run_once(out, "3"), out + "-3");
  EXPECT_EQ(*read_file(out + "/config.json"), "1");
  EXPECT_EQ(*read_file(out + "-2/config.json"), "2");
  EXPECT_EQ(newest_run(out), out + "-3");
  // A gap is not filled: the newest has the highest number.
  ASSERT_EQ(std::system(("rm -r " + out + "-2").c_str()), 0);
  EXPECT_EQ(run_once(out, "4"), out + "-4");
  EXPECT_EQ(newest_run(out), out + "-4");
}

TEST(OutputDirectoryTest, UnfinishedWorkIsKeptToo) {
  const std::string out = fresh_directory() + "/run";
  run_once(out, "cut", false);
  ASSERT_TRUE(make_directories(out + "/checkpoints/a").ok());
  put(out + "/checkpoints/a/step-000000000001.ckpt", "x");
  EXPECT_EQ(run_once(out, "next"), out + "-2");
  EXPECT_EQ(*read_file(out + "/config.json"), "cut");
}

// Mistyped commands leave no row of folders, and cost no earlier run.
TEST(OutputDirectoryTest, FailedStartsAreOverwritten) {
  const std::string out = fresh_directory() + "/run";
  run_once(out, "finished");
  for (int attempt = 0; attempt < 3; ++attempt) {
    EXPECT_EQ(run_once(out, "failed", false), out + "-2");
    ASSERT_TRUE(make_directories(out + "-2/checkpoints/a").ok());
    put(out + "-2/metrics.jsonl", "{}\n");
  }
  EXPECT_EQ(*read_file(out + "/config.json"), "finished");
  const absl::StatusOr<OutputDirectory> next = OutputDirectory::open(out, false);
  EXPECT_EQ(next->path(), out + "-2");
  EXPECT_NE(::access((out + "-2/metrics.jsonl").c_str(), F_OK), 0);  // nothing of the failed one is left
}

TEST(OutputDirectoryTest, NeverTouchesWhatItDidNotMake) {
  const std::string out = fresh_directory();
  put(out + "/thesis.tex", "years");
  EXPECT_TRUE(absl::StrContains(OutputDirectory::open(out, false).status().message(),
                                "is not empty and holds no run"));
  // Not even beside the files of a failed start.
  put(out + "/config.json", "{}");
  EXPECT_EQ(OutputDirectory::open(out, false)->path(), out + "-2");
  EXPECT_EQ(*read_file(out + "/thesis.tex"), "years");
}

TEST(OutputDirectoryTest, RunsAtTheSameTimeGetFoldersOfTheirOwn) {
  const std::string out = fresh_directory() + "/run";
  const absl::StatusOr<OutputDirectory> first = OutputDirectory::open(out, false);
  ASSERT_TRUE(first.ok());
  const absl::StatusOr<OutputDirectory> second =
      OutputDirectory::open(out, false);  // before anything is written
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->path(), out + "-2");
  put(out + "/config.json", "{}");
  EXPECT_TRUE(
      absl::StrContains(OutputDirectory::open(out, true).status().message(), "in use by another run"));
}

TEST(OutputDirectoryTest, ALinkStandsForItsTarget) {
  const std::string small = fresh_directory(), large = fresh_directory();
  const std::string link = small + "/run";
  ASSERT_EQ(::symlink((large + "/here").c_str(), link.c_str()), 0);  // the target does not exist yet
  EXPECT_EQ(run_once(link, "1"), large + "/here");
  EXPECT_EQ(run_once(link, "2"), large + "/here-2");
  EXPECT_EQ(newest_run(link), large + "/here-2");
  struct stat info;
  ASSERT_EQ(::lstat(link.c_str(), &info), 0);
  EXPECT_TRUE(S_ISLNK(info.st_mode));
  EXPECT_NE(::access((small + "/run-2").c_str(), F_OK), 0);
  EXPECT_EQ(*read_file(link + "/config.json"), "1");
}

TEST(OutputDirectoryTest, ResumesOnlyWhatIsThere) {
  const std::string out = fresh_directory() + "/run";
  EXPECT_EQ(newest_run(out), out);
  EXPECT_TRUE(absl::StrContains(OutputDirectory::open(out, true).status().message(), "nothing to resume"));
  run_once(out, "1");
  EXPECT_EQ(OutputDirectory::open(out, true)->path(), out);
}

TEST(OutputDirectoryTest, UnwritableIsSaidBeforeAnyWork) {
  const absl::Status status = OutputDirectory::open("/proc/roux", false).status();
  EXPECT_TRUE(absl::StrContains(status.message(), "/proc/roux")) << status;
}

TEST(OutputPath, DefaultsAndPlaces) {
  const RecipeInfo info{"toy", "", "", "", ""};
  Options options;
  options.preset = "long", options.seed = 4;
  ::setenv("BUILD_WORKSPACE_DIRECTORY", "/w", 1);
  ::setenv("BUILD_WORKING_DIRECTORY", "/w/sub", 1);
  EXPECT_EQ(output_path(info, options), "/w/outputs/toy/long-seed4");
  options.data = "/texts/War and Peace, vol. 1.txt.gz";
  EXPECT_EQ(output_path(info, options), "/w/outputs/toy/long-seed4-War-and-Peace--vol.-1");
  options.data = "/texts/1984.txt";  // no number of a run
  EXPECT_EQ(output_path(info, options), "/w/outputs/toy/long-seed4-data1984");
  options.model = "/models/smollm2/";
  EXPECT_EQ(output_path(info, options), "/w/outputs/toy/long-seed4-smollm2-data1984");
  options.data = options.model = "", options.table = "wages.csv";
  EXPECT_EQ(output_path(info, options), "/w/outputs/toy/table-wages");
  options.out = "mine/";
  EXPECT_EQ(output_path(info, options), "/w/sub/mine");
  ::unsetenv("BUILD_WORKSPACE_DIRECTORY");
  ::unsetenv("BUILD_WORKING_DIRECTORY");
  char* here = ::get_current_dir_name();
  EXPECT_EQ(output_path(info, options), absl::StrCat(here, "/mine"));
  std::free(here);
}

Options all_options() {
  Options options;
  options.preset = "long", options.seed = 4, options.device = "emulated", options.threads = 3;
  options.data = "/a/text.txt";
  options.changes = {{"steps", "5"}, {"sizes", "1,2"}};
  return options;
}

std::string config_of(const Options& options, const std::string& data_hash) {
  RunInputs inputs;
  inputs.data.sha256 = data_hash;
  return config_text({"toy", "A Toy", "", "", ""}, options, {4, 5}, 3, R"({"steps":5,"sizes":[1,2]})",
                     inputs);
}

TEST(ConfigFile, SaysWhatTheRunIs) {
  const auto config = nlohmann::json::parse(config_of(all_options(), "ab12"));
  EXPECT_EQ(config["recipe"], "toy");
  EXPECT_EQ(config["seeds"], (std::vector<int>{4, 5}));
  EXPECT_EQ(config["threads"], 3);
  EXPECT_EQ(config["device"], "emulated");
  EXPECT_EQ(config["data"], "/a/text.txt");
  EXPECT_EQ(config["data_sha256"], "ab12");
  EXPECT_EQ(config["changed"]["sizes"], "1,2");
  EXPECT_TRUE(config.contains("commit") && config.contains("uncommitted_changes"));
}

TEST(ConfigFile, ResumeTakesOverWhatIsNotSaid) {
  const std::string text = config_of(all_options(), "ab12");
  Options options;
  ASSERT_TRUE(adopt_choices(text, "c", options).ok());
  EXPECT_EQ(options.preset, "long");
  EXPECT_EQ(options.seed, 4u);
  EXPECT_EQ(options.seeds, 2);
  EXPECT_EQ(options.device, "emulated");
  EXPECT_EQ(options.data, "/a/text.txt");
  ASSERT_EQ(options.changes.size(), 2u);
  EXPECT_EQ(options.changes[1].text, "1,2");
  EXPECT_TRUE(check_same_run(text, config_of(options, "ab12"), "c").ok());
  Options other;
  other.seed = 9, other.seed_given = true, other.changes = {{"steps", "6"}};
  ASSERT_TRUE(adopt_choices(text, "c", other).ok());
  EXPECT_EQ(other.seed, 9u);
  EXPECT_EQ(other.changes[0].text, "6");
  EXPECT_EQ(adopt_choices("[]", "c", other).message(), "c: not the configuration of a run");
}

TEST(ConfigFile, ContentsOfTheDataDecideNotTheirPath) {
  const std::string text = config_of(all_options(), "ab12");
  Options moved = all_options();
  moved.data = "/b/text.txt";
  EXPECT_TRUE(check_same_run(text, config_of(moved, "ab12"), "c").ok());
  EXPECT_EQ(check_same_run(text, config_of(all_options(), "cd34"), "c").message(),
            "cannot resume c: it was run with data_sha256=\"ab12\", now data_sha256=\"cd34\"");
  Options threads = all_options();
  threads.device = "cpu";
  EXPECT_FALSE(check_same_run(text, config_of(threads, "ab12"), "c").ok());
}

TEST(ConfigFile, SessionsAddUp) {
  const std::string text = config_of(all_options(), "ab12");
  const Session saved{4, 6, 90, false};
  const absl::StatusOr<std::string> first = with_session(text, saved, std::nullopt, "c");
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(nlohmann::json::parse(*first)["sessions"], 1);
  EXPECT_EQ(nlohmann::json::parse(*first)["seconds"], 4);
  const absl::StatusOr<std::string> cut = with_session(*first, {10, 15, 100, false}, saved, "c");
  ASSERT_TRUE(cut.ok());
  EXPECT_EQ(nlohmann::json::parse(*cut)["sessions"], 1);
  EXPECT_TRUE(nlohmann::json::parse(*cut)["finished"].is_null());
  const auto config = nlohmann::json::parse(*with_session(*cut, {2.5, 5, 80, true}, std::nullopt, "c"));
  EXPECT_EQ(config["sessions"], 2);
  EXPECT_EQ(config["seconds"], 12.5);
  EXPECT_EQ(config["cpu_seconds"], 20);
  EXPECT_EQ(config["peak_memory_mib"], 100);
  EXPECT_TRUE(absl::StartsWith(config["finished"].get<std::string>(), "20"));
  EXPECT_EQ(config["settings"]["sizes"], (std::vector<int>{1, 2}));
  EXPECT_TRUE(check_same_run(config.dump(), text, "c").ok());  // times are no difference
}

}  // namespace
}  // namespace roux::kit
