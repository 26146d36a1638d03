// The folder that a run writes: where it is, and what happens when an earlier run is in it.
//
// Default: outputs/<slug>/<preset>-seed<N>[-<model>][-<data>], below the workspace under `bazel run`, else
// below the current folder. Rules:
//   - A run that did any work (a checkpoint, a finished part, claims) is never moved, changed or deleted: the
//     next run beside it is written to <path>-2, <path>-3 and so on. So is what a running program uses.
//   - What stopped before that is overwritten, so that failed attempts leave no row of folders; what stopped
//     before it did anything (data that are too short, an arm that cannot be built) leaves none at all.
//   - A folder that is not empty and was not made by a recipe is never touched: an error.
//   - A path that is a symbolic link stands for what it points to.
//   - One run at a time: the folder is locked until the process ends, however it ends.
#ifndef ROUX_RECIPES_KIT_RUN_OUTPUT_DIRECTORY_H_
#define ROUX_RECIPES_KIT_RUN_OUTPUT_DIRECTORY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "recipes/kit/run/cli.h"

namespace roux::kit {

// Where the user stood when typing the command (under `bazel run` not the current folder), as an absolute
// path. Empty for empty.
std::string user_path(const std::string& path);

// --out, or the default for this recipe, preset, seed and inputs. Under `bazel test` below the test's own
// folders.
std::string output_path(const RecipeInfo& info, const Options& options);

// The newest run of `path`, `path`-2, `path`-3, ...: the one with the highest number; `path` if there is
// none.
std::string newest_run(const std::string& path);

// Whether the run there got as far as a checkpoint, a finished part, claims or a table.
bool holds_work(const std::string& directory);

class OutputDirectory {
 public:
  // Creates `path` or, if that holds work or is in use, the next number; proves that files can be written
  // there. With resume: takes over `path` as it is; NotFound if it holds no run.
  static absl::StatusOr<OutputDirectory> open(const std::string& path, bool resume);
  OutputDirectory(OutputDirectory&& other) noexcept;
  OutputDirectory& operator=(OutputDirectory&&) = delete;
  ~OutputDirectory();

  const std::string& path() const { return path_; }
  // Removes what a run has written that did nothing yet, and the folders that open() made. Not when resumed.
  void discard();
  // What the user should know ("... holds an earlier run, this one is written to ..."), or empty.
  const std::string& note() const { return note_; }

 private:
  explicit OutputDirectory(std::string path) : path_(std::move(path)) {}
  static absl::StatusOr<OutputDirectory> create(const std::string& path);
  // False if another run uses the folder.
  absl::StatusOr<bool> lock();

  std::string path_;
  std::string note_;
  std::string made_;     // the topmost folder that was not there
  bool is_new_ = false;  // not resumed
  int lock_ = -1;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_OUTPUT_DIRECTORY_H_
