// A part of a run: one training (or one costly evaluation) that is checkpointed, resumed and recorded on its
// own, and may leave states for later parts.
//
//   int64_t step = part.start_step();                               // 0, or where the checkpoint stands
//   if (const Checkpoint* saved = part.restored()) { ...load state from saved->section("model")... }
//   for (; step < config.steps;) {
//     ...one step...; ++step;
//     if (step % 10 == 0) part.metric("validation_loss", step, evaluate());
//     ROUX_RETURN_IF_ERROR(part.step({.step = step, .steps = config.steps, .loss = loss, .grad_norm = norm,
//                                     .lr = lr, .tokens = 512},
//                                    [&](CheckpointWriter& w) { w.add("model", model_bytes()); }));
//   }
//
// That loop stands once in train/train.h (trainings) and run/items.h (work over items); a part runs one of
// them, once. What comes before it is a pure function of configuration, seed and what ended parts left, and
// is done again after a resume.
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
#include "recipes/kit/run/prediction.h"  // IWYU pragma: export
#include "recipes/kit/run/states.h"
#include "tensor/device.h"
#include "tensor/profiler.h"

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

// Memory of one step of a part, under --plan. Bytes of tensors on the device `meta`.
struct PartPlan {
  std::string part;
  int64_t parameters = 0;
  int64_t persistent = 0;  // alive before the step: parameters, optimizer state
  int64_t peak = 0;
};

// "<arm>/seed<N>" as arm and seed; another name is an arm without a seed.
struct PartName {
  explicit PartName(const std::string& name);
  std::string arm;
  std::optional<uint64_t> seed;
};

class Part {
 public:
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  const std::string& name() const { return name_; }
  // Of "<arm>/seed<N>". A part whose name has no seed is shared by all: asking for its seed throws Error.
  const std::string& arm() const { return identity_.arm; }
  uint64_t seed() const;
  Device device() const;  // --device, checked before any work; meta under --plan
  // --zero=3 on several ranks: train() divides the parameters of blocks between them.
  bool divides_parameters() const;
  bool planning() const;  // --plan: nothing is trained, read or written
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
  // step() without the checkpoint and the look at Ctrl-C: for a step whose numbers are read late.
  absl::Status record(const StepInfo& info);
  // step() for work over items: `done` of `total` slices are finished; only progress and checkpoints.
  absl::Status slice(int64_t done, int64_t total, const SaveFunction& save);
  // Marks in a trace that this step, counted from 1, begins. step() and slice() do so for the one after
  // theirs; train() for steps whose numbers it reads late.
  void begin_step(int64_t step) const { trace_step_begins(name_, step); }
  // Whether the next step() saves: what it is given to save must then be of that step.
  bool checkpoint_due() const;
  // What a loop (train(), for_items()) calls first. Throws Error when the part has run one already.
  void begin_loop(const char* loop);

  // Keeps states for later parts in checkpoints/<part>/left-<what>.ckpt: atomic, at any step, several under
  // different names (letters, digits and _-). A step that a resume repeats writes the same bytes again. The
  // stored result lists the files; when one is missing or damaged the part starts over on resume.
  absl::Status leave(const std::string& what, const States& states);
  // Restores what this part has left so far.
  absl::Status load_own(const std::string& what, const States& states) const;
  // Restores what an ended part left. `from`: an arm (this part's seed of it, else the shared part of that
  // name) or a full name. FailedPrecondition when it has not ended; NotFound lists what it left. Under --plan
  // nothing happens.
  absl::Status load_from(const std::string& from, const States& states,
                         const std::string& what = "final") const;
  // The file itself, for tables of unknown size: read_tensors. Under --plan the status ends the part.
  absl::StatusOr<Checkpoint> left(const std::string& from, const std::string& what = "final") const;

  // A line of predictions.jsonl, which is in the order of parts and resumed as metrics.jsonl is.
  void prediction(const Prediction& prediction);

  // Under --plan: records what the part needs; the status ends the part, and Run knows it for no failure.
  absl::Status planned(PartPlan plan);

 private:
  friend class Run;
  Part(Run& run, std::string name, size_t segment);
  // `fits`: whether the encoded result is of the type that the recipe wants.
  using Fits = std::function<absl::Status(absl::string_view)>;
  absl::Status restore(const Fits& fits);
  absl::Status restore_result(const Fits& fits);
  absl::Status restore_logs(const Checkpoint& checkpoint);
  // Fails when a file that the checkpoint lists as left is missing or damaged.
  absl::Status restore_left(const Checkpoint& checkpoint);
  void add_logs(CheckpointWriter& writer) const;
  absl::Status save(int64_t step, const SaveFunction& function);
  // Every rank's part of a divided checkpoint, in the folder of rank 0.
  absl::Status save_parts(int64_t step, CheckpointWriter& writer) const;
  absl::Status save_if_due(int64_t step, const SaveFunction& function);
  // The next step's mark, or none after the last.
  void end_step(int64_t step, int64_t steps) const;
  absl::Status finish(const std::string& result);
  absl::Status check_finite(const StepInfo& info) const;
  std::string step_line(const StepInfo& info, double seconds) const;
  // What the ranks needed for a step, and that as the end of a line; empty alone.
  struct RankUse {
    std::vector<double> memory_mib, seconds;  // its own work, without waiting for others
  };
  RankUse use_of_ranks(double memory_mib, double seconds) const;
  static std::string ranks_line(const RankUse& use, int64_t tokens);
  void time_next_step();
  std::string result_path() const;
  std::string left_path(const std::string& part, const std::string& what) const;

  using Clock = std::chrono::steady_clock;
  Run& run_;
  const std::string name_;
  const PartName identity_;
  const size_t segment_;
  const std::string directory_;
  CheckpointStore store_;
  std::optional<CheckpointStore::Loaded> restored_;
  std::optional<std::string> result_;  // encoded; of an earlier session
  std::vector<std::string> left_;      // names of what was left, in the order of first mention
  const char* loop_ = nullptr;         // the loop that has begun
  Clock::time_point last_step_ = Clock::now();
  double waited_ = 0;  // until then
  Clock::time_point last_save_ = Clock::now();
  int64_t steps_done_ = 0;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_PART_H_
