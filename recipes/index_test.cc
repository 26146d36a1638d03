// Keeps papers.tsv and the folders below recipes/ in step. The pages made from it: results_test.cc.
#include "recipes/index.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/text/printable.h"

namespace roux::kit {
namespace {

constexpr char kHeader[] = "slug\ttitle\tarxiv\tstate\n";
constexpr size_t kPapers = 72;

// Folder recipes/ of the source tree: runfiles are links into it.
std::filesystem::path source_folder() {
  return std::filesystem::canonical(*find_runfile("recipes/papers.tsv")).parent_path();
}

std::vector<Paper> papers() {
  return *parse_papers(*read_file(*find_runfile("recipes/papers.tsv")), "papers.tsv");
}

std::string error(const std::string& rows) {
  return std::string(parse_papers(kHeader + rows, "p").status().message());
}

TEST(Papers, TableIsWhole) {
  const auto parsed = parse_papers(*read_file(*find_runfile("recipes/papers.tsv")), "papers.tsv");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->size(), kPapers);
  for (const Paper& paper : *parsed) {
    EXPECT_TRUE(paper.arxiv.size() == 10 && paper.arxiv[4] == '.') << paper.slug << " " << paper.arxiv;
  }
}

TEST(Papers, BadRowsAreNamed) {
  EXPECT_EQ(error("a\tA\t\tplanned\n").size(), 0u);
  EXPECT_EQ(error("a\tA\tplanned\n"), "p:2: 3 fields, 4 are needed");
  EXPECT_EQ(error("a\tA\t\tdone\n"), "p:2: state 'done' is neither planned nor available");
  EXPECT_EQ(error("b\tB\t\tplanned\na\tA\t\tplanned\n"), "p:3: 'a' must come before 'b'");
  EXPECT_EQ(error("a\tA\t\tplanned\na\tA\t\tplanned\n"), "p:3: 'a' must come before 'a'");
  EXPECT_EQ(error("A-b\tA\t\tplanned\n"), "p:2: 'A-b' is not a slug");
  EXPECT_EQ(error("a\t\t\tplanned\n"), "p:2: the title is empty");
  EXPECT_FALSE(parse_papers("slug\n", "p").ok());
}

TEST(Papers, AvailableOnesAreTheFoldersWithBuild) {
  std::set<std::string> folders;
  for (const auto& entry : std::filesystem::directory_iterator(source_folder())) {
    const std::string name = entry.path().filename();
    if (name == "kit" || name == "data") continue;
    if (std::filesystem::exists(entry.path() / "BUILD")) folders.insert(name);
  }
  std::set<std::string> available;
  for (const Paper& paper : papers()) {
    if (paper.available) available.insert(paper.slug);
  }
  EXPECT_EQ(folders, available)
      << "set the state of recipes/papers.tsv, then bazel run //recipes:index -- --write";
}

TEST(Papers, AvailableOnesHaveReferenceValues) {
  const std::filesystem::path golden = source_folder().parent_path() / "tests/golden/recipes";
  for (const Paper& paper : papers()) {
    if (!paper.available) continue;
    for (const char* ending : {".py", ".json"})
      EXPECT_TRUE(std::filesystem::exists(golden / (paper.slug + ending)))
          << "tests/golden/recipes/" << paper.slug << ending << " is missing; see recipes/kit/README.md";
  }
}

TEST(Index, HasTheVerdictsOfAvailableOnes) {
  const std::string readme = index_readme(
      {{"a", "A | B", "1", true}, {"b", "B", "2", true}, {"c", "C", "3", false}}, {{"a", "2 hold"}});
  EXPECT_TRUE(absl::EndsWith(readme,
                             "| [a](a/) | A \\| B | 1 | 2 hold |\n"
                             "| [b](b/) | B | 2 | available |\n"
                             "| c | C | 3 | planned |\n"))
      << readme.substr(readme.size() - 200);
}

TEST(Listing, HasTheAvailableOnesFirstAndFitsEightyColumns) {
  EXPECT_EQ(index_listing({{"a", "An A", "", false}, {"b_c", "A B", "", true}, {"d", "A D", "", true}}),
            "3 papers, 2 available\n"
            "b_c                             available  A B\n"
            "d                               available  A D\n"
            "a                               planned    An A\n");
  const std::string listing = index_listing(papers());
  for (const absl::string_view line : absl::StrSplit(listing, '\n')) EXPECT_LE(utf8_width(line), 80u) << line;
}

}  // namespace
}  // namespace roux::kit
