// bazel run //recipes:report -- [--check] [--all] [--bazel=PROGRAM] [SLUG ...]
// runs the default preset of recipes, stores what came out and writes the pages made from it (results.h).
//
// Without a slug: every available recipe that has no stored result or whose sources changed since. Its
// sources are the files below recipes/ that Bazel builds the program from: its own folder and the rooms of
// the kit that it uses, harness and embedded data among them, tests and READMEs not. tensor/, autograd/, nn/,
// optim/ and cuda/ do not count: their own tests hold them to the same numbers. --all runs all of them.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "recipes/index.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/interrupt.h"
#include "recipes/kit/run/machine.h"
#include "recipes/kit/run/progress.h"
#include "recipes/process.h"
#include "recipes/results.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

enum ExitCode { kDone = 0, kError = 1, kClaimFails = 3, kInterrupted = 130 };

constexpr char kUsage[] =
    "bazel run //recipes:report -- [--check] [--all] [--bazel=PROGRAM] [SLUG ...]\n"
    "Runs the default preset of the recipes named, one after the other, and writes "
    "recipes/results/<slug>.json,\n"
    "recipes/RESULTS.md, the index and the claims table of each README.\n"
    "Without a name: the recipes whose sources changed since their stored result.\n"
    "  --all    every available recipe\n"
    "  --check  runs and writes nothing; exit code 1 if a result is out of date or a page is not what they "
    "make\n"
    "  --bazel  what builds the recipes; default bazel\n";

struct Choices {
  std::vector<std::string> slugs;
  bool check = false;
  bool all = false;
  bool help = false;
  std::string bazel = "bazel";
  std::string workspace;
  std::string recipes() const { return workspace + "/recipes"; }
};

absl::StatusOr<Choices> parse(int argc, char** argv) {
  Choices choices;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--check") {
      choices.check = true;
    } else if (argument == "--all") {
      choices.all = true;
    } else if (argument == "--help") {
      choices.help = true;
    } else if (absl::StartsWith(argument, "--bazel=")) {
      choices.bazel = argument.substr(8);
    } else if (absl::StartsWith(argument, "-")) {
      return absl::InvalidArgumentError(absl::StrCat("unknown flag ", argument, "\n", kUsage));
    } else {
      choices.slugs.push_back(argument);
    }
  }
  const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (workspace == nullptr && !choices.help) {
    return absl::FailedPreconditionError("start it with bazel run //recipes:report");
  }
  choices.workspace = workspace == nullptr ? "" : workspace;
  return choices;
}

absl::StatusOr<std::vector<std::string>> available_recipes(const Choices& choices) {
  const std::string path = choices.recipes() + "/papers.tsv";
  ROUX_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  ROUX_ASSIGN_OR_RETURN(const std::vector<Paper> papers, parse_papers(text, path));
  std::vector<std::string> slugs;
  for (const Paper& paper : papers) {
    if (paper.available) slugs.push_back(paper.slug);
  }
  for (const std::string& slug : choices.slugs) {
    if (std::find(slugs.begin(), slugs.end(), slug) == slugs.end()) {
      return absl::NotFoundError(
          absl::StrCat("no available recipe is called ", slug, "; there are: ", absl::StrJoin(slugs, " ")));
    }
  }
  return slugs;
}

// Digest of the files below recipes/ that the recipe's program is built from.
absl::StatusOr<std::string> sources_of(const std::string& slug, const Choices& choices) {
  const std::string list = choices.workspace + "/outputs/.recipe_sources";
  ROUX_RETURN_IF_ERROR(make_directories(choices.workspace + "/outputs"));
  ROUX_ASSIGN_OR_RETURN(const Finished query,
                        run_program({choices.bazel, "query", "--noshow_progress", "--ui_event_filters=-info",
                                     absl::StrCat("kind(\"source file\", deps(//recipes/", slug, "))")},
                                    choices.workspace, list));
  if (query.code != 0) return absl::InternalError(absl::StrCat(choices.bazel, " query failed"));
  ROUX_ASSIGN_OR_RETURN(const std::string labels, read_file(list));
  std::map<std::string, std::string> files;
  for (absl::string_view label : absl::StrSplit(labels, '\n', absl::SkipEmpty())) {
    if (!absl::ConsumePrefix(&label, "//recipes/")) continue;
    const std::string path = absl::StrReplaceAll(label, {{":", "/"}});
    ROUX_ASSIGN_OR_RETURN(files[path], read_file(absl::StrCat(choices.recipes(), "/", path)));
  }
  std::remove(list.c_str());
  if (files.empty()) return absl::InternalError(absl::StrCat("//recipes/", slug, " has no sources"));
  return source_digest(files);
}

// Why a recipe is to be run; empty if its stored result is up to date.
std::string reason_to_run(const std::string& slug, const std::string& sources, const Choices& choices) {
  const std::string path = absl::StrCat(choices.recipes(), "/results/", slug, ".json");
  const absl::StatusOr<std::string> text = read_file(path);
  if (!text.ok()) return "it has no stored result";
  const absl::StatusOr<StoredResult> result = parse_result(*text, path);
  if (!result.ok()) return std::string(result.status().message());
  return result->sources == sources ? "" : "its sources changed since the stored result";
}

