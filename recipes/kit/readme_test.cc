// The code that README.md shows is code of toy_recipe.cc and of examples/z_loss, and the headers it lists
// exist.
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/run/atomic_file.h"

namespace roux::kit {
namespace {

std::string text_of(const char* name) {
  return *read_file(*find_runfile(std::string("recipes/kit/") + name));
}

TEST(Readme, CodeIsThatOfTheRecipes) {
  const auto example = [](const char* name) {
    return *read_file(*find_runfile(std::string("examples/z_loss/") + name));
  };
  const std::string source = text_of("run/toy_recipe.cc") + example("main.cc"), build = example("BUILD");
  const std::vector<std::string> pieces = absl::StrSplit(text_of("README.md"), "```");
  int blocks = 0;
  for (size_t i = 1; i < pieces.size(); i += 2) {
    const bool code = absl::StartsWith(pieces[i], "cpp\n");
    const bool rules = absl::StartsWith(pieces[i], "starlark\n");
    if (!code && !rules) continue;
    ++blocks;
    const std::string shown = pieces[i].substr(pieces[i].find('\n') + 1);
    EXPECT_TRUE(absl::StrContains(code ? source : build, shown)) << shown;
  }
  EXPECT_GE(blocks, 7);
}

TEST(Readme, ListsEveryHeader) {
  const std::string readme = text_of("README.md");
  const auto folder = std::filesystem::canonical(*find_runfile("recipes/kit/README.md")).parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(folder / "run")) {
    if (entry.path().extension() != ".h") continue;
    const std::string name = entry.path().filename();
    EXPECT_TRUE(absl::StrContains(readme, "`" + name + "`")) << name;
  }
}

// needs.md: `| need | 2: slug slug | ... |`.
TEST(Readme, NeedsNameRecipesOfTheIndex) {
  const auto folder = std::filesystem::canonical(*find_runfile("recipes/kit/README.md")).parent_path();
  const std::string index = *read_file((folder.parent_path() / "papers.tsv").string());
  int rows = 0;
  const std::string needs = text_of("needs.md");
  for (const absl::string_view line : absl::StrSplit(needs, '\n')) {
    const std::vector<std::string> cells = absl::StrSplit(line, " | ");
    if (cells.size() != 3) continue;
    const std::vector<std::string> count = absl::StrSplit(cells[1], ": ");
    if (count.size() != 2) continue;
    ++rows;
    const std::vector<std::string> slugs = absl::StrSplit(count[1], ' ');
    EXPECT_EQ(std::to_string(slugs.size()), count[0]) << cells[0];
    for (const std::string& slug : slugs) EXPECT_TRUE(absl::StrContains(index, "\n" + slug + "\t")) << slug;
  }
  EXPECT_GE(rows, 50);
}

TEST(Readme, HeadersOfFoldersExist) {
  const auto folder = std::filesystem::canonical(*find_runfile("recipes/kit/README.md")).parent_path();
  const std::string pages = text_of("README.md") + text_of("needs.md");
  const std::vector<std::string> quoted = absl::StrSplit(pages, '`');
  for (const std::string& name : quoted) {
    if (!absl::EndsWith(name, ".h") || !absl::StrContains(name, "/") || absl::StrContains(name, " "))
      continue;
    EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
  }
}

}  // namespace
}  // namespace roux::kit
