#include "recipes/compare.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/run/atomic_file.h"
#include "tensor/fresh_directory.h"

namespace roux::kit {
namespace {

std::string make_run(const std::string& lr, const std::string& claims, const std::string& arm) {
  const std::string path = fresh_directory();
  EXPECT_TRUE(write_file_atomically(
                  path + "/config.json",
                  absl::StrCat("{\"recipe\":\"toy\",\"title\":\"T\",\"preset\":\"smoke\",\"seeds\":[1,2],",
                               "\"settings\":{\"steps\":20,\"lr\":", lr, "},\"date\":\"d", lr, "\"}"))
                  .ok());
  if (!claims.empty()) {
    EXPECT_TRUE(write_file_atomically(path + "/claims.json", claims).ok());
  }
  std::string metrics;
  for (const std::string& name : {arm, std::string("base")}) {
    for (const char* seed : {"/seed1", "/seed2"}) {
      absl::StrAppend(&metrics, "{\"part\":\"", name, seed, "\",\"step\":1,\"loss\":2}\n{\"part\":\"", name,
                      seed, "\",\"step\":2,\"loss\":1}\n");
    }
  }
  EXPECT_TRUE(write_file_atomically(path + "/metrics.jsonl", metrics).ok());
  return path;
}

std::string claim(const std::string& text, const std::string& measured, const std::string& verdict) {
  return absl::StrCat("{\"claim\":\"", text, "\",\"measured\":", measured,
                      ",\"interval\":[0.1,0.6],\"verdict\":\"", verdict, "\"}");
}

class CompareTest : public testing::Test {
 protected:
  const std::string a = make_run(
      "0.1", absl::StrCat("[", claim("low", "0.25", "holds"), ",", claim("old", "null", "not testable"), "]"),
      "adam");
  const std::string b = make_run(
      "0.3", absl::StrCat("[", claim("low", "0.5", "fails"), ",", claim("<new>", "1", "holds"), "]"), "sgd");
  const std::string cut = make_run("0.1", "", "adam");

  static std::vector<RunFolder> read(const std::vector<std::string>& paths) {
    std::vector<RunFolder> runs;
    for (const std::string& path : paths) runs.push_back(*read_run_folder(path));
    return runs;
  }
};

using Rows = std::vector<std::vector<std::string>>;

TEST_F(CompareTest, TablesHoldWhatDiffers) {
  const std::vector<Table> tables = comparison_tables(read({a, b}));
  ASSERT_EQ(tables.size(), 3u);
  EXPECT_EQ(tables[0].rows, (Rows{{"A", "toy", "smoke", "[1,2]", "d0.1", "ended", a},
                                  {"B", "toy", "smoke", "[1,2]", "d0.3", "ended", b}}));
  EXPECT_EQ(tables[1].columns, (std::vector<std::string>{"setting", "A", "B"}));
  EXPECT_EQ(tables[1].rows, (Rows{{"settings.lr", "0.1", "0.3"}}));
  EXPECT_EQ(tables[2].rows, (Rows{{"low", "A", "holds", "0.25", "[0.1, 0.6]", "-"},
                                  {"", "B", "fails", "0.5", "[0.1, 0.6]", "0.25"},
                                  {"old", "A", "not testable", "-", "[0.1, 0.6]", "-"},
                                  {"", "B", "-", "-", "", "-"},
                                  {"<new>", "A", "-", "-", "", "-"},
                                  {"", "B", "holds", "1", "[0.1, 0.6]", "-"}}));
}

TEST_F(CompareTest, EqualRunsAndRunsThatHaveNotEnded) {
  const std::vector<Table> tables = comparison_tables(read({a, a, cut}));
  EXPECT_EQ(tables[0].rows[2][5], "not ended");
  EXPECT_EQ(tables[1].rows, Rows{{"none"}});
  EXPECT_EQ(tables[2].rows[2], (std::vector<std::string>{"", "C", "-", "-", "", "-"}));
  EXPECT_EQ(comparison_tables(read({cut, cut}))[2].rows, Rows{{"none"}});
}

TEST_F(CompareTest, PageOverlaysTheCurvesThatAllHave) {
  const std::string page = comparison_html(read({a, b}));
  EXPECT_TRUE(absl::StrContains(page, "<figcaption>loss, base</figcaption>"));
  EXPECT_TRUE(absl::StrContains(page, "<figcaption>loss, arms that not all runs have</figcaption>"));
  EXPECT_TRUE(absl::StrContains(page, "A: adam</span>") && absl::StrContains(page, "B: sgd</span>"));
  EXPECT_EQ(std::vector<std::string>(absl::StrSplit(page, "<figure>")).size(), 3u);
  EXPECT_TRUE(absl::StrContains(page, "line: mean of 2 seeds"));
  EXPECT_FALSE(absl::StrContains(page, "<new>"));
  std::vector<RunFolder> runs = read({a, b});
  runs[1].metrics = "{\"step\":1,\"gap\":2}\n";
  EXPECT_TRUE(absl::StrContains(comparison_html(runs), "share no metric"));
}

TEST_F(CompareTest, FoldersWithoutARunAreErrors) {
  const auto error = [](const std::string& path) {
    return std::string(read_run_folder(path).status().message());
  };
  const std::string empty = fresh_directory();
  EXPECT_EQ(error(empty + "/no"), "no such folder: " + empty + "/no");
  EXPECT_EQ(error(empty), empty + " holds no run of a recipe (it has no config.json)");
  ASSERT_TRUE(write_file_atomically(b + "/claims.json", "{").ok());
  EXPECT_EQ(error(b), b + "/claims.json: not a list of claims");
  ASSERT_TRUE(write_file_atomically(a + "/config.json", "{}").ok());
  EXPECT_EQ(error(a), a + "/config.json: not the configuration of a run");
}

}  // namespace
}  // namespace roux::kit
