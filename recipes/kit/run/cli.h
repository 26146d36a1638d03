// The flags that every recipe has, those that its settings add, and the presets a recipe offers.
//
//   --preset=NAME --seed=N --seeds=N --set=NAME=VALUE,... --device=D --threads=N --out=DIR --resume[=DIR]
//   --plan --profile --trace=FILE --trace-steps=FIRST:LAST --model=PATH --data=PATH --table=PATH --offline
//   --help
//
// `--name=value` and `--name value` are the same. Anything unknown is one line that names the nearest known
// word.
#ifndef ROUX_RECIPES_KIT_RUN_CLI_H_
#define ROUX_RECIPES_KIT_RUN_CLI_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "recipes/kit/run/input_file.h"
#include "recipes/kit/run/settings.h"

namespace roux::kit {

// What `--help` says about a preset; the sizes are the recipe's own Config.
struct PresetInfo {
  std::string name;    // smoke, default, long, gpu
  std::string what;    // one line: what it trains or computes
  double minutes = 0;  // expected on the machine it is meant for
  int seeds = 3;       // consecutive, from --seed on
};

// Seeds are numbers that any reader of JSON keeps: at most 2^53.
inline constexpr uint64_t kLargestSeed = uint64_t{1} << 53;
inline constexpr int kMostSeeds = 10000;
inline constexpr int kMostThreads = 256;
// The preset of this name is sized for a GPU and refused elsewhere.
inline constexpr char kGpuPreset[] = "gpu";

struct RecipeInfo {
  std::string slug;
  std::string title;
  std::string arxiv;  // identifier, e.g. "2408.11029"
  // What --model, --data and --table accept; empty: the recipe takes none, and giving one is an error.
  std::string model_help;
  std::string data_help;
  std::string folder = "recipes";  // where its package stands: "examples" of a recipe that is no paper
  std::string table_help = "";
  // What the harness checks before the run.
  InputKind model_kind = InputKind::kAny;
  InputKind data_kind = InputKind::kText;
  InputKind table_kind = InputKind::kText;
};

// Steps of each part that --trace keeps, counted from 1, both included; 0 to 0: the whole run.
struct StepRange {
  int64_t first = 0, last = 0;
};

struct Options {
  std::string preset = "default";
  bool preset_given = false;
  uint64_t seed = 1;
  bool seed_given = false;
  int seeds = 0;                       // how many; 0: as many as the preset says
  std::vector<SettingChange> changes;  // by --set and the recipe's own flags
  std::string device = "cpu";
  bool device_given = false;
  std::string out;  // empty: outputs/<slug>/<preset>-seed<N>, see output_directory.h
  bool resume = false;
  bool out_is_exact = false;  // --resume=DIR means this folder, --out=DIR may be numbered
  bool plan = false;
  bool offline = false;  // missing data are not downloaded
  bool profile = false;
  std::string trace;
  StepRange trace_steps;
  std::string model;
  std::string data;
  std::string table;
  int threads = 0;  // 0: as many as the machine has
  int zero = 0;     // the ZeRO stage of several ranks
  bool help = false;
};

// InvalidArgument with one line for anything not understood. `settings`: of any preset of the recipe; the
// values of changes are checked when they are applied.
absl::StatusOr<Options> parse_flags(const std::vector<std::string>& arguments, const RecipeInfo& info,
                                    const std::vector<PresetInfo>& presets,
                                    const std::vector<Setting>& settings = {});

// InvalidArgument if the device is not cpu, a GPU or the emulator, if this program or machine does not have
// it (with the remedy), or if the preset is made for another.
absl::Status check_device(const std::string& device);
absl::Status check_preset_device(const Options& options);
// InvalidArgument for --profile on a GPU: kernels are launched there, not awaited.
absl::Status check_profile(const Options& options);
// "10:12", or empty for the whole run.
std::string to_string(const StepRange& range);

// What --device takes in this program on this machine: "cpu", and "cuda:N" and "emulated" where their kernels
// are linked and the device is there.
std::vector<std::string> offered_devices();

// Index of the preset called `name`; InvalidArgument with the nearest name.
absl::StatusOr<int> find_preset(const std::string& name, const std::vector<PresetInfo>& presets);

// The seeds of a run; InvalidArgument if the last one would be above kLargestSeed.
absl::StatusOr<std::vector<uint64_t>> seeds_of(const Options& options, const PresetInfo& preset);

// Fits 80 columns. `settings`: of the preset "default", or the first.
std::string help_text(const RecipeInfo& info, const std::vector<PresetInfo>& presets,
                      const std::vector<Setting>& settings = {});

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_CLI_H_
