// config.json: what a run is (recipe, preset, seeds, settings, inputs with their hashes), where and when it
// was made, and how long it took. Written when a run starts; times are added with each checkpoint and when a
// session ends.
#ifndef ROUX_RECIPES_KIT_RUN_CONFIG_FILE_H_
#define ROUX_RECIPES_KIT_RUN_CONFIG_FILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "recipes/kit/run/cli.h"

namespace roux::kit {

struct RunInputs {
  InputFile model, data, table;
};

// The text of config.json at the start. `settings`: JSON object of the recipe's Config. `threads`: those that
// the run uses.
std::string config_text(const RecipeInfo& info, const Options& options, const std::vector<uint64_t>& seeds,
                        int threads, const std::string& settings, const RunInputs& inputs);

// One stretch of work on a run: it is interrupted and resumed, so there may be several.
struct Session {
  double seconds = 0;  // wall clock
  double cpu_seconds = 0;
  double peak_memory_mib = 0;
  bool finished = false;
};

// `text` with the session added: "sessions", "seconds" and "cpu_seconds" are sums, "peak_memory_mib" is a
// maximum, "finished" the date, null while it is not. `counted`: what of this session `text` has already, as
// it was when a checkpoint was written; none at first. DataLoss if `text` (of `path`) is no configuration.
absl::StatusOr<std::string> with_session(const std::string& text, const Session& session,
                                         const std::optional<Session>& counted, const std::string& path);

// Fills in what the run in `text` (of `path`) was started with, where the command line does not say
// otherwise: preset, seeds, device, model, data, table and changed settings. DataLoss if it is no
// configuration.
absl::Status adopt_choices(const std::string& text, const std::string& path, Options& options);

// FailedPrecondition that names the first setting that differs between the run in `path` and this one. Dates,
// times, machine, commit and threads may differ, and so may the path of an input with the same contents: they
// do not change results (a newer commit may; that is the user's to know). Sources are compared when
// they are read (with_source).
absl::Status check_same_run(const std::string& earlier, const std::string& now, const std::string& path);
// The same for the config of rank 0 and that of another rank.
absl::Status check_same_choices(const std::string& first, const std::string& own, int rank);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_CONFIG_FILE_H_
