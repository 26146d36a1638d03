#include "recipes/kit/data/runfiles.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace roux::kit {
namespace {

namespace fs = std::filesystem;

constexpr char kWorkspace[] =
    "roux";  // the name in WORKSPACE: the main repository's folder in a runfiles tree

void add_environment(const char* name, std::vector<std::string>& roots) {
  const char* value = std::getenv(name);
  if (value != nullptr && *value != '\0') roots.push_back(value);
}

bool is_file(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

}  // namespace

std::vector<std::string> runfile_roots() {
  std::vector<std::string> roots;
  add_environment("TEST_SRCDIR", roots);
  add_environment("RUNFILES_DIR", roots);
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    roots.push_back(executable.string() + ".runfiles");
    for (fs::path folder = executable.parent_path(); folder.has_relative_path();
         folder = folder.parent_path()) {
      if (folder.extension() == ".runfiles") roots.push_back(folder.string());
    }
  }
  return roots;
}

absl::StatusOr<std::string> find_runfile(const std::string& label_path) {
  std::string repository = kWorkspace;
  std::string path = label_path;
  if (label_path.rfind('@', 0) == 0) {
    const size_t slashes = label_path.find("//");
    if (slashes == std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("runfile '", label_path, "' has no '//' after its repository"));
    }
    repository = label_path.substr(1, slashes - 1);
    path = label_path.substr(slashes + 2);
  }
  std::vector<std::string> tried;
  for (const std::string& root : runfile_roots()) {
    tried.push_back(absl::StrCat(root, "/", repository, "/", path));
    if (is_file(tried.back())) return fs::absolute(tried.back()).string();
  }
  const char* source = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (repository == kWorkspace && source != nullptr) {
    tried.push_back(absl::StrCat(source, "/", path));
    if (is_file(tried.back())) return tried.back();
  }
  return absl::NotFoundError(absl::StrCat(
      "data file '", label_path, "' not found; start the program with `bazel run` or ",
      "`bazel test` and list the file in the target's data; tried: ", absl::StrJoin(tried, ", ")));
}

}  // namespace roux::kit
