#include "recipes/kit/run/output_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "recipes/kit/run/atomic_file.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

namespace fs = std::filesystem;

constexpr char kMarker[] = "config.json";  // written first; a folder with it was made by a recipe
constexpr int kMostNumbers = 1000000;
constexpr size_t kLongestLabel = 40;

// What a run may have written before its first checkpoint.
constexpr const char* kOwnEntries[] = {kMarker,       "metrics.jsonl", "timings.jsonl", "predictions.jsonl",
                                       "report.html", "checkpoints",   "tensorboard",   ".probe"};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

bool is_empty(const std::string& directory) {
  std::error_code error;
  return fs::is_empty(directory, error) && !error;
}

// Whether everything in `directory` comes from a run that stopped before it did any work.
bool holds_a_failed_start(const std::string& directory) {
  if (!exists(absl::StrCat(directory, "/", kMarker)) || holds_work(directory)) return false;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    const bool own = absl::EndsWith(name, ".partial") ||
                     std::find(std::begin(kOwnEntries), std::end(kOwnEntries), name) != std::end(kOwnEntries);
    if (!own) return false;
  }
  return !error;
}

absl::Status clear(const std::string& directory) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(directory, error)) entries.push_back(entry.path());
  for (const fs::path& entry : entries) {
    if (!error) fs::remove_all(entry, error);
  }
  return error ? errno_status("cannot clear", directory, error.value()) : absl::OkStatus();
}

std::string numbered(const std::string& path, int number) {
  return number == 1 ? path : absl::StrCat(path, "-", number);
}

// The highest number among `path`, `path`-2, ...; 0 if none exists.
int highest_number(const std::string& path) {
  int highest = exists(path) ? 1 : 0;
  const fs::path base(path);
  const std::string prefix = base.filename().string() + "-";
  std::error_code error;
  const fs::path parent = base.parent_path().empty() ? "." : base.parent_path();
  for (const auto& entry : fs::directory_iterator(parent, error)) {
    const std::string name = entry.path().filename().string();
    int number = 0;
    if (absl::StartsWith(name, prefix) && absl::SimpleAtoi(name.substr(prefix.size()), &number) &&
        number >= 2 && number < kMostNumbers && name == absl::StrCat(prefix, number)) {
      highest = std::max(highest, number);
    }
  }
  return highest;
}

// What a path that is a symbolic link stands for, even if that does not exist yet.
std::string resolve_links(const std::string& path) {
  fs::path at(path);
  for (int links = 0; links < 40; ++links) {
    std::error_code error;
    const fs::path target = fs::read_symlink(at, error);
    if (error) break;
    at = target.is_absolute() ? target : at.parent_path() / target;
  }
  return at.string();
}

// The first folder on the way to `path` that does not exist; empty if all do.
std::string topmost_missing(const std::string& path) {
  std::string missing;
  for (fs::path at(path); !at.empty() && !exists(at.string()); at = at.parent_path()) {
    missing = at.string();
    if (at == at.parent_path()) break;
  }
  return missing;
}

// A file's name as part of a folder's.
std::string label_of(const std::string& path) {
  std::string name = fs::path(path).filename().string();
  if (name.empty()) name = fs::path(path).parent_path().filename().string();
  absl::string_view stem = absl::StripSuffix(name, ".gz");
  const size_t dot = stem.rfind('.');
  if (dot != absl::string_view::npos && dot > 0) stem = stem.substr(0, dot);
  std::string label;
  for (const char c : stem.substr(0, kLongestLabel)) {
    const bool plain = absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.';
    label += plain ? c : '-';
  }
  // A number alone would look like that of a later run.
  if (std::all_of(label.begin(), label.end(), [](unsigned char c) { return absl::ascii_isdigit(c); }))
    label = "data" + label;
  return label;
}

}  // namespace

bool holds_work(const std::string& directory) {
  for (const char* name : {"/claims.json", "/table.json"}) {
    if (exists(directory + name)) return true;
  }
  std::error_code error;
  fs::recursive_directory_iterator at(absl::StrCat(directory, "/checkpoints"), error), end;
  for (; !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".ckpt") return true;
  }
  return false;
}

