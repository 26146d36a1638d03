#include "recipes/kit/run/main.h"

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/config_file.h"
#include "recipes/kit/run/interrupt.h"
#include "recipes/kit/run/trace.h"
#include "tensor/error.h"
#include "tensor/parallel.h"
#include "tensor/profiler.h"

namespace roux::kit {
namespace {

enum ExitCode { kDone = 0, kError = 1, kClaimFails = 3, kInterrupted = 130 };

int fail(absl::string_view message) {
  std::fprintf(stderr, "error: %.*s\n", static_cast<int>(message.size()), message.data());
  return kError;
}
int fail(const absl::Status& status) { return fail(status.message()); }

// --resume=DIR alone goes on with the preset and seed that the folder was made with.
absl::Status adopt_earlier_choices(Options& options) {
  if (!options.resume || options.out.empty()) return absl::OkStatus();
  const std::string path = absl::StrCat(user_path(options.out), "/config.json");
  const absl::StatusOr<std::string> text = read_file(path);
  if (!text.ok()) return absl::OkStatus();  // Run::open says what is wrong
  ROUX_ASSIGN_OR_RETURN(const EarlierRun earlier, parse_earlier_run(*text, path));
  if (!options.preset_given) options.preset = earlier.preset;
  if (!options.seed_given) options.seed = earlier.first_seed;
  return absl::OkStatus();
}

std::string command_line(const char* program, const RecipeInfo& info, const Options& options) {
  const bool bazel = std::getenv("BUILD_WORKSPACE_DIRECTORY") != nullptr;
  return absl::StrCat(
      bazel ? absl::StrCat("bazel run //", info.folder, "/", info.slug, " --") : shell_quote(program), " ",
      flags_text(options), options.out.empty() ? "" : absl::StrCat(" --out=", shell_quote(options.out)),
      " --resume");
}

std::string heading(const ErasedRecipe& recipe, const Run& run) {
  const Options& options = run.options();
  return absl::StrCat(
      recipe.info.title, recipe.info.arxiv.empty() ? "" : absl::StrCat(" (arXiv ", recipe.info.arxiv, ")"),
      "\npreset ", options.preset, ": ", run.preset().what, "\nseeds ", absl::StrJoin(run.seeds(), " "),
      ", device ", options.device, ", output ", run.out(), "\n\n");
}

absl::StatusOr<RunSetup> make_setup(const ErasedRecipe& recipe, Options& options) {
  ROUX_RETURN_IF_ERROR(adopt_earlier_choices(options));
  ROUX_ASSIGN_OR_RETURN(const int preset, find_preset(options.preset, recipe.presets));
  options.model = user_path(options.model);
  options.data = user_path(options.data);
  options.trace = user_path(options.trace);
  if (options.threads > 0) set_num_threads(options.threads);
  RunSetup setup;
  setup.info = recipe.info;
  setup.options = options;
  setup.preset = recipe.presets[static_cast<size_t>(preset)];
  setup.preset_index = preset;
  setup.settings = recipe.settings[static_cast<size_t>(preset)];
  setup.checkpoint_seconds = recipe.checkpoint_seconds;
  return setup;
}

// Runs the method and writes what it found. The trace is written however the run ends.
absl::Status reproduce(const ErasedRecipe& recipe, Run& run, int preset) {
  const std::string& trace = run.options().trace;
  if (!trace.empty()) {
    ROUX_RETURN_IF_ERROR(
        write_chrome_trace(trace, {}));  // a path that cannot be written is said before the work
    start_trace();
  }
  absl::Status status;
  try {
    status = recipe.reproduce(preset, run);
  } catch (const Error& error) {
    status = absl::InvalidArgumentError(error.what());
  }
  if (!trace.empty()) {
    const absl::Status written = write_chrome_trace(trace, take_trace());
    if (status.ok()) status = written;
  }
  return status.ok() ? run.finish() : status;
}

// The recipe's own plan, or its parts run on meta: see run.h.
absl::Status plan(const ErasedRecipe& recipe, Run& run, int preset) {
  if (recipe.plan) return recipe.plan(preset, run);
  const absl::Status status = recipe.reproduce(preset, run);
  if (status.ok()) return run.show_plans();
  return absl::IsCancelled(status) && !interrupt_requested() ? absl::OkStatus() : status;
}

int run_recipe(const char* program, const ErasedRecipe& recipe, Options options) {
  const absl::StatusOr<RunSetup> setup = make_setup(recipe, options);
  if (!setup.ok()) return fail(setup.status());
  const int preset = setup->preset_index;
  const absl::StatusOr<std::unique_ptr<Run>> opened = Run::open(*setup);
  if (!opened.ok()) return fail(opened.status());
  Run& run = **opened;
  if (options.plan) {
    const absl::Status planned = plan(recipe, run, preset);
    return planned.ok() ? kDone : fail(planned);
  }
  run.print(heading(recipe, run));
  const absl::Status status = reproduce(recipe, run, preset);
  run.print("");  // the bar goes
  if (absl::IsCancelled(status) && interrupt_requested()) {
    std::fprintf(stderr, "interrupted; to go on:\n  %s\n",
                 command_line(program, recipe.info, options).c_str());
    return kInterrupted;
  }
  if (!status.ok()) return fail(status);
  return any_asserted_fails(run.claims()) ? kClaimFails : kDone;
}

}  // namespace

int recipe_main(int argc, char** argv, const ErasedRecipe& recipe) {
  install_interrupt_handlers();
  try {
    const absl::StatusOr<Options> options =
        parse_flags(std::vector<std::string>(argv + 1, argv + argc), recipe.info, recipe.presets);
    if (!options.ok()) return fail(options.status());
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
