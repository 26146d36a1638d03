// bazel run //recipes:index              lists the papers
// bazel run //recipes:index -- --write   writes the pages of the workspace made from papers.tsv and results/
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "recipes/index.h"
#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/results.h"
#include "tensor/error.h"

namespace {

absl::Status list_or_write(bool write) {
  if (write) {
    const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
    if (workspace == nullptr) return absl::FailedPreconditionError("--write works under bazel run only");
    return roux::kit::write_pages(std::string(workspace) + "/recipes");
  }
  ROUX_ASSIGN_OR_RETURN(const std::string path, roux::kit::find_runfile("recipes/papers.tsv"));
  ROUX_ASSIGN_OR_RETURN(const std::string text, roux::kit::read_file(path));
  ROUX_ASSIGN_OR_RETURN(const std::vector<roux::kit::Paper> papers, roux::kit::parse_papers(text, path));
  std::fputs(roux::kit::index_listing(papers).c_str(), stdout);
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  const bool write = argc == 2 && std::string(argv[1]) == "--write";
  if (argc > 1 && !write) {
    std::fprintf(stderr, "error: unknown argument %s; only --write is known\n", argv[1]);
    return 1;
  }
  const absl::Status status = list_or_write(write);
  if (status.ok()) return 0;
  std::fprintf(stderr, "error: %s\n", std::string(status.message()).c_str());
  return 1;
}
