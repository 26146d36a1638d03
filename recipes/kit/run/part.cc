#include "recipes/kit/run/part.h"

#include <unistd.h>

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/run/machine.h"
#include "recipes/kit/run/run.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr char kMetricsSection[] = "kit.metrics";
constexpr char kResultSection[] = "kit.result";
constexpr char kStepsSection[] = "kit.steps";

std::string per_second(double count) {
  if (count >= 1e6) return absl::StrFormat("%.1fM", count / 1e6);
  return count >= 1e4 ? absl::StrFormat("%.1fk", count / 1e3) : absl::StrFormat("%.0f", count);
}

}  // namespace

Part::Part(Run& run, std::string name, size_t segment)
    : run_(run),
      name_(std::move(name)),
      segment_(segment),
      directory_(run.path("checkpoints/" + name_)),
      store_(directory_) {}

std::string Part::result_path() const { return directory_ + "/result.ckpt"; }

absl::Status Part::restore() {
  if (::access(result_path().c_str(), F_OK) == 0) {
    const absl::StatusOr<Checkpoint> finished = Checkpoint::open(result_path());
    if (finished.ok()) {
      ROUX_ASSIGN_OR_RETURN(const absl::string_view lines, finished->section(kMetricsSection));
      ROUX_ASSIGN_OR_RETURN(result_, finished->numbers(kResultSection));
      ROUX_ASSIGN_OR_RETURN(const std::vector<double> steps, finished->numbers(kStepsSection));
      run_.metrics_.append(segment_, lines);
      if (!steps.empty()) run_.skip_steps(static_cast<int64_t>(steps[0]));
      return absl::OkStatus();
    }
    run_.progress_.line(absl::StrCat(finished.status().message(), "; ", name_, " starts over"));
  }
  absl::StatusOr<std::optional<CheckpointStore::Loaded>> newest = store_.load_newest();
  if (!newest.ok()) {
    run_.progress_.line(absl::StrCat(newest.status().message(), "; ", name_, " starts over"));
    return absl::OkStatus();
  }
  restored_ = *std::move(newest);
  if (!restored_) return absl::OkStatus();
  for (const std::string& warning : restored_->warnings) {
    run_.progress_.line(absl::StrCat(warning, "; going on from ", restored_->checkpoint.path()));
  }
  ROUX_ASSIGN_OR_RETURN(const absl::string_view lines, restored_->checkpoint.section(kMetricsSection));
  run_.metrics_.append(segment_, lines);
  steps_done_ = restored_->step;
  run_.skip_steps(restored_->step);
  return absl::OkStatus();
}

void Part::metric(const std::string& metric, int64_t step, double value) {
  JsonObject line;
  line.add("part", name_).add("step", step).add(metric, value);
  run_.metrics_.append(segment_, line.text() + "\n");
}

absl::Status Part::check_finite(const StepInfo& info) const {
  const bool bad_loss = !std::isfinite(info.loss);
  if (!bad_loss && (!info.grad_norm || std::isfinite(*info.grad_norm))) return absl::OkStatus();
  const std::vector<int64_t> saved = store_.steps();
  return absl::AbortedError(
      absl::StrCat(name_, ": step ", info.step, ": ", bad_loss ? "the loss" : "the gradient norm", " is ",
                   bad_loss ? info.loss : *info.grad_norm,
                   info.nonfinite.empty() ? "" : absl::StrCat(", first made by ", info.nonfinite), "; ",
                   saved.empty() ? "no checkpoint was saved yet"
                                 : "last good checkpoint: " + store_.path_of(saved.back())));
}

std::string Part::step_line(const StepInfo& info, double seconds) const {
  std::string line = absl::StrFormat("%s %d/%d  loss %.4f", name_, info.step, info.steps, info.loss);
  if (info.grad_norm) absl::StrAppendFormat(&line, "  |g| %.3g", *info.grad_norm);
  if (info.lr) absl::StrAppendFormat(&line, "  lr %.3g", *info.lr);
  absl::StrAppendFormat(&line, "  %.*f ms", seconds < 0.01 ? 1 : 0, seconds * 1e3);
  if (info.tokens > 0) absl::StrAppend(&line, "  ", per_second(info.tokens / seconds), " tok/s");
  if (info.flops > 0) {
    absl::StrAppendFormat(&line, "  %.1f GFLOP/s", info.flops / seconds / 1e9);
    if (run_.peak_flops_ > 0)
      absl::StrAppendFormat(&line, " (%.0f%%)", 100 * info.flops / seconds / run_.peak_flops_);
  }
  absl::StrAppendFormat(&line, "  %.0f MiB", info.memory_mib > 0 ? info.memory_mib : peak_memory_mib());
  return line;
}

absl::Status Part::step(const StepInfo& info, const SaveFunction& save_function) {
  const auto now = Clock::now();
  const double seconds = std::max(1e-9, std::chrono::duration<double>(now - last_step_).count());
  ROUX_RETURN_IF_ERROR(check_finite(info));
  steps_done_ = info.step;
  JsonObject line;
  line.add("part", name_).add("step", info.step).add("loss", info.loss);
  if (info.grad_norm) line.add("grad_norm", *info.grad_norm);
  if (info.lr) line.add("lr", *info.lr);
  run_.metrics_.append(segment_, line.text() + "\n");
  JsonObject timing;
  timing.add("part", name_).add("step", info.step).add("ms", std::round(seconds * 1e6) / 1e3);
  if (info.tokens > 0) timing.add("tokens_per_second", std::round(info.tokens / seconds));
  timing.add("memory_mib", std::round(info.memory_mib > 0 ? info.memory_mib : peak_memory_mib()));
  ROUX_RETURN_IF_ERROR(run_.timing(timing.text() + "\n"));
  run_.step_done(step_line(info, seconds));

  const bool stop = run_.interrupted();
  const bool due = std::chrono::duration<double>(now - last_save_).count() >= run_.setup_.checkpoint_seconds;
  if (save_function && (stop || due)) ROUX_RETURN_IF_ERROR(save(info.step, save_function));
  if (stop) return absl::CancelledError("interrupted");
  last_step_ = Clock::now();
  return absl::OkStatus();
}

absl::Status Part::save(int64_t step, const SaveFunction& function) {
  CheckpointWriter writer;
  writer.add(kMetricsSection, run_.metrics_.text(segment_));
  function(writer);
  ROUX_RETURN_IF_ERROR(store_.save(step, writer));
  last_save_ = Clock::now();
  return absl::OkStatus();
}

absl::Status Part::finish(const std::vector<double>& result) {
  CheckpointWriter writer;
  writer.add(kMetricsSection, run_.metrics_.text(segment_));
  writer.add_numbers(kResultSection, result);
  writer.add_numbers(kStepsSection, {static_cast<double>(steps_done_)});
  ROUX_RETURN_IF_ERROR(make_directories(directory_));
  ROUX_RETURN_IF_ERROR(writer.write(result_path()));
  return store_.clear();
}

}  // namespace roux::kit
