// bazel run //recipes:compare -- DIR DIR [DIR ...] [--out=FILE]
// lays runs side by side: tables on stdout, and a page with the curves they share.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/compare.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/output_directory.h"
#include "tensor/error.h"

namespace {

constexpr char kUsage[] =
    "bazel run //recipes:compare -- DIR DIR [DIR ...] [--out=FILE]\n"
    "Lays the runs in these output folders side by side: settings that differ, claims, shared curves.\n"
    "FILE: the page that is written; default outputs/comparison.html\n";
constexpr size_t kMostRuns = 26;  // they are called A to Z

absl::Status compare(const std::vector<std::string>& folders, std::string out) {
  if (folders.size() < 2 || folders.size() > kMostRuns) {
    return absl::InvalidArgumentError(
        absl::StrCat("2 to 26 folders are compared, not ", folders.size(), "\n", kUsage));
  }
  std::vector<roux::kit::RunFolder> runs;
  for (const std::string& folder : folders) {
    ROUX_ASSIGN_OR_RETURN(roux::kit::RunFolder run, roux::kit::read_run_folder(roux::kit::user_path(folder)));
    runs.push_back(std::move(run));
  }
  for (const roux::kit::Table& table : roux::kit::comparison_tables(runs)) {
    std::printf("%s\n", roux::kit::text_table(table).c_str());
  }
  if (out.empty()) {
    const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
    const std::string folder = workspace == nullptr ? "outputs" : absl::StrCat(workspace, "/outputs");
    ROUX_RETURN_IF_ERROR(roux::kit::make_directories(folder));
    out = folder + "/comparison.html";
  } else {
    out = roux::kit::user_path(out);
  }
  ROUX_RETURN_IF_ERROR(roux::kit::write_file_atomically(out, roux::kit::comparison_html(runs)));
  std::printf("Page: %s\n", out.c_str());
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> folders;
  std::string out;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--help") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (absl::StartsWith(argument, "--out=") && argument.size() > 6) {
      out = argument.substr(6);
    } else if (absl::StartsWith(argument, "-")) {
      std::fprintf(stderr, "error: unknown flag %s\n%s", argument.c_str(), kUsage);
      return 1;
    } else {
      folders.push_back(argument);
    }
  }
  const absl::Status status = compare(folders, out);
  if (status.ok()) return 0;
  std::fprintf(stderr, "error: %s\n", std::string(status.message()).c_str());
  return 1;
}
