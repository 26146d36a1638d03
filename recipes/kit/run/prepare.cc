#include "recipes/kit/run/prepare.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/input_file.h"
#include "recipes/kit/run/interrupt.h"
#include "recipes/kit/run/output_directory.h"
#include "recipes/kit/run/parallel_parts.h"
#include "recipes/kit/run/trace.h"
#include "tensor/error.h"
#include "tensor/parallel.h"

namespace roux::kit {
namespace {

constexpr int64_t kSmallMachine = int64_t{4} << 30;

// Finds the folder that is resumed and takes over what its run was started with.
absl::Status adopt_earlier_run(const RecipeInfo& info, Options& options) {
  if (!options.resume) return absl::OkStatus();
  options.out = options.out_is_exact ? user_path(options.out) : newest_run(output_path(info, options));
  options.out_is_exact = true;
  const std::string path = absl::StrCat(options.out, "/config.json");
  const absl::StatusOr<std::string> text = read_file(path);
  if (!text.ok()) return absl::OkStatus();  // OutputDirectory::open says what is wrong
  return adopt_choices(*text, path, options);
}

// Several paths apart by commas: each is made absolute and must be there.
absl::Status inspect_each(const char* flag, std::string& paths) {
  std::vector<std::string> each = absl::StrSplit(paths, ',');
  for (std::string& path : each) {
    if (path.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(flag, "=", paths, ": a path beside a comma is empty"));
    }
    path = user_path(path);
    ROUX_RETURN_IF_ERROR(inspect_input(flag, path, InputKind::kPaths).status());
  }
  paths = absl::StrJoin(each, ",");
  return absl::OkStatus();
}

absl::Status inspect(const char* flag, InputKind kind, std::string& path, InputFile& file) {
  if (path.empty()) return absl::OkStatus();
  // A name may hold a comma: what is there as a whole is one path.
  if (kind == InputKind::kPaths && ::access(user_path(path).c_str(), F_OK) != 0) {
    return inspect_each(flag, path);
  }
  const bool is_name = kind == InputKind::kAny && !absl::StrContains(path, '/') &&
                       ::access(user_path(path).c_str(), F_OK) != 0;
  if (is_name) return absl::OkStatus();
  path = user_path(path);
  ROUX_ASSIGN_OR_RETURN(file, inspect_input(flag, path, kind));
  return absl::OkStatus();
}

// The recipe's own plan, or its parts run on meta (run.h), with the table of what they need unless it is
// quiet.
absl::Status make_plan(const PreparedRecipe& recipe, bool quiet, Run& run) {
  if (recipe.plan) return recipe.plan(run);
  absl::Status status = recipe.reproduce(run);
  if (status.ok()) status = run.show_plans();
  if (quiet && absl::IsNotFound(status) && run.plans().empty()) return absl::OkStatus();  // nothing is known
  return absl::IsCancelled(status) && !interrupt_requested() ? absl::OkStatus() : status;
}

// Bytes that the largest part of this preset needs, 0 if no plan knows.
absl::StatusOr<int64_t> planned_bytes(const PreparedRecipe& recipe, RunSetup setup, bool quiet) {
  setup.options.plan = true;
  setup.quiet = quiet;
  ROUX_ASSIGN_OR_RETURN(const std::unique_ptr<Run> run, Run::open(std::move(setup)));
  try {
    ROUX_RETURN_IF_ERROR(make_plan(recipe, quiet, *run));
  } catch (const Error& error) {
    return absl::InvalidArgumentError(error.what());
  }
  int64_t bytes = run->planned_part();
  for (const PartPlan& plan : run->plans()) bytes = std::max(bytes, plan.peak);
  return bytes;
}

// "; --preset=default fits (20 MiB)", for the last preset before this one that does.
std::string smaller_preset_that_fits(const ErasedRecipe& recipe, const RunSetup& setup) {
  for (int preset = setup.preset_index - 1; preset >= 0; --preset) {
    RunSetup smaller = setup;
    smaller.preset = recipe.presets[static_cast<size_t>(preset)];
    smaller.options.preset = smaller.preset.name;
    const absl::StatusOr<PreparedRecipe> prepared = recipe.prepare(preset, setup.options.changes);
    if (!prepared.ok()) continue;
    const absl::StatusOr<int64_t> bytes = planned_bytes(*prepared, smaller, /*quiet=*/true);
    if (bytes.ok() && one_part_fits({*bytes, setup.memory.free}))
      return absl::StrCat("; --preset=", smaller.preset.name, " fits (", bytes_text(*bytes), ")");
  }
  return "";
}

absl::Status check_memory(const ErasedRecipe& recipe, const RunSetup& setup) {
  if (one_part_fits(setup.memory)) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("--preset=", setup.options.preset, ": one part needs ", bytes_text(setup.memory.part),
                   " of tensors and a tenth more for buffers, ", bytes_text(setup.memory.free),
                   " are free on ", setup.options.device, smaller_preset_that_fits(recipe, setup)));
}

