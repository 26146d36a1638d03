// The folder that a run writes: where it is, and what happens to an earlier run in it.
//
// Default: outputs/<slug>/<preset>-seed<N>, below the workspace under `bazel run`, else below the current
// folder. Rules:
//   - The newest run always has the same path. What was there, finished or not, is moved as a whole to
//     `<path>.previous` (of which one is kept) and said aloud; what stopped before its first checkpoint is
//     removed.
//   - A folder that is not empty and was not made by a recipe is never touched: an error.
//   - With resume the folder is used as it is.
//   - One run at a time: the folder is locked until the process ends, however it ends.
#ifndef ROUX_RECIPES_KIT_RUN_OUTPUT_DIRECTORY_H_
#define ROUX_RECIPES_KIT_RUN_OUTPUT_DIRECTORY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "recipes/kit/run/cli.h"

namespace roux::kit {

// Where the user stood when typing the command: under `bazel run` not the current folder.
std::string user_path(const std::string& path);

// --out, or the default for this recipe, preset and seed. Under `bazel test` below the test's own folders.
std::string output_path(const RecipeInfo& info, const Options& options);

class OutputDirectory {
 public:
  // Creates or takes over `path` and proves that files can be written there. NotFound if there is nothing to
  // resume.
  static absl::StatusOr<OutputDirectory> open(const std::string& path, bool resume);
  OutputDirectory(OutputDirectory&& other) noexcept;
  OutputDirectory& operator=(OutputDirectory&&) = delete;
  ~OutputDirectory();

  const std::string& path() const { return path_; }
  // What the user should know ("earlier run moved to ..."), or empty.
  const std::string& note() const { return note_; }

 private:
  explicit OutputDirectory(std::string path) : path_(std::move(path)) {}
  absl::Status lock();
  absl::Status move_aside();

  std::string path_;
  std::string note_;
  int lock_ = -1;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_OUTPUT_DIRECTORY_H_
