#include "recipes/index.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/run/text_table.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr char kHeader[] = "slug\ttitle\tarxiv\tstate";

constexpr char kIntroduction[] =
    R"md(<!-- Written by `bazel run //recipes:index -- --write` from papers.tsv and results/; a test compares. -->
# Recipes

One folder a paper, one target a folder: `bazel run //recipes/<slug>` verifies the method, runs it beside its baselines
on the same data and budget, judges each claim over seeds, and ends with the claims table and
`outputs/<slug>/<preset>-seed<N>/report.html`.

| preset | time | what for |
|---|---|---|
| `--preset=smoke` | seconds | the test: does every line run |
| `--preset=default` | about two minutes on two CPU cores, no network | a first look; what runs without flags |
| `--preset=long` | up to half an hour | the tables in the READMEs |
| `--preset=gpu` | about ten minutes on one large GPU | larger models, where a recipe has it; with `--config=cuda` and `--device=cuda` |

`--help` lists the flags, what each preset does and the settings that `--set name=value,...` changes. Exit codes: 0 done,
1 error, 3 an asserted claim fails, 130 interrupted with Ctrl-C (the command to go on is printed).

A verdict is `holds` when the whole 95 % interval over seeds lies on the claimed side, `fails` when it lies on the other,
`not separated` when it holds the boundary, `not testable` when a stated precondition was not met. What the last stored runs
measured, and on which machine: [RESULTS.md](RESULTS.md). How to write a recipe: [kit/README.md](kit/README.md).

`bazel run //recipes:compare -- DIR DIR` lays the output folders of two runs side by side. `bazel run //recipes:report` runs
the default preset of the recipes whose sources changed, stores what came out, and writes these tables.

)md";

bool plain_slug(const std::string& slug) {
  return !slug.empty() && absl::ascii_islower(static_cast<unsigned char>(slug[0])) &&
         std::all_of(slug.begin(), slug.end(), [](unsigned char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_';
         });
}

size_t count_available(const std::vector<Paper>& papers) {
  return static_cast<size_t>(
      std::count_if(papers.begin(), papers.end(), [](const Paper& paper) { return paper.available; }));
}

}  // namespace

absl::StatusOr<std::vector<Paper>> parse_papers(const std::string& text, const std::string& path) {
  std::vector<Paper> papers;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    const auto refuse = [&](const std::string& what) {
      return absl::InvalidArgumentError(absl::StrCat(path, ":", number, ": ", what));
    };
    if (number == 1) {
      if (line != kHeader) return refuse("the header must be slug, title, arxiv, state, with tabs between");
      continue;
    }
    if (line.empty()) continue;
    const std::vector<std::string> fields = absl::StrSplit(line, '\t');
    if (fields.size() != 4) return refuse(absl::StrCat(fields.size(), " fields, 4 are needed"));
    const bool available = fields[3] == "available";
    if (!available && fields[3] != "planned") {
      return refuse(absl::StrCat("state '", fields[3], "' is neither planned nor available"));
    }
    if (!plain_slug(fields[0])) return refuse(absl::StrCat("'", fields[0], "' is not a slug"));
    if (fields[1].empty()) return refuse("the title is empty");
    if (!papers.empty() && papers.back().slug >= fields[0]) {
      return refuse(absl::StrCat("'", fields[0], "' must come before '", papers.back().slug, "'"));
    }
    papers.push_back({fields[0], fields[1], fields[2], available});
  }
  return papers;
}

std::string index_listing(const std::vector<Paper>& all) {
  std::vector<Paper> papers = all;
  std::stable_partition(papers.begin(), papers.end(), [](const Paper& paper) { return paper.available; });
  std::string out = absl::StrCat(papers.size(), " papers, ", count_available(papers), " available\n");
  for (const Paper& paper : papers) {
    const std::string left =
        absl::StrFormat("%-30s  %-9s  ", paper.slug, paper.available ? "available" : "planned");
    std::string margin = left;
    for (const std::string& line : wrap_text(paper.title, kTextColumns - static_cast<int>(left.size()))) {
      absl::StrAppend(&out, margin, line, "\n");
      margin = std::string(left.size(), ' ');
    }
  }
  return out;
}

std::string index_readme(const std::vector<Paper>& papers,
                         const std::map<std::string, std::string>& verdicts) {
  std::string out = absl::StrCat(kIntroduction, papers.size(), " papers, ", count_available(papers),
                                 " available.\n\n| recipe | paper | arXiv | claims |\n|---|---|---|---|\n");
  for (const Paper& paper : papers) {
    const std::string slug =
        paper.available ? absl::StrCat("[", paper.slug, "](", paper.slug, "/)") : paper.slug;
    const auto verdict = verdicts.find(paper.slug);
    absl::StrAppend(&out, "| ", slug, " | ", absl::StrReplaceAll(paper.title, {{"|", "\\|"}}), " | ",
                    paper.arxiv, " | ",
                    verdict != verdicts.end() ? verdict->second
                    : paper.available         ? "available"
                                              : "planned",
                    " |\n");
  }
  return out;
}

}  // namespace roux::kit
