// Part B: validation-loss curves of one small language model under different schedules. Weights, data order
// and budget depend on the seed alone, so that curves of a seed differ by the learning rate only.
#ifndef ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_TRAINING_H_
#define ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_TRAINING_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "optim/schedules.h"
#include "recipes/kit/data/corpus.h"
#include "recipes/kit/run/part.h"
#include "recipes/kit/run/settings.h"
#include "recipes/lr_annealing_scaling_law/method.h"

namespace roux::lr_annealing {

struct TrainingConfig {
  int64_t layers = 2, hidden = 48, heads = 2, intermediate = 128,
          length = 64;                                          // ours: fits two minutes on two cores
  int64_t batch = 16, steps = 600, warmup = 20;                 // ours; the paper's warm-up is 500 steps
  int64_t eval_every = 10, eval_windows = 128, fit_from = 120;  // ours
  double init_std = 0.14;                                       // ours: 1 / sqrt(hidden)
  double eta_max = 1e-2;  // ours: of {1e-2, 1.5e-2, 2e-2} the best fit on seeds 100 to 102
  double beta1 = 0.9, beta2 = 0.95, weight_decay = 0.1, max_grad_norm = 1;  // paper, section 3

  template <class Visit>
  void visit(Visit&& visit) {
    using kit::Range;
    visit("layers", layers, Range{1}), visit("hidden", hidden, Range{2}), visit("heads", heads, Range{1});
    visit("intermediate", intermediate, Range{1}), visit("length", length, Range{1});
    visit("batch", batch, Range{1}), visit("steps", steps, Range{1}), visit("warmup", warmup, Range{0});
    visit("eval_every", eval_every, Range{1}), visit("eval_windows", eval_windows, Range{1});
    visit("fit_from", fit_from, Range{0});
    visit("init_std", init_std, Range{0}), visit("eta_max", eta_max, Range{0});
    visit("beta1", beta1, Range{0, 1}), visit("beta2", beta2, Range{0, 1});
    visit("weight_decay", weight_decay, Range{0}), visit("max_grad_norm", max_grad_norm, Range{0});
  }
  absl::Status check() const;
};

// An arm: a schedule with its name. The first two are fitted, the others are held out.
struct Arm {
  std::string name;
  Schedule schedule;
};
std::vector<Arm> arms(const TrainingConfig& config);
inline constexpr size_t kFittedArms = 2;

// Steps at which the validation loss is measured: eval_every, 2 eval_every, ...
std::vector<int64_t> evaluation_steps(const TrainingConfig& config);

// Trains from the seed's weights and returns the validation losses (nats per byte) at evaluation_steps.
absl::StatusOr<std::vector<double>> train_curve(const TrainingConfig& config, const kit::Corpus& corpus,
                                                const Schedule& schedule, uint64_t seed, kit::Part& part);

int64_t parameter_count(const TrainingConfig& config, const kit::Corpus& corpus);

// The curve as the law sees it.
Curve curve_of(const TrainingConfig& config, const Schedule& schedule, const std::vector<double>& losses);

}  // namespace roux::lr_annealing

#endif  // ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_TRAINING_H_
