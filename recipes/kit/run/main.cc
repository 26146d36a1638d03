#include "recipes/kit/run/main.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "optim/optimizer.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/interrupt.h"
#include "recipes/kit/run/prepare.h"
#include "recipes/kit/run/profile.h"
#include "recipes/kit/run/ranks.h"
#include "recipes/kit/run/shell_quote.h"
#include "recipes/kit/run/text_table.h"
#include "recipes/kit/run/trace.h"
#include "tensor/comm/communicator.h"
#include "tensor/cpu/roofs.h"
#include "tensor/error.h"
#include "tensor/parallel.h"
#include "tensor/profiler.h"

namespace roux::kit {
namespace {

enum ExitCode { kDone = 0, kError = 1, kClaimFails = 3, kInterrupted = 130 };

// The other ranks would wait for this one: the job ends. Rank 0 goes first, for it may have met the same.
int fail(absl::string_view message) {
  const std::string text = absl::StrCat("error: ", message);
  if (world().size() > 1) {
    if (world().rank() > 0) std::this_thread::sleep_for(std::chrono::seconds(2));
    abort_world(text, kError);
  }
  std::fprintf(stderr, "%s\n", text.c_str());
  return kError;
}
int fail(const absl::Status& status) { return fail(status.message()); }

// Preset, seeds, inputs and settings come from the folder.
std::string resume_command(const char* program, const Run& run) {
  const Options& options = run.options();
  const bool bazel = std::getenv("BUILD_WORKSPACE_DIRECTORY") != nullptr;
  return absl::StrCat(bazel ? absl::StrCat("bazel run //", run.info().folder, "/", run.info().slug, " --")
                            : shell_quote(program),
                      options.threads > 0 ? absl::StrCat(" --threads=", options.threads) : "",
                      options.zero > 0 ? absl::StrCat(" --zero=", options.zero) : "",
                      options.offline ? " --offline" : "", " --resume=", shell_quote(run.out()));
}

std::string wrapped(const std::string& text) {
  return absl::StrCat(absl::StrJoin(wrap_text(text, kTextColumns), "\n"), "\n");
}

std::string heading(const Run& run) {
  const Options& options = run.options();
  const RecipeInfo& info = run.info();
  std::string text = absl::StrCat(
      wrapped(absl::StrCat(info.title, info.arxiv.empty() ? "" : absl::StrCat(" (arXiv ", info.arxiv, ")"))),
      wrapped(absl::StrCat("preset ", options.preset, ": ", run.preset().what)));
  for (const SettingChange& change : options.changes)
    absl::StrAppend(&text, "changed: ", change.name, "=", change.text, "\n");
  absl::StrAppend(
      &text, wrapped(absl::StrCat("seeds ", absl::StrJoin(run.seeds(), " "), ", device ", options.device)),
      "output ", run.out(), "\n");
  if (run.is_users_own())
    absl::StrAppend(&text, "your own data or settings: claims are reported, not asserted\n");
  return text + "\n";
}

void start_recording(const Options& options) {
  if (options.trace.empty() && !options.profile) return;
  TraceOptions wanted{.events = !options.trace.empty(), .first_step = options.trace_steps.first};
  if (options.trace_steps.last > 0) wanted.last_step = options.trace_steps.last;
  start_trace(wanted);
}

// The trace is written and the profile printed however the run ended.
absl::Status end_recording(Run& run) {
  const Options& options = run.options();
  if (options.trace.empty() && !options.profile) return absl::OkStatus();
  const Trace trace = take_trace();
  if (options.profile) run.print(profile_text(trace, cpu::measure_roofs(widths_of(trace))));
  if (options.trace.empty()) return absl::OkStatus();
  ROUX_RETURN_IF_ERROR(write_chrome_trace(options.trace, trace));
  const std::string steps = to_string(options.trace_steps);
  run.print(trace.events.empty() && !steps.empty()
                ? absl::StrCat("Trace: ", options.trace, " is empty: no part ran in steps ", steps, "\n")
                : absl::StrCat("Trace: ", options.trace, "\n"));
  return absl::OkStatus();
}

// Runs the method, or its table, and writes what it found.
absl::Status carry_out(const PreparedRecipe& recipe, Run& run) {
  start_recording(run.options());
  absl::Status status;
  try {
    const std::string& table = run.options().table;
    status = table.empty() ? recipe.reproduce(run) : recipe.table(table, run);
    if (status.ok() && !table.empty() && !read_file(run.path("table.json")).ok())
      status = absl::InternalError("--table: this recipe wrote no table.json");
  } catch (const Error& error) {
    status = absl::InvalidArgumentError(error.what());
  } catch (const std::bad_alloc&) {
    status = absl::ResourceExhaustedError("out of memory");
  }
  status = status.ok() ? run.finish() : run.stopped(status);
  if (status.ok() && !run.options().table.empty())
    run.print(absl::StrCat("Table: ", run.path("table.json"), "\n"));
  const absl::Status recorded = end_recording(run);
  return status.ok() ? recorded : status;
}

// Another attempt helps after a full disk or a lack of memory, not after a wrong value or a loss that is NaN.
bool is_worth_resuming(const absl::Status& status) {
  return !absl::IsInvalidArgument(status) && !absl::IsAborted(status);
}

bool speaks() { return world().rank() == 0; }

void explain_failing_claims(const std::vector<Claim>& claims) {
  int failing = 0;
  std::string first;
  for (const Claim& claim : claims) {
    if (!claim.asserted || verdict(claim) != Verdict::kFails) continue;
    if (failing++ == 0) first = claim.text;
  }
  std::fprintf(stderr, "exit code 3: %s: \"%s\"\n",
               failing == 1 ? "an asserted claim fails"
                            : absl::StrCat(failing, " asserted claims fail, the first").c_str(),
               first.c_str());
}

int run_recipe(const char* program, const ErasedRecipe& recipe, const Options& options) {
  if (options.plan && !speaks()) return kDone;
  if (options.threads > 0) set_num_threads(options.threads);
  std::optional<ShardOptimizerStates> shard;
  if (options.zero > 0 && world().size() > 1) shard.emplace(world());
  absl::StatusOr<PreparedRun> prepared = prepare_run(recipe, options);
  if (absl::IsCancelled(prepared.status()) && interrupt_requested()) {
    std::fputs("interrupted before the run began: the same command starts it\n", stderr);
    return kInterrupted;
  }
  if (!prepared.ok()) return fail(prepared.status());
  if (options.plan) return kDone;
  const auto scratch = follow_rank_0(prepared->setup);
  if (!scratch.ok()) return fail(scratch.status());
  const absl::StatusOr<std::unique_ptr<Run>> opened = Run::open(prepared->setup);
  if (!opened.ok()) return fail(opened.status());
  Run& run = **opened;
  run.print(heading(run));
  const absl::Status status = carry_out(prepared->recipe, run);
  run.print("");  // the bar goes
  if (!status.ok() && !absl::IsCancelled(status) && run.discard_if_nothing_was_done()) return fail(status);
  const absl::Status ended = run.count_session(status.ok());
  if (absl::IsCancelled(status) && (interrupt_requested() || world().size() > 1)) {
    if (speaks())
      std::fprintf(stderr, "interrupted; to go on:\n  %s\n", resume_command(program, run).c_str());
    return kInterrupted;
  }
  if (!status.ok()) {
    const bool resumable = is_worth_resuming(status) && holds_work(run.out());
    return fail(absl::StrCat(status.message(),
                             resumable
                                 ? absl::StrCat("\nwhat was done is kept; to go on once that is mended:\n  ",
                                                resume_command(program, run))
                                 : ""));
  }
  if (!ended.ok()) return fail(ended);
  if (!any_asserted_fails(run.claims())) return kDone;
  if (speaks()) explain_failing_claims(run.claims());
  return kClaimFails;
}

int main_of_rank(int argc, char** argv, const ErasedRecipe& recipe) {
  try {
    const std::vector<Setting>& settings = recipe.settings[default_preset(recipe)];
    const absl::StatusOr<Options> options =
        parse_flags(std::vector<std::string>(argv + 1, argv + argc), recipe.info, recipe.presets, settings);
    if (!options.ok()) return fail(options.status());
    if (options->help) {
      if (speaks()) std::fputs(help_text(recipe.info, recipe.presets, settings).c_str(), stdout);
      return kDone;
    }
    return run_recipe(argv[0], recipe, *options);
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

}  // namespace

int recipe_main(int argc, char** argv, const ErasedRecipe& recipe) {
  InterruptOptions interrupts;
  if (!is_first_of_launcher()) interrupts.message = "";
  install_interrupt_handlers(interrupts);  // before MPI: its threads inherit what is blocked
  const absl::Status started = start_ranks();
  if (!started.ok()) return fail(started);
  const int code = main_of_rank(argc, argv, recipe);
  leave_world();  // every rank comes here with the same code; one that failed alone has ended the job
  return code;
}

}  // namespace roux::kit
