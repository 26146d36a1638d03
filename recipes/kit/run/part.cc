#include "recipes/kit/run/part.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "optim/optimizer.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/run/machine.h"
#include "recipes/kit/run/run.h"
#include "tensor/comm/communicator.h"
#include "tensor/error.h"
#include "tensor/ops/creation.h"

namespace roux::kit {
namespace {

constexpr char kMetricsSection[] = "kit.metrics";
constexpr char kPredictionsSection[] = "kit.predictions";
constexpr char kLeftSection[] = "kit.left";
constexpr char kResultSection[] = "kit.result";
constexpr char kStepsSection[] = "kit.steps";

std::string per_second(double count) {
  if (count >= 1e6) return absl::StrFormat("%.1fM", count / 1e6);
  return count >= 1e4 ? absl::StrFormat("%.1fk", count / 1e3) : absl::StrFormat("%.0f", count);
}

}  // namespace

PartName::PartName(const std::string& name) : arm(name) {
  const size_t slash = name.rfind("/seed");
  uint64_t number = 0;
  if (slash == std::string::npos || !absl::SimpleAtoi(name.substr(slash + 5), &number)) return;
  arm.resize(slash);
  seed = number;
}

Part::Part(Run& run, std::string name, size_t segment)
    : run_(run),
      name_(std::move(name)),
      identity_(name_),
      segment_(segment),
      directory_(run.path("checkpoints/" + name_)),
      store_(directory_) {}

uint64_t Part::seed() const {
  ROUX_CHECK(identity_.seed.has_value())
      << "part: " << name_ << " is no \"<arm>/seed<N>\", so it has no seed of its own";
  return *identity_.seed;
}

Device Part::device() const { return run_.device(); }
bool Part::planning() const { return run_.planning(); }
bool Part::divides_parameters() const { return run_.setup_.options.zero == 3 && world().size() > 1; }

std::string Part::result_path() const { return directory_ + "/result.ckpt"; }

std::string Part::left_path(const std::string& part, const std::string& what) const {
  return run_.path(absl::StrCat("checkpoints/", part, "/left-", what, ".ckpt"));
}

absl::Status Part::restore(const Fits& fits) {
  if (::access(result_path().c_str(), F_OK) == 0) {
    const absl::Status status = restore_result(fits);
    if (status.ok()) return status;
    run_.progress_.line(absl::StrCat(status.message(), "; ", name_, " starts over"));
  }
  absl::StatusOr<std::optional<CheckpointStore::Loaded>> newest = store_.load_newest();
  absl::Status status = newest.status();
  if (status.ok() && !*newest) return status;
  if (status.ok()) status = restore_left((*newest)->checkpoint);
  if (!status.ok()) {
    run_.progress_.line(absl::StrCat(status.message(), "; ", name_, " starts over"));
    return absl::OkStatus();
  }
  restored_ = *std::move(newest);
  for (const std::string& warning : restored_->warnings) {
    run_.progress_.line(absl::StrCat(warning, "; going on from ", restored_->checkpoint.path()));
  }
  ROUX_RETURN_IF_ERROR(restore_logs(restored_->checkpoint));
  steps_done_ = restored_->step;
  run_.skip_steps(restored_->step);
  return absl::OkStatus();
}

absl::Status Part::restore_result(const Fits& fits) {
  ROUX_ASSIGN_OR_RETURN(const Checkpoint finished, Checkpoint::open(result_path()));
  ROUX_ASSIGN_OR_RETURN(const absl::string_view result, finished.section(kResultSection));
  ROUX_ASSIGN_OR_RETURN(const std::vector<double> steps, finished.numbers(kStepsSection));
  const absl::Status fit = fits(result);
  if (!fit.ok()) return absl::DataLossError(absl::StrCat(result_path(), ": ", fit.message()));
  ROUX_RETURN_IF_ERROR(restore_left(finished));
  ROUX_RETURN_IF_ERROR(restore_logs(finished));
  result_ = std::string(result);
  if (!steps.empty()) run_.skip_steps(static_cast<int64_t>(steps[0]));
  return absl::OkStatus();
}

absl::Status Part::restore_logs(const Checkpoint& checkpoint) {
  ROUX_ASSIGN_OR_RETURN(const absl::string_view metrics, checkpoint.section(kMetricsSection));
  ROUX_ASSIGN_OR_RETURN(const absl::string_view predictions, checkpoint.section(kPredictionsSection));
  run_.metrics_.append(segment_, metrics);
  run_.predictions_.append(segment_, predictions);
  return absl::OkStatus();
}

absl::Status Part::restore_left(const Checkpoint& checkpoint) {
  std::vector<std::string> names;
  ROUX_ASSIGN_OR_RETURN(const absl::string_view encoded, checkpoint.section(kLeftSection));
  ROUX_RETURN_IF_ERROR(decode_value(encoded, names));
  for (const std::string& what : names) {
    ROUX_RETURN_IF_ERROR(Checkpoint::open(left_path(name_, what)).status());
  }
  left_ = names;
  return absl::OkStatus();
}

void Part::metric(const std::string& metric, int64_t step, double value) {
  JsonObject line;
  line.add("part", name_).add("step", step).add(metric, value);
  run_.worked_ = true;
  run_.metrics_.append(segment_, line.text() + "\n");
}

void Part::prediction(const Prediction& prediction) {
  JsonObject line;
  line.add("arm", arm()).add_raw("seed", identity_.seed ? to_json(*identity_.seed) : "null");
  line.add("item", prediction.item).add("gold", prediction.gold).add("output", prediction.output);
  line.add("scores", prediction.scores);
  run_.worked_ = true;
  run_.predictions_.append(segment_, line.text() + "\n");
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

void Part::time_next_step() {
  last_step_ = Clock::now();
  waited_ = seconds_waited();
}

Part::RankUse Part::use_of_ranks(double memory_mib, double seconds) const {
  const int64_t ranks = world().size();
  if (ranks == 1) return {};
  const Tensor own =
      tensor(std::vector<double>{memory_mib, std::max(1e-9, seconds - seconds_waited() + waited_)}, {2});
  const Tensor all = empty(TensorSpec{kF64, {2 * ranks}});
  world().all_gather(all, own).wait();
  const std::vector<double> numbers = all.to_vector<double>();
  RankUse use;
  for (size_t i = 0; i < numbers.size(); i += 2) {
    use.memory_mib.push_back(std::round(numbers[i]));
    use.seconds.push_back(std::round(numbers[i + 1] * 1e6) / 1e6);
  }
  return use;
}

std::string Part::ranks_line(const RankUse& use, int64_t tokens) {
  if (use.seconds.empty()) return "";
  const auto rank = [](const std::vector<double>& of, auto at) { return at - of.begin(); };
  const auto [least, most] = std::minmax_element(use.memory_mib.begin(), use.memory_mib.end());
  const auto [fast, slow] = std::minmax_element(use.seconds.begin(), use.seconds.end());
  // Each takes as large a share of the tokens.
  const auto speed = [&](double seconds) {
    return tokens == 0 ? absl::StrFormat("%.1f ms", seconds * 1e3)
                       : per_second(static_cast<double>(tokens) / static_cast<double>(use.seconds.size()) /
                                    std::max(1e-6, seconds)) +
                             " tok/s";
  };
  return absl::StrFormat("; ranks from %.0f MiB (%d) to %.0f (%d), at their own work from %s (%d) to %s (%d)",
                         *least, rank(use.memory_mib, least), *most, rank(use.memory_mib, most), speed(*slow),
                         rank(use.seconds, slow), speed(*fast), rank(use.seconds, fast));
}

absl::Status Part::step(const StepInfo& info, const SaveFunction& save_function) {
  ROUX_RETURN_IF_ERROR(record(info));
  ROUX_RETURN_IF_ERROR(save_if_due(info.step, save_function));
  end_step(info.step, info.steps);
  return absl::OkStatus();
}

void Part::end_step(int64_t step, int64_t steps) const {
  if (step < steps) {
    begin_step(step + 1);
  } else {
    trace_steps_end();
  }
}

absl::Status Part::record(const StepInfo& info) {
  if (planning()) return run_.plan_ended(name_ + " steps by itself, which no plan can do");
  const auto now = Clock::now();
  const double seconds = std::max(1e-9, std::chrono::duration<double>(now - last_step_).count());
  const double memory_mib = info.memory_mib > 0 ? info.memory_mib : peak_memory_mib();
  ROUX_RETURN_IF_ERROR(check_finite(info));
  const RankUse ranks = use_of_ranks(memory_mib, seconds);
  steps_done_ = info.step;
  JsonObject line;
  line.add("part", name_).add("step", info.step).add("loss", info.loss);
  if (info.grad_norm) line.add("grad_norm", *info.grad_norm);
  if (info.lr) line.add("lr", *info.lr);
  run_.metrics_.append(segment_, line.text() + "\n");
  JsonObject timing;
  timing.add("part", name_).add("step", info.step).add("ms", std::round(seconds * 1e6) / 1e3);
  if (info.tokens > 0) timing.add("tokens_per_second", std::round(info.tokens / seconds));
  timing.add("memory_mib", std::round(memory_mib));
  if (!ranks.seconds.empty()) {
    timing.add("rank_memory_mib", ranks.memory_mib).add("rank_seconds", ranks.seconds);
  }
  ROUX_RETURN_IF_ERROR(run_.timing(timing.text() + "\n"));
  run_.step_done(step_line(info, seconds) + ranks_line(ranks, info.tokens));
  time_next_step();
  return absl::OkStatus();
}

absl::Status Part::slice(int64_t done, int64_t total, const SaveFunction& save_function) {
  if (planning()) return run_.plan_ended(name_ + " is work over items, which no plan can do");
  steps_done_ = done;
  run_.step_done(absl::StrCat(name_, " ", done, "/", total));
  ROUX_RETURN_IF_ERROR(save_if_due(done, save_function));
  end_step(done, total);
  return absl::OkStatus();
}

bool Part::checkpoint_due() const {
  const double seconds = std::chrono::duration<double>(Clock::now() - last_save_).count();
  return run_.interrupted() || seconds >= run_.setup_.checkpoint_seconds;
}

absl::Status Part::save_if_due(int64_t step, const SaveFunction& function) {
  const Run::Meeting ranks = run_.meet_ranks(checkpoint_due());
  if (function && (ranks.stop || ranks.save)) ROUX_RETURN_IF_ERROR(save(step, function));
  if (ranks.stop) return absl::CancelledError("interrupted");
  time_next_step();
  return absl::OkStatus();
}

void Part::begin_loop(const char* loop) {
  ROUX_CHECK(loop_ == nullptr) << loop << ": " << name_ << " has run " << loop_
                               << " already: a part runs one loop, two phases are two parts";
  loop_ = loop;
}

absl::Status Part::leave(const std::string& what, const States& states) {
  const bool plain = !what.empty() && std::all_of(what.begin(), what.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
  });
  ROUX_CHECK(plain) << "part.leave: a name is letters, digits and _-: got '" << what << "'";
  if (planning()) return absl::OkStatus();
  CheckpointWriter writer;
  save_states(states, writer);
  ROUX_RETURN_IF_ERROR(make_directories(directory_));
  ROUX_RETURN_IF_ERROR(writer.write(left_path(name_, what)));
  if (std::find(left_.begin(), left_.end(), what) == left_.end()) left_.push_back(what);
  return absl::OkStatus();
}

absl::Status Part::load_own(const std::string& what, const States& states) const {
  if (planning()) return absl::OkStatus();
  ROUX_ASSIGN_OR_RETURN(const Checkpoint checkpoint, Checkpoint::open(left_path(name_, what)));
  return restore_states(checkpoint, states);
}

absl::Status Part::load_from(const std::string& from, const States& states, const std::string& what) const {
  if (planning()) return absl::OkStatus();
  ROUX_ASSIGN_OR_RETURN(const Checkpoint checkpoint, left(from, what));
  return restore_states(checkpoint, states);
}

absl::StatusOr<Checkpoint> Part::left(const std::string& from, const std::string& what) const {
  if (planning())
    return run_.plan_ended(absl::StrCat(name_, " reads what ", from, " left, which no plan can do"));
  ROUX_ASSIGN_OR_RETURN(const Run::Ended ended, run_.ended(name_, from));
  if (std::find(ended.left.begin(), ended.left.end(), what) != ended.left.end()) {
    return Checkpoint::open(left_path(ended.name, what));
  }
  return absl::NotFoundError(absl::StrCat(name_, ": ", ended.name, " left no '", what, "'; it left ",
                                          ended.left.empty() ? "nothing" : absl::StrJoin(ended.left, ", ")));
}

absl::Status Part::planned(PartPlan plan) {
  plan.part = name_;
  run_.add_plan(std::move(plan));
  return run_.plan_ended(name_ + " is planned");
}

void Part::add_logs(CheckpointWriter& writer) const {
  writer.add(kMetricsSection, run_.metrics_.text(segment_));
  writer.add(kPredictionsSection, run_.predictions_.text(segment_));
  writer.add(kLeftSection, encode_value(left_));
}

absl::Status Part::save(int64_t step, const SaveFunction& function) {
  // Rank 0 writes; where state is divided, the others have parts of it and write theirs.
  const bool divided = ShardOptimizerStates::current() != nullptr;
  if (run_.setup_.follower && !divided) return absl::OkStatus();
  CheckpointWriter writer;
  if (!run_.setup_.follower) add_logs(writer);
  if (divided) writer.divide(world().rank(), world().size(), run_.setup_.whole_checkpoint_bytes);
  function(writer);
  if (writer.is_divided()) ROUX_RETURN_IF_ERROR(save_parts(step, writer));
  if (run_.setup_.follower) return absl::OkStatus();
  ROUX_RETURN_IF_ERROR(store_.save(step, writer));
  ROUX_RETURN_IF_ERROR(run_.count_session());
  last_save_ = Clock::now();
  return absl::OkStatus();
}

absl::Status Part::save_parts(int64_t step, CheckpointWriter& writer) const {
  constexpr char kError[] = "error: ";
  const std::string folder = world().broadcast(std::filesystem::absolute(directory_).string(), 0);
  const absl::StatusOr<std::string> own = CheckpointStore(folder).save_part(step, writer);
  const std::vector<std::string> all =
      world().all_gather(own.ok() ? *own : absl::StrCat(kError, own.status().message()));
  for (size_t rank = 0; rank < all.size(); ++rank) {
    if (!absl::StartsWith(all[rank], kError)) continue;
    return absl::UnavailableError(absl::StrCat(name_, ": step ", step, ": no checkpoint: rank ", rank, ": ",
                                               all[rank].substr(sizeof kError - 1)));
  }
  writer.add_parts(all);
  return absl::OkStatus();
}

absl::Status Part::finish(const std::string& result) {
  CheckpointWriter writer;
  add_logs(writer);
  writer.add(kResultSection, result);
  writer.add_numbers(kStepsSection, {static_cast<double>(steps_done_)});
  ROUX_RETURN_IF_ERROR(make_directories(directory_));
  ROUX_RETURN_IF_ERROR(writer.write(result_path()));
  ROUX_RETURN_IF_ERROR(run_.count_session());
  return store_.clear();
}

}  // namespace roux::kit
