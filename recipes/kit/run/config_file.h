// Reading config.json back: what an earlier run was, and whether it can be resumed.
#ifndef ROUX_RECIPES_KIT_RUN_CONFIG_FILE_H_
#define ROUX_RECIPES_KIT_RUN_CONFIG_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace roux::kit {

struct EarlierRun {
  std::string preset;
  uint64_t first_seed = 1;
};

// DataLoss if `text` (of the file `path`) is not the configuration of a run.
absl::StatusOr<EarlierRun> parse_earlier_run(const std::string& text, const std::string& path);

// FailedPrecondition that names the first setting that differs between the run in `path` and this one. Date,
// machine, commit and threads may differ: they do not change results (a newer commit may; that is the user's
// to know).
absl::Status check_same_run(const std::string& earlier, const std::string& now, const std::string& path);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_CONFIG_FILE_H_
