// From a command line to a run that can start: everything that can be wrong about one is found here, before
// the output folder is touched.
#ifndef ROUX_RECIPES_KIT_RUN_PREPARE_H_
#define ROUX_RECIPES_KIT_RUN_PREPARE_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "recipes/kit/run/main.h"

namespace roux::kit {

struct PreparedRun {
  RunSetup setup;
  PreparedRecipe recipe;
};

// In this order: what is resumed, preset, device, settings, seeds, readable inputs, memory, the path of the
// trace. A recipe with a plan makes it on meta tensors, quietly where the run may be large; with --plan it
// is printed, and nothing runs afterwards.
absl::StatusOr<PreparedRun> prepare_run(const ErasedRecipe& recipe, Options options);

// Index of the preset "default", or 0.
size_t default_preset(const ErasedRecipe& recipe);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_PREPARE_H_
