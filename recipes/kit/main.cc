#include "recipes/kit/main.h"

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "recipes/kit/atomic_file.h"
#include "recipes/kit/interrupt.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

enum ExitCode { kDone = 0, kError = 1, kClaimFails = 3, kInterrupted = 130 };

int fail(const std::string& message) {
  std::fprintf(stderr, "error: %s\n", message.c_str());
  return kError;
}

// --resume=DIR alone goes on with the preset and seed that the folder was made with.
void adopt_earlier_choices(Options& options) {
  if (!options.resume || options.out.empty()) return;
  const absl::StatusOr<std::string> text = read_file(absl::StrCat(user_path(options.out), "/config.json"));
  if (!text.ok()) return;  // Run::open says what is wrong
  const auto config = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) return;
  const auto preset = config.find("preset");
  if (!options.preset_given && preset != config.end() && preset->is_string())
    options.preset = preset->get<std::string>();
  const auto seeds = config.find("seeds");
  if (!options.seed_given && seeds != config.end() && seeds->is_array() && !seeds->empty() &&
      seeds->front().is_number_unsigned()) {
    options.seed = seeds->front().get<uint64_t>();
  }
}

std::string command_line(const char* program, const RecipeInfo& info, const Options& options) {
  const bool bazel = std::getenv("BUILD_WORKSPACE_DIRECTORY") != nullptr;
  return absl::StrCat(bazel ? absl::StrCat("bazel run //recipes/", info.slug, " --") : shell_quote(program),
                      " ", flags_text(options),
                      options.out.empty() ? "" : absl::StrCat(" --out=", shell_quote(options.out)),
                      " --resume");
}

std::string heading(const ErasedRecipe& recipe, const Run& run) {
  const Options& options = run.options();
  return absl::StrCat(
      recipe.info.title, recipe.info.arxiv.empty() ? "" : absl::StrCat(" (arXiv ", recipe.info.arxiv, ")"),
      "\npreset ", options.preset, ": ", run.preset().what, "\nseeds ", absl::StrJoin(run.seeds(), " "),
      ", device ", options.device, ", output ", run.out(), "\n\n");
}

int run_recipe(const char* program, const ErasedRecipe& recipe, Options options) {
  adopt_earlier_choices(options);
  const absl::StatusOr<int> preset = find_preset(options.preset, recipe.presets);
  if (!preset.ok()) return fail(std::string(preset.status().message()));
  if (options.plan && !recipe.plan) return fail("--plan: this recipe has no memory plan");
  options.model = user_path(options.model);
  options.data = user_path(options.data);
  options.trace = user_path(options.trace);
  RunSetup setup;
  setup.info = recipe.info;
  setup.options = options;
  setup.preset = recipe.presets[static_cast<size_t>(*preset)];
  setup.settings = recipe.settings[static_cast<size_t>(*preset)];
  setup.checkpoint_seconds = recipe.checkpoint_seconds;
  absl::StatusOr<std::unique_ptr<Run>> run = Run::open(std::move(setup));
  if (!run.ok()) return fail(std::string(run.status().message()));
  if (options.plan) {
    const absl::Status planned = recipe.plan(*preset, **run);
    return planned.ok() ? kDone : fail(std::string(planned.message()));
  }
  (*run)->print(heading(recipe, **run));
  absl::Status status = recipe.reproduce(*preset, **run);
  if (status.ok()) status = (*run)->finish();
  if (absl::IsCancelled(status) && interrupt_requested()) {
    (*run)->print("");
    std::fprintf(stderr, "interrupted; to go on:\n  %s\n",
                 command_line(program, recipe.info, options).c_str());
    return kInterrupted;
  }
  if (!status.ok()) {
    (*run)->print("");
    return fail(std::string(status.message()));
  }
  return any_asserted_fails((*run)->claims()) ? kClaimFails : kDone;
}

}  // namespace

int recipe_main(int argc, char** argv, const ErasedRecipe& recipe) {
  install_interrupt_handlers();
  try {
    const absl::StatusOr<Options> options =
        parse_flags(std::vector<std::string>(argv + 1, argv + argc), recipe.info, recipe.presets);
    if (!options.ok()) return fail(std::string(options.status().message()));
    if (options->help) {
      std::fputs(help_text(recipe.info, recipe.presets).c_str(), stdout);
      return kDone;
    }
    return run_recipe(argv[0], recipe, *options);
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

}  // namespace roux::kit
