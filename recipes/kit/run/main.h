// main() of a recipe: flags, presets, settings, errors and exit codes.
//
//   struct Config {
//     int64_t steps = 600;
//     std::string arms = "default";
//     template <class Visit> void visit(Visit&& visit) {                      // see settings.h
//       visit("steps", steps, Range{1});                                      // config.json and --set
//       steps=N visit("arms", arms, Flag{"which arms", {"default", "all"}});          // --arms=all, too
//     }
//   };
//   absl::Status reproduce(const Config& config, Run& run);
//   int main(int argc, char** argv) {
//     return roux::kit::recipe_main<Config>(argc, argv, {
//         .info = {.slug = "my_paper", .title = "My Paper", .arxiv = "2401.00001"},
//         .presets = {{{.name = "smoke", .what = "tiny", .minutes = 0.05}, {.steps = 20}},
//                     {{.name = "default", .what = "...", .minutes = 1.5}, {.steps = 600}}},
//         .reproduce = reproduce});
//   }
//
// Everything that a command line can get wrong is found before the output folder is touched: flags, settings,
// device, whether --data and --model can be read and are what they should be, and whether a part fits in
// memory.
//
// Exit codes: 0 done, 1 error (one line on stderr), 3 an asserted claim fails (said in the last line), 130
// interrupted.
#ifndef ROUX_RECIPES_KIT_RUN_MAIN_H_
#define ROUX_RECIPES_KIT_RUN_MAIN_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "recipes/kit/run/cli.h"
#include "recipes/kit/run/run.h"
#include "recipes/kit/run/settings.h"

namespace roux::kit {

template <class Config>
struct Preset {
  PresetInfo info;
  Config config;
};

template <class Config>
struct Recipe {
  RecipeInfo info;
  std::vector<Preset<Config>> presets;
  std::function<absl::Status(const Config&, Run&)> reproduce;
  // For --plan, where a step reads values, which `meta` lacks: prints what one needs and hands it to
  // run.plan_part(). It needs no --data. Absent: reproduce() runs, with its parts on meta (run.h).
  std::function<absl::Status(const Config&, Run&)> plan = nullptr;
  // For --table=PATH (with info.table_help): the paper's computation on records that are given, instead of
  // reproduce; writes run.write("table.json", text).
  std::function<absl::Status(const Config&, const std::string& path, Run&)> table = nullptr;
  double checkpoint_seconds = 60;                           // between two checkpoints of a part
  uint64_t whole_checkpoint_bytes = kWholeCheckpointBytes;  // larger ones are in parts, where --zero divides
};

// A preset with the user's changes, ready to run.
struct PreparedRecipe {
  std::string settings;  // JSON object of its Config
  std::function<absl::Status(Run&)> reproduce;
  std::function<absl::Status(Run&)> plan;
  std::function<absl::Status(const std::string& path, Run&)> table;
};

// A recipe whose Config is hidden behind the index of a preset.
struct ErasedRecipe {
  RecipeInfo info;
  std::vector<PresetInfo> presets;
  std::vector<std::vector<Setting>> settings;  // of each preset
  std::function<absl::StatusOr<PreparedRecipe>(int preset, const std::vector<SettingChange>&)> prepare;
  double checkpoint_seconds = 60;
  uint64_t whole_checkpoint_bytes = kWholeCheckpointBytes;
};
int recipe_main(int argc, char** argv, const ErasedRecipe& recipe);

template <class Config>
int recipe_main(int argc, char** argv, const Recipe<Config>& recipe) {
  ErasedRecipe erased{recipe.info, {}, {}, nullptr, recipe.checkpoint_seconds, recipe.whole_checkpoint_bytes};
  for (const Preset<Config>& preset : recipe.presets) {
    erased.presets.push_back(preset.info);
    erased.settings.push_back(settings_of(preset.config));
  }
  erased.prepare = [&recipe](int preset,
                             const std::vector<SettingChange>& changes) -> absl::StatusOr<PreparedRecipe> {
    Config config = recipe.presets[static_cast<size_t>(preset)].config;
    const absl::Status changed = change_settings(changes, config);
    if (!changed.ok()) return changed;
    PreparedRecipe prepared{settings_json(settings_of(config)), nullptr, nullptr, nullptr};
    prepared.reproduce = [&recipe, config](Run& run) { return recipe.reproduce(config, run); };
    if (recipe.plan) prepared.plan = [&recipe, config](Run& run) { return recipe.plan(config, run); };
    if (recipe.table) {
      prepared.table = [&recipe, config](const std::string& path, Run& run) {
        return recipe.table(config, path, run);
      };
    }
    return prepared;
  };
  return recipe_main(argc, argv, erased);
}

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_MAIN_H_
