// The loop of every training; what a step does is the caller's closure. It restores, evaluates, records,
// saves and stops.
//
//   const States learned = {{"model", model}, {"optimizer", optimizer}};
//   ROUX_ASSIGN_OR_RETURN(const TrainLog log, train(part,
//       {.steps = 600, .evaluate_at = every(10, 600),
//        .evaluate = [&](int64_t) -> Values { return {{"validation_loss", evaluate_loss(...)}}; }},
//       learned + States{{"loader", loader}},
//       [&](int64_t step) { return update(optimizer, {.lr = schedule(step), .max_grad_norm = 1},
//                                         micro_batches(loader, part.device()), loss_sum); }));
//   return log.curves.at("validation_loss");
//
// Only `states` change in the loop: all that a step reads and changes is named there, draws are keyed by
// (seed, step), and generators are states where dropout uses them. Then a resumed part writes the same bytes.
#ifndef ROUX_RECIPES_KIT_TRAIN_TRAIN_H_
#define ROUX_RECIPES_KIT_TRAIN_TRAIN_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/run/part.h"
#include "recipes/kit/run/states.h"
#include "tensor/tensor.h"

namespace roux {
class Module;
}

namespace roux::kit {

using Values = std::vector<std::pair<std::string, double>>;

// What a step gives. `loss` and `grad_norm` are one-element tensors on the device: train() reads them at once
// on the CPU, and on a GPU after it has launched the next step.
struct StepResult {
  Tensor loss;
  Tensor grad_norm = {};  // undefined: not recorded
  std::optional<double> lr = {};
  int64_t tokens = 0;
  std::string nonfinite = {};  // the op that made the first NaN, where that was found out
  Values values = {};          // more for metrics.jsonl: a KL, an entropy, the value of a schedule
};
// `step` counts from 0. A status that is not ok ends the part with it.
using StepFunction = std::function<absl::StatusOr<StepResult>(int64_t step)>;

// The curve of evaluations by which the best state is chosen; ties go to the earliest, NaN to none.
struct Best {
  enum Order { kLowest, kHighest };
  std::string curve;
  Order order = kLowest;
};

// What a training leaves to tell; saved with the states, and may be a part's result.
struct TrainLog {
  std::vector<int64_t> at;                            // steps done at each evaluation
  std::map<std::string, std::vector<double>> curves;  // the values of evaluate(), by name
  int64_t steps = 0;                                  // done
  int64_t best_step = -1;                             // of keep_best; -1 without it
  bool stopped = false;                               // by `stop`
  template <class Visit>
  void visit(Visit&& visit) {
    visit("at", at), visit("curves", curves), visit("steps", steps), visit("best_step", best_step);
    visit("stopped", stopped);
  }
};

struct TrainOptions {
  int64_t steps = 0;
  std::vector<int64_t> evaluate_at = {};  // steps done, 0 is before the first: every, log_spaced, merged
  // Validation losses and scores, the same names each time: each is a metric and a curve. Modules among the
  // states are in eval mode then, and nothing is recorded for backward.
  std::function<Values(int64_t step)> evaluate = {};
  // The best state is left as "best", and the states hold it when train() returns.
  std::optional<Best> keep_best = {};
  std::map<int64_t, std::string> leave_at = {};    // {{200, "v0"}}: leaves the states after that many steps
  std::function<bool(const TrainLog&)> stop = {};  // asked after each evaluation
  // Models beside those among the states whose blocks --zero=3 divides between the ranks.
  std::vector<const Module*> divided = {};
  int64_t parameters = 0;  // for the share of the machine's peak: 6 * parameters * tokens operations a step
};

// Lines of metrics.jsonl for a step: its evaluation, its values, the step. Errors: those of Part::step() and
// of `step`; a checkpoint that does not fit. Throws Error for options that make no sense and for a second
// loop in one part. With --zero=3 parameters of blocks (nn/parallel/sharded_parameters.h) are on meta in the
// loop but while their block runs, and whole again when it returns. Under --plan one step runs on meta, its
// memory is reported, and the status ends the part.
absl::StatusOr<TrainLog> train(Part& part, const TrainOptions& options, const States& states,
                               const StepFunction& step);

// n, 2 n, ... up to `steps`.
std::vector<int64_t> every(int64_t n, int64_t steps);
// At most `count` different steps from 1 to `steps` in a geometric row, both ends among them.
std::vector<int64_t> log_spaced(int64_t count, int64_t steps);
// For TrainOptions::stop: true when the last `evaluations` evaluations have not bettered the curve by more
// than `min_change`. Throws Error unless evaluations >= 1 and min_change >= 0, and when asked about a curve
// that evaluate() does not give.
std::function<bool(const TrainLog&)> patience(const Best& best, int64_t evaluations, double min_change = 0);
// The steps of both, ascending, each once.
std::vector<int64_t> merged(const std::vector<int64_t>& a, const std::vector<int64_t>& b);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TRAIN_TRAIN_H_