std::string memory_line(const RunSetup& setup, Device device) {
  const PartMemory& memory = setup.memory;
  const int wanted = num_threads();
  const int parts = parallel_parts(wanted, device, memory);
  return absl::StrCat(
      "Up to ", parts, parts == 1 ? " part" : " parts", " at a time: ", bytes_text(parts * memory.part),
      memory.free < 0 ? "" : absl::StrCat(" of ", bytes_text(memory.free), " free on ", setup.options.device),
      one_part_fits(memory) ? "" : ": too little for one and a tenth more for buffers", "\n");
}

// The presets smoke and default are small by rule (2 GB): their plan is not made before each run, unless the
// user changed them or the machine is small.
bool may_be_large(const RunSetup& setup) {
  const Options& options = setup.options;
  const bool small = options.preset == "smoke" || options.preset == "default";
  return !small || !options.changes.empty() || (setup.memory.free >= 0 && setup.memory.free < kSmallMachine);
}

absl::Status plan(const ErasedRecipe& recipe, const PreparedRecipe& prepared, RunSetup& setup) {
  const bool show = setup.options.plan;
  ROUX_ASSIGN_OR_RETURN(const Device device, parse_device(setup.options.device));
  setup.memory.free = free_for_parts(device);
  if (!show && (!setup.options.table.empty() || !may_be_large(setup))) return absl::OkStatus();
  ROUX_ASSIGN_OR_RETURN(setup.memory.part, planned_bytes(prepared, setup, /*quiet=*/!show));
  if (!show) return check_memory(recipe, setup);
  if (setup.memory.part > 0) std::fputs(memory_line(setup, device).c_str(), stdout);
  return absl::OkStatus();
}

}  // namespace

size_t default_preset(const ErasedRecipe& recipe) {
  for (size_t i = 0; i < recipe.presets.size(); ++i) {
    if (recipe.presets[i].name == "default") return i;
  }
  return 0;
}

absl::StatusOr<PreparedRun> prepare_run(const ErasedRecipe& recipe, Options options) {
  PreparedRun prepared;
  RunSetup& setup = prepared.setup;
  ROUX_RETURN_IF_ERROR(adopt_earlier_run(recipe.info, options));
  ROUX_ASSIGN_OR_RETURN(setup.preset_index, find_preset(options.preset, recipe.presets));
  ROUX_RETURN_IF_ERROR(check_device(options.device));
  ROUX_RETURN_IF_ERROR(check_preset_device(options));
  ROUX_RETURN_IF_ERROR(check_profile(options));
  ROUX_ASSIGN_OR_RETURN(prepared.recipe, recipe.prepare(setup.preset_index, options.changes));
  setup.preset = recipe.presets[static_cast<size_t>(setup.preset_index)];
  ROUX_RETURN_IF_ERROR(seeds_of(options, setup.preset).status());
  ROUX_RETURN_IF_ERROR(inspect("--model", recipe.info.model_kind, options.model, setup.inputs.model));
  ROUX_RETURN_IF_ERROR(inspect("--data", recipe.info.data_kind, options.data, setup.inputs.data));
  ROUX_RETURN_IF_ERROR(inspect("--table", recipe.info.table_kind, options.table, setup.inputs.table));
  options.trace = user_path(options.trace);
  setup.info = recipe.info;
  setup.options = std::move(options);
  setup.settings = prepared.recipe.settings;
  setup.checkpoint_seconds = recipe.checkpoint_seconds;
  setup.whole_checkpoint_bytes = recipe.whole_checkpoint_bytes;
  ROUX_RETURN_IF_ERROR(plan(recipe, prepared.recipe, setup));
  const std::string& trace = setup.options.trace;
  if (!trace.empty() && !setup.options.plan) ROUX_RETURN_IF_ERROR(write_chrome_trace(trace, {}));
  return prepared;
}

}  // namespace roux::kit
