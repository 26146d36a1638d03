// The flags that every recipe has, and the presets a recipe offers.
//
//   --preset=NAME --seed=N --device=D --out=DIR --resume[=DIR] --plan --trace=FILE --model=PATH --data=PATH
//   --threads=N --help
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

namespace roux::kit {

// What `--help` says about a preset; the sizes are the recipe's own Config.
struct PresetInfo {
  std::string name;    // smoke, default, long, gpu
  std::string what;    // one line: what it trains or computes
  double minutes = 0;  // expected on the machine it is meant for
  int seeds = 3;       // consecutive, from --seed on
};

struct RecipeInfo {
  std::string slug;
  std::string title;
  std::string arxiv;  // identifier, e.g. "2408.11029"
  // What --model and --data accept; empty: the recipe takes none, and giving one is an error.
  std::string model_help;
  std::string data_help;
  std::string folder = "recipes";  // where its package stands: "examples" of a recipe that is no paper
};

struct Options {
  std::string preset = "default";
  bool preset_given = false;
  uint64_t seed = 1;
  bool seed_given = false;
  std::string device = "cpu";
  std::string out;  // empty: outputs/<slug>/<preset>-seed<N>
  bool resume = false;
  bool plan = false;
  std::string trace;
  std::string model;
  std::string data;
  int threads = 0;  // 0: as many as the machine has
  bool help = false;
};

// InvalidArgument with one line for anything not understood.
absl::StatusOr<Options> parse_flags(const std::vector<std::string>& arguments, const RecipeInfo& info,
                                    const std::vector<PresetInfo>& presets);

// What --device takes in this program on this machine: "cpu", and "cuda:N" and "emulated" where their kernels
// are linked and the device is there.
std::vector<std::string> offered_devices();

// Index of the preset called `name`; InvalidArgument with the nearest name.
absl::StatusOr<int> find_preset(const std::string& name, const std::vector<PresetInfo>& presets);

std::string help_text(const RecipeInfo& info, const std::vector<PresetInfo>& presets);

// The flags that make the same run again, e.g. "--preset=long --seed=4 --device=emulated".
std::string flags_text(const Options& options);

// The candidate with the smallest edit distance to `word`, if it is close enough to be a slip; else empty.
std::string nearest_name(absl::string_view word, const std::vector<std::string>& candidates);

// `argument` as one word of a POSIX shell.
std::string shell_quote(absl::string_view argument);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_CLI_H_
