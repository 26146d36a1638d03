// Finds data files of the tree (and of external repositories) under `bazel run`, `bazel test` and for a
// binary started by hand from bazel-bin.
//
//   ROUX_ASSIGN_OR_RETURN(std::string path, find_runfile("recipes/data/excerpts/austen_emma.txt"));
//   ROUX_ASSIGN_OR_RETURN(std::string web, find_runfile("@sword_text_web//usr/share/sword/mods.d/web.conf"));
//
// The target must list the file in `data`. Thread-safe.
#ifndef ROUX_RECIPES_KIT_DATA_RUNFILES_H_
#define ROUX_RECIPES_KIT_DATA_RUNFILES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace roux::kit {

// The absolute path of `label_path`: a path from the workspace root, or "@repository//path" for a file of an
// external repository. NotFound names the file, every place that was tried, and what to do.
absl::StatusOr<std::string> find_runfile(const std::string& label_path);

// The folders that find_runfile looks into, in order: the test's runfiles, $RUNFILES_DIR, those beside or
// around the executable, and the source tree of `bazel run`. Exposed for error texts and tests.
std::vector<std::string> runfile_roots();

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_RUNFILES_H_
