// main() of a recipe: flags, presets, errors and exit codes.
//
//   struct Config {
//     int64_t steps = 600;
//     template <class Visit> void visit(Visit&& visit) const { visit("steps", steps); }     // goes to
//     config.json
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
// Exit codes: 0 done, 1 error (one line on stderr), 3 an asserted claim fails, 130 interrupted.
#ifndef ROUX_RECIPES_KIT_RUN_MAIN_H_
#define ROUX_RECIPES_KIT_RUN_MAIN_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "recipes/kit/run/cli.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/run/run.h"

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
  // For --plan, where a step reads values, which `meta` lacks: prints what one needs. Absent: reproduce()
  // runs, with its parts on meta (run.h).
  std::function<absl::Status(const Config&, Run&)> plan = nullptr;
  double checkpoint_seconds = 60;  // between two checkpoints of a part
};

// A recipe whose Config is hidden behind the index of a preset.
struct ErasedRecipe {
  RecipeInfo info;
  std::vector<PresetInfo> presets;
  std::vector<std::string> settings;  // JSON object of each preset's Config
  std::function<absl::Status(int preset, Run&)> reproduce;
  std::function<absl::Status(int preset, Run&)> plan;
  double checkpoint_seconds = 60;
};
int recipe_main(int argc, char** argv, const ErasedRecipe& recipe);

template <class Config>
int recipe_main(int argc, char** argv, const Recipe<Config>& recipe) {
  ErasedRecipe erased{recipe.info, {}, {}, nullptr, nullptr, recipe.checkpoint_seconds};
  for (const Preset<Config>& preset : recipe.presets) {
    erased.presets.push_back(preset.info);
    JsonObject settings;
    preset.config.visit([&](const char* name, const auto& value) { settings.add(name, value); });
    erased.settings.push_back(settings.text());
  }
  const auto bind = [&recipe](const std::function<absl::Status(const Config&, Run&)>& function) {
    std::function<absl::Status(int, Run&)> bound;
    if (function) {
      bound = [&recipe, &function](int preset, Run& run) {
        return function(recipe.presets[static_cast<size_t>(preset)].config, run);
      };
    }
    return bound;
  };
  erased.reproduce = bind(recipe.reproduce);
  erased.plan = bind(recipe.plan);
  return recipe_main(argc, argv, erased);
}

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_MAIN_H_