// A folder that no earlier run has.
std::string output_folder(const std::string& slug, const Choices& choices) {
  const std::string time = absl::StrReplaceAll(utc_date(), {{":", ""}, {"-", ""}});
  return absl::StrCat(choices.workspace, "/outputs/", slug, "/report-", time);
}

absl::Status run_and_store(const std::string& slug, const std::string& sources, const Choices& choices) {
  ROUX_ASSIGN_OR_RETURN(const Finished built,
                        run_program({choices.bazel, "build", "//recipes/" + slug}, choices.workspace));
  if (interrupt_requested()) return absl::CancelledError("interrupted");
  if (built.code != 0) return absl::InternalError("it does not build");
  const std::string out = output_folder(slug, choices);
  ROUX_ASSIGN_OR_RETURN(const Finished run,
                        run_program({absl::StrCat(choices.workspace, "/bazel-bin/recipes/", slug, "/", slug),
                                     "--preset=default", "--out=" + out},
                                    choices.workspace));
  if (interrupt_requested()) return absl::CancelledError("interrupted");
  if (run.code != kDone && run.code != kClaimFails) {
    return absl::InternalError(absl::StrCat("exit code ", run.code, "; its output folder is ", out));
  }
  ROUX_ASSIGN_OR_RETURN(const std::string config, read_file(out + "/config.json"));
  ROUX_ASSIGN_OR_RETURN(const std::string claims, read_file(out + "/claims.json"));
  ROUX_ASSIGN_OR_RETURN(
      const StoredResult result,
      result_of_run(config, claims, {run.seconds, run.cpu_seconds, run.peak_memory_mib}, sources, out));
  ROUX_RETURN_IF_ERROR(make_directories(choices.recipes() + "/results"));
  ROUX_RETURN_IF_ERROR(write_file_atomically(absl::StrCat(choices.recipes(), "/results/", slug, ".json"),
                                             result_json(result)));
  std::printf("\n%s: %s in %s\n", slug.c_str(), verdict_summary(result).c_str(),
              format_duration(run.seconds).c_str());
  return absl::OkStatus();
}

int check(const std::map<std::string, std::string>& stale, const Choices& choices) {
  const std::vector<std::string> pages = disagreements(choices.recipes());
  for (const auto& item : stale) std::printf("%s: %s\n", item.first.c_str(), item.second.c_str());
  for (const std::string& page : pages) std::printf("%s\n", page.c_str());
  if (stale.empty() && pages.empty()) std::printf("results, pages and sources agree\n");
  return stale.empty() && pages.empty() ? kDone : kError;
}

absl::StatusOr<int> report(const Choices& choices) {
  ROUX_ASSIGN_OR_RETURN(const std::vector<std::string> available, available_recipes(choices));
  std::map<std::string, std::string> sources, chosen;  // chosen: with the reason
  for (const std::string& slug : available) {
    const bool named = std::find(choices.slugs.begin(), choices.slugs.end(), slug) != choices.slugs.end();
    if (!choices.slugs.empty() && !named) continue;
    ROUX_ASSIGN_OR_RETURN(sources[slug], sources_of(slug, choices));
    std::string why = reason_to_run(slug, sources[slug], choices);
    if (why.empty() && (named || choices.all) && !choices.check) why = "it was asked for";
    if (!why.empty()) chosen[slug] = why;
  }
  if (choices.check) return check(chosen, choices);
  if (chosen.empty()) std::printf("no sources changed since the stored results\n");
  std::vector<std::string> failed;
  for (const auto& item : chosen) {
    if (interrupt_requested()) break;
    std::printf("\n== %s: %s ==\n", item.first.c_str(), item.second.c_str());
    std::fflush(stdout);
    const absl::Status status = run_and_store(item.first, sources[item.first], choices);
    if (!status.ok() && !absl::IsCancelled(status)) {
      failed.push_back(absl::StrCat(item.first, ": ", status.message()));
      std::fprintf(stderr, "error: %s\n", failed.back().c_str());
    }
  }
  const absl::Status pages = write_pages(choices.recipes());
  if (!pages.ok()) std::fprintf(stderr, "error: %s\n", std::string(pages.message()).c_str());
  if (interrupt_requested()) {
    std::fprintf(stderr, "interrupted; what had ended is stored\n");
    return kInterrupted;
  }
  if (!failed.empty()) {
    std::fprintf(stderr, "\n%zu of %zu recipes failed:\n", failed.size(), chosen.size());
    for (const std::string& line : failed) std::fprintf(stderr, "  %s\n", line.c_str());
  }
  return failed.empty() && pages.ok() ? kDone : kError;
}

}  // namespace
}  // namespace roux::kit

int main(int argc, char** argv) {
  roux::kit::install_interrupt_handlers();
  const auto fail = [](const absl::Status& status) {
    std::fprintf(stderr, "error: %s\n", std::string(status.message()).c_str());
    return static_cast<int>(roux::kit::kError);
  };
  const absl::StatusOr<roux::kit::Choices> choices = roux::kit::parse(argc, argv);
  if (!choices.ok()) return fail(choices.status());
  if (choices->help) {
    std::fputs(roux::kit::kUsage, stdout);
    return roux::kit::kDone;
  }
  const absl::StatusOr<int> code = roux::kit::report(*choices);
  return code.ok() ? *code : fail(code.status());
}