std::string user_path(const std::string& path) {
  if (path.empty() || path[0] == '/') return path;
  std::string directory = environment("BUILD_WORKING_DIRECTORY");
  std::error_code error;
  if (directory.empty()) directory = fs::current_path(error).string();
  return directory.empty() ? path : absl::StrCat(directory, "/", path);
}

std::string output_path(const RecipeInfo& info, const Options& options) {
  if (!options.out.empty()) {
    std::string path = user_path(options.out);
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
  }
  std::string tail = absl::StrCat("outputs/", info.slug, "/");
  if (options.table.empty()) {
    absl::StrAppend(&tail, options.preset, "-seed", options.seed);
  } else {
    absl::StrAppend(&tail, "table-", label_of(options.table));
  }
  if (!options.model.empty()) absl::StrAppend(&tail, "-", label_of(options.model));
  if (!options.data.empty()) absl::StrAppend(&tail, "-", label_of(options.data));
  for (const char* variable : {"BUILD_WORKSPACE_DIRECTORY", "TEST_UNDECLARED_OUTPUTS_DIR", "TEST_TMPDIR"}) {
    const std::string base = environment(variable);
    if (!base.empty()) return absl::StrCat(base, "/", tail);
  }
  return user_path(tail);
}

std::string newest_run(const std::string& path) {
  const std::string target = resolve_links(path);
  return numbered(target, std::max(1, highest_number(target)));
}

OutputDirectory::OutputDirectory(OutputDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      note_(std::move(other.note_)),
      made_(std::move(other.made_)),
      is_new_(other.is_new_),
      lock_(std::exchange(other.lock_, -1)) {}

OutputDirectory::~OutputDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

void OutputDirectory::discard() {
  if (!is_new_ || !holds_a_failed_start(path_) || !clear(path_).ok() || made_.empty()) return;
  std::error_code error;
  for (fs::path at(path_); fs::remove(at, error) && !error && at != fs::path(made_);) at = at.parent_path();
}

absl::StatusOr<bool> OutputDirectory::lock() {
  lock_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0) return errno_status("cannot open directory", path_, errno);
  // File systems without locks: two runs at a time are then the user's to avoid.
  return ::flock(lock_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

absl::StatusOr<OutputDirectory> OutputDirectory::create(const std::string& path) {
  for (int number = std::max(1, highest_number(path)); number < kMostNumbers; ++number) {
    OutputDirectory directory(numbered(path, number));
    directory.made_ = topmost_missing(directory.path_);
    ROUX_RETURN_IF_ERROR(make_directories(directory.path_));
    ROUX_ASSIGN_OR_RETURN(const bool alone, directory.lock());
    const bool empty = is_empty(directory.path_);
    if (alone && (empty || holds_a_failed_start(directory.path_))) {
      ROUX_RETURN_IF_ERROR(clear(directory.path_));
      directory.is_new_ = true;
      if (number > 1) {
        directory.note_ = absl::StrCat(numbered(path, number - 1),
                                       " holds an earlier run; this one is written to ", directory.path_);
      }
      return directory;
    }
    if (number == 1 && !exists(absl::StrCat(path, "/", kMarker)) && !empty) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, " is not empty and holds no run of a recipe; choose another --out"));
    }
  }
  return absl::ResourceExhaustedError(absl::StrCat(path, ": too many runs; choose another --out"));
}

absl::StatusOr<OutputDirectory> OutputDirectory::open(const std::string& path, bool resume) {
  const std::string target = resolve_links(path);
  if (!resume) {
    ROUX_ASSIGN_OR_RETURN(OutputDirectory directory, create(target));
    ROUX_RETURN_IF_ERROR(probe_writable(directory.path_));
    return directory;
  }
  if (!exists(absl::StrCat(target, "/", kMarker))) {
    return absl::NotFoundError(absl::StrCat("nothing to resume: ", path, " holds no run"));
  }
  OutputDirectory directory(target);
  ROUX_ASSIGN_OR_RETURN(const bool alone, directory.lock());
  if (!alone) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is in use by another run; it can be resumed when that ends"));
  }
  ROUX_RETURN_IF_ERROR(probe_writable(target));
  return directory;
}

}  // namespace roux::kit
