#include "recipes/kit/run/output_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "recipes/kit/run/atomic_file.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr char kMarker[] = "config.json";  // written first; a folder with it was made by a recipe

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

bool is_empty(const std::string& directory) {
  std::error_code error;
  return std::filesystem::is_empty(directory, error) && !error;
}

absl::Status remove_directory(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  return error ? errno_status("cannot remove", path, error.value()) : absl::OkStatus();
}

// Whether the run there got as far as a checkpoint, a finished part or claims.
bool holds_work(const std::string& directory) {
  if (exists(absl::StrCat(directory, "/claims.json"))) return true;
  std::error_code error;
  std::filesystem::recursive_directory_iterator at(absl::StrCat(directory, "/checkpoints"), error), end;
  for (; !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".ckpt") return true;
  }
  return false;
}

absl::Status not_ours(const std::string& path) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, " is not empty and holds no run of a recipe; choose another --out"));
}

}  // namespace

std::string user_path(const std::string& path) {
  if (path.empty() || path[0] == '/') return path;
  const std::string directory = environment("BUILD_WORKING_DIRECTORY");
  return directory.empty() ? path : absl::StrCat(directory, "/", path);
}

std::string output_path(const RecipeInfo& info, const Options& options) {
  if (!options.out.empty()) {
    std::string path = user_path(options.out);
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
  }
  const std::string tail = absl::StrCat("outputs/", info.slug, "/", options.preset, "-seed", options.seed);
  for (const char* variable : {"BUILD_WORKSPACE_DIRECTORY", "TEST_UNDECLARED_OUTPUTS_DIR", "TEST_TMPDIR"}) {
    const std::string base = environment(variable);
    if (!base.empty()) return absl::StrCat(base, "/", tail);
  }
  return tail;
}

OutputDirectory::OutputDirectory(OutputDirectory&& other) noexcept
    : path_(std::move(other.path_)), note_(std::move(other.note_)), lock_(std::exchange(other.lock_, -1)) {}

OutputDirectory::~OutputDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

absl::Status OutputDirectory::lock() {
  lock_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0) return errno_status("cannot open directory", path_, errno);
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " is in use by another run; choose another --out"));
  }
  return absl::OkStatus();  // file systems without locks: two runs at a time are then the user's to avoid
}

absl::Status OutputDirectory::move_aside() {
  if (!exists(absl::StrCat(path_, "/", kMarker))) return not_ours(path_);
  ROUX_RETURN_IF_ERROR(lock());
  const std::string previous = path_ + ".previous";
  if (!holds_work(path_)) {  // a run that failed at once must not push out an earlier one
    ROUX_RETURN_IF_ERROR(remove_directory(path_));
    ::close(std::exchange(lock_, -1));
    return absl::OkStatus();
  }
  if (exists(previous)) {
    if (!exists(absl::StrCat(previous, "/", kMarker))) return not_ours(previous);
    ROUX_RETURN_IF_ERROR(remove_directory(previous));
  }
  if (::rename(path_.c_str(), previous.c_str()) != 0) return errno_status("cannot move aside", path_, errno);
  ::close(std::exchange(lock_, -1));
  note_ = absl::StrCat("the earlier run there was moved to ", previous);
  return absl::OkStatus();
}

absl::StatusOr<OutputDirectory> OutputDirectory::open(const std::string& path, bool resume) {
  OutputDirectory directory(path);
  if (resume) {
    if (!exists(absl::StrCat(path, "/", kMarker))) {
      return absl::NotFoundError(absl::StrCat("nothing to resume: ", path, " holds no run"));
    }
  } else {
    if (exists(path) && !is_empty(path)) ROUX_RETURN_IF_ERROR(directory.move_aside());
    ROUX_RETURN_IF_ERROR(make_directories(path));
  }
  ROUX_RETURN_IF_ERROR(directory.lock());
  ROUX_RETURN_IF_ERROR(probe_writable(path));
  return directory;
}

}  // namespace roux::kit
