// The one table of papers (papers.tsv) and what is made from it: the listing of `bazel run //recipes:index`
// and recipes/README.md.
#ifndef ROUX_RECIPES_INDEX_H_
#define ROUX_RECIPES_INDEX_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace roux::kit {

struct Paper {
  std::string slug;  // folder and target: recipes/<slug>, //recipes/<slug>
  std::string title;
  std::string arxiv;  // identifier, may be empty
  bool available = false;
};

// Rows of papers.tsv, in its order. InvalidArgument, with path and line, for a row that is not four fields, a
// state that is neither planned nor available, a slug that is no folder name, or slugs that are not
// ascending.
absl::StatusOr<std::vector<Paper>> parse_papers(const std::string& text, const std::string& path);

// Slug, state and title of each paper, those that are available first; long titles are wrapped at 80 columns.
std::string index_listing(const std::vector<Paper>& papers);

// recipes/README.md. verdicts: of the stored result of each available recipe, "13 hold, 1 fails".
std::string index_readme(const std::vector<Paper>& papers,
                         const std::map<std::string, std::string>& verdicts);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_INDEX_H_
