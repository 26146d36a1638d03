// A part of a run: one training (or one costly evaluation) that is checkpointed, resumed and recorded on its
// own.
//
//   int64_t step = part.start_step();                               // 0, or where the checkpoint stands
//   if (const Checkpoint* saved = part.restored()) { ...load state from saved->section("model")... }
//   for (; step < config.steps;) {
//     ...one step...; ++step;
//     if (step % 10 == 0) part.metric("validation_loss", step, evaluate());
//     ROUX_RETURN_IF_ERROR(part.step({.step = step, .steps = config.steps, .loss = loss, .grad_norm = norm,
//     .lr = lr,
//                                     .tokens = 512}, [&](CheckpointWriter& w) { w.add("model",
//                                     model_bytes()); }));
//   }
#ifndef ROUX_RECIPES_KIT_RUN_PART_H_
#define ROUX_RECIPES_KIT_RUN_PART_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "recipes/kit/run/checkpoint.h"

namespace roux::kit {

class Part;
class Run;
// Returns the numbers that the rest of the recipe needs from this part.
using PartFunction = std::function<absl::StatusOr<std::vector<double>>(Part&)>;
// Adds the training state to a checkpoint; called between steps only.
using SaveFunction = std::function<void(CheckpointWriter&)>;

struct StepInfo {
  int64_t step = 0;   // steps finished, 1 after the first
  int64_t steps = 0;  // of this part
  double loss = 0;
  std::optional<double> grad_norm;
  std::optional<double> lr;
  int64_t tokens = 0;     // processed in this step; 0: not shown
  double flops = 0;       // done in this step; 0: not shown
  double memory_mib = 0;  // peak of the device; 0: the peak of the process is shown
  std::string nonfinite;  // the op that made the first NaN, if anomaly mode found it
};

class Part {
 public:
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  const std::string& name() const { return name_; }
  // The checkpoint to go on from, or null for a fresh start.
  const Checkpoint* restored() const { return restored_ ? &restored_->checkpoint : nullptr; }
  int64_t start_step() const { return restored_ ? restored_->step : 0; }

  // A line of metrics.jsonl: {"part": name, "step": step, <metric>: value}.
  void metric(const std::string& metric, int64_t step, double value);

  // Once after every step: records loss, grad norm and lr in metrics.jsonl and the time in timings.jsonl,
  // draws the step line, saves a checkpoint when one is due. Errors: a loss or gradient norm that is not
  // finite (Aborted, with the step, the op if known and the last good checkpoint); Ctrl-C (Cancelled, after
  // saving); a file that cannot be written. Without `save` the part is not resumable: it starts over.
  absl::Status step(const StepInfo& info, const SaveFunction& save = nullptr);

 private:
  friend class Run;
  Part(Run& run, std::string name, size_t segment);
  absl::Status restore();
  absl::Status save(int64_t step, const SaveFunction& function);
  absl::Status finish(const std::vector<double>& result);
  absl::Status check_finite(const StepInfo& info) const;
  std::string step_line(const StepInfo& info, double seconds) const;
  std::string result_path() const;

  using Clock = std::chrono::steady_clock;
  Run& run_;
  const std::string name_;
  const size_t segment_;
  const std::string directory_;
  CheckpointStore store_;
  std::optional<CheckpointStore::Loaded> restored_;
  std::optional<std::vector<double>> result_;  // of an earlier session
  Clock::time_point last_step_ = Clock::now();
  Clock::time_point last_save_ = Clock::now();
  int64_t steps_done_ = 0;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_PART_H_
