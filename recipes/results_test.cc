// Stored results and the pages made from them: what they hold, and that those of the source tree agree.
#include "recipes/results.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/run/atomic_file.h"

namespace roux::kit {
namespace {

constexpr char kConfig[] =
    R"({"recipe":"a","preset":"default","seeds":[1,2,3],"commit":"0123456789abcdef","date":"2026-01-02T03:04:05Z",)"
    R"("machine":{"cpu":"A CPU","cores":2,"memory_mib":7}})";
constexpr char kClaims[] =
    R"([{"claim":"x | y","paper":0.5,"measured":0.25,"interval":[0.1,0.375],"relation":"< 0.4","seeds":[1,2,3],)"
    R"("scale":"s","evidence":"small-scale","asserted":true,"verdict":"holds"},)"
    R"({"claim":"by items","paper":null,"measured":1,"interval":null,"relation":"> 2","seeds":[1],"unit":"question",)"
    R"("units":200,"scale":"s","evidence":"small-scale","asserted":false,"verdict":"fails"},)"
    R"({"claim":"untried","paper":null,"measured":null,"interval":null,"relation":"> 2","seeds":[],)"
    R"("scale":"s; not testable: no data","evidence":"exact","asserted":false,"verdict":"not testable"}])";

StoredResult result() { return *result_of_run(kConfig, kClaims, {95, 128.4, 210.6}, "0a0b0c0d", "out"); }

std::string readme(const std::string& table) {
  return absl::StrCat("# A\n\n<!-- Results: written by `bazel run //recipes:report`; a test compares. -->",
                      table, "<!-- End of results. -->\nAfter.\n");
}

// A recipes/ folder with one recipe, all pages as they are generated.
std::string made_up_tree() {
  std::string recipes = testing::TempDir() + "/roux-XXXXXX";
  EXPECT_NE(::mkdtemp(recipes.data()), nullptr);
  std::filesystem::create_directories(recipes + "/results");
  std::filesystem::create_directories(recipes + "/a");
  const std::string papers = "slug\ttitle\tarxiv\tstate\na\tA\t1\tavailable\nb\tB\t2\tplanned\n";
  EXPECT_TRUE(write_file_atomically(recipes + "/papers.tsv", papers).ok());
  EXPECT_TRUE(write_file_atomically(recipes + "/results/a.json", result_json(result())).ok());
  EXPECT_TRUE(write_file_atomically(recipes + "/a/README.md", readme("old")).ok());
  const absl::Status written = write_pages(recipes);
  EXPECT_TRUE(written.ok()) << written;
  return recipes;
}

TEST(Results, ReadBackToTheSameBytes) {
  const std::string text = result_json(result());
  const absl::StatusOr<StoredResult> again = parse_result(text, "p");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(result_json(*again), text);
  EXPECT_EQ(again->minutes, 1.6);
  EXPECT_EQ(again->cpu_seconds, 128);
  EXPECT_EQ(again->peak_memory_mib, 211);
  EXPECT_EQ(again->seeds, (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(verdict_summary(*again), "1 holds, 1 fails, 1 not testable");
  EXPECT_FALSE(absl::StrContains(text, "memory_mib\":7"));
}

TEST(Results, OtherFilesAreRefusedWithTheirPath) {
  EXPECT_EQ(parse_result("{}", "p").status().message(), "p: not a stored result");
  EXPECT_EQ(parse_result("", "p").status().message(), "p: not a stored result");
  EXPECT_EQ(result_of_run("{}", "[]", {}, "", "out").status().message(),
            "out/config.json: not the configuration of a run");
  EXPECT_EQ(result_of_run(kConfig, "{", {}, "", "out").status().message(),
            "out/claims.json: no list of claims");
  const std::string odd = absl::StrReplaceAll(kClaims, {{"\"fails\"", "\"maybe\""}});
  EXPECT_EQ(result_of_run(kConfig, odd, {}, "", "out").status().message(),
            "out/claims.json: 'by items' has the verdict 'maybe'");
}

TEST(Results, TableStandsBetweenTheMarkers) {
  const absl::StatusOr<std::string> page = with_results(readme("anything"), result(), "p");
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(
      *page,
      readme("\nPreset default, seeds 1 to 3, A CPU, 2 cores: 1.6 minutes, 128 CPU seconds, peak memory 211 "
             "MiB, "
             "2026-01-02, commit 012345678.\n\n"
             "| verdict | claim | paper | measured | 95 % interval | claimed |\n|---|---|---|---|---|---|\n"
             "| holds | x \\| y | 0.5 | 0.25 | [0.1, 0.375] | < 0.4 |\n"
             "| **fails** | by items (unit question, n = 200) |  | 1 |  | > 2 |\n"
             "| **not testable** | untried; not testable: no data |  |  |  | > 2 |\n"));
  EXPECT_EQ(*with_results(*page, result(), "p"), *page);
  for (const std::string& bad : {std::string("# A\n"), readme("") + readme("")}) {
    EXPECT_TRUE(absl::StrContains(with_results(bad, result(), "p").status().message(),
                                  "p: the claims table needs these two lines"));
  }
}

TEST(Results, SeedsThatAgreeShowNoIntervalOfWidthZero) {
  const std::string agree = absl::StrReplaceAll(
      kClaims,
      {{"[0.1,0.375]", "[0.25,0.25]"}, {"\"scale\":\"s\"", R"("unit":"seed","units":3,"scale":"s")"}});
  const StoredResult stored = *result_of_run(kConfig, agree, {}, "", "out");
  EXPECT_EQ(stored.claims[0].interval, "all 3 seeds agree");
  EXPECT_TRUE(
      absl::StrContains(*with_results(readme(""), stored, "p"), "| 0.25 | all 3 seeds agree | < 0.4 |"));
}

TEST(Results, PageListsWhatDoesNotHold) {
  const std::string page = results_markdown({result()});
  EXPECT_TRUE(absl::StrContains(
      page, "| [a](a/) | 1 | 1 | 0 | 1 | 3 | 1.6 | 128 | 211 | A CPU, 2 cores | 2026-01-02 |"))
      << page;
  EXPECT_TRUE(absl::StrContains(page, "| a | fails | by items (unit question, n = 200) | 1 |  | > 2 |"));
  EXPECT_FALSE(absl::StrContains(page, "x \\| y"));
  EXPECT_TRUE(absl::StrContains(results_markdown({}), "Every claim holds"));
}

TEST(Results, DigestSeesNamesAndBytes) {
  const std::string digest = source_digest({{"a", "xy"}, {"b", ""}});
  // printf 'a\n2\nxyb\n0\n' | sha256sum
  EXPECT_EQ(digest, "d460a48f37475c5df335af1393c643c1f8c4b17c73ae4bffdb60daf82d8602dd");
  EXPECT_EQ(digest, source_digest({{"b", ""}, {"a", "xy"}}));
  EXPECT_NE(digest, source_digest({{"a", "xz"}, {"b", ""}}));
  EXPECT_NE(digest, source_digest({{"a", "x"}, {"b", "y"}}));
  EXPECT_NE(digest, source_digest({{"a", "xy"}, {"c", ""}}));
  EXPECT_NE(digest, source_digest({{"a", "xy"}}));
}

// Whichever file is edited, the pages no longer agree.
TEST(Results, AnyEditIsSeen) {
  EXPECT_EQ(disagreements(made_up_tree()), std::vector<std::string>{});
  const struct {
    const char* file;
    const char* was;
    const char* is;
  } kEdits[] = {{"results/a.json", "\"minutes\":1.6", "\"minutes\":1.5"},
                {"results/a.json", "\"measured\":0.25", "\"measured\":0.26"},
                {"results/a.json", "\"verdict\":\"fails\"", "\"verdict\":\"holds\""},
                {"RESULTS.md", "1.6", "1.5"},
                {"README.md", "1 fails", "0 fails"},
                {"a/README.md", "| 0.25 |", "| 0.26 |"},
                {"a/README.md", "<!-- End of results. -->", ""},
                {"papers.tsv", "\tA\t", "\tOther\t"},
                {"papers.tsv", "available", "planned"}};
  for (const auto& edit : kEdits) {
    SCOPED_TRACE(absl::StrCat(edit.file, ": ", edit.was));
    const std::string recipes = made_up_tree();
    const std::string path = absl::StrCat(recipes, "/", edit.file);
    const std::string text = *read_file(path);
    ASSERT_TRUE(absl::StrContains(text, edit.was));
    ASSERT_TRUE(write_file_atomically(path, absl::StrReplaceAll(text, {{edit.was, edit.is}})).ok());
    EXPECT_FALSE(disagreements(recipes).empty());
  }
  const std::string recipes = made_up_tree();
  std::filesystem::remove(recipes + "/results/a.json");
  EXPECT_TRUE(absl::StrContains(disagreements(recipes).at(0), "is missing: bazel run //recipes:report -- a"));
}

// Runfiles are links into the source tree.
TEST(Results, PagesOfTheSourceTreeAgree) {
  const std::string recipes =
      std::filesystem::canonical(*find_runfile("recipes/papers.tsv")).parent_path().string();
  EXPECT_EQ(disagreements(recipes), std::vector<std::string>{});
}

}  // namespace
}  // namespace roux::kit
