// Scaling law with learning-rate annealing: the loss curve of any schedule from a fit on two.
#include "recipes/kit/run/main.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "recipes/kit/train/show_first_batch.h"
#include "recipes/kit/train/train_arms.h"
#include "recipes/lr_annealing_scaling_law/report.h"
#include "tensor/error.h"

namespace roux::lr_annealing {
namespace {

using kit::Run;

absl::StatusOr<kit::Corpus> corpus_of(const TrainingConfig& config, const Run& run) {
  if (run.planning()) return kit::stand_in_corpus(std::max(config.batch, config.eval_windows), config.length);
  if (run.preset().name == "gpu" && run.options().data.empty()) {
    return absl::InvalidArgumentError(
        "--preset=gpu reads 65 million bytes: give a text of that size with --data=PATH");
  }
  return kit::load_corpus({.path = run.options().data,
                           .excerpts = {"austen_emma"},
                           .length = config.length,
                           .validation_windows = config.eval_windows});
}

absl::Status show_data(const TrainingConfig& config, const kit::Corpus& corpus, Run& run) {
  const int64_t tokens = config.steps * config.batch * config.length;
  run.print(absl::StrFormat("Data: %s, %.1f epochs a run\n", corpus.description,
                            static_cast<double>(tokens) / static_cast<double>(corpus.train.target_count())));
  return kit::show_first_batch(run, corpus, config.batch);
}

// Part A refits the published curves. Part B trains every arm on every seed, fits two arms and predicts the
// others.
absl::Status reproduce(const TrainingConfig& config, Run& run) {
  ROUX_ASSIGN_OR_RETURN(const kit::Corpus corpus, corpus_of(config, run));

  ROUX_RETURN_IF_ERROR(report_part_a(part_a(), run));

  if (!run.planning()) ROUX_RETURN_IF_ERROR(show_data(config, corpus, run));
  const std::vector<Arm> all = arms(config);
  const int64_t steps = config.steps * static_cast<int64_t>(all.size());
  ROUX_ASSIGN_OR_RETURN(const auto curves,
                        kit::train_arms(run, all, steps, [&](const Arm& arm, uint64_t seed, kit::Part& part) {
                          return train_curve(config, corpus, arm.schedule, seed, part);
                        }));
  return report_part_b(config, all, curves.results, parameter_count(config, corpus), run);
}

}  // namespace
}  // namespace roux::lr_annealing

int main(int argc, char** argv) {
  using roux::lr_annealing::TrainingConfig;
  TrainingConfig smoke, standard, longer, gpu;
  smoke.steps = 60, smoke.hidden = 16, smoke.length = 32, smoke.batch = 4, smoke.eval_windows = 16;
  smoke.eval_every = 5, smoke.fit_from = 20;
  longer.hidden = 96, longer.heads = 4, longer.intermediate = 256, longer.layers = 3;
  longer.steps = 1000, longer.warmup = 40, longer.fit_from = 200, longer.eval_every = 20;
  longer.init_std = 0.1;
  gpu.layers = 12, gpu.hidden = 768, gpu.heads = 12, gpu.intermediate = 2048, gpu.length = 1024,
  gpu.batch = 32;
  gpu.steps = 2000, gpu.warmup = 100, gpu.init_std = 0.02, gpu.eta_max = 1e-3, gpu.eval_every = 25,
  gpu.fit_from = 150;
  return roux::kit::recipe_main<TrainingConfig>(
      argc, argv,
      {.info = {.slug = "lr_annealing_scaling_law",
                .title = "Scaling Law with Learning Rate Annealing",
                .arxiv = "2408.11029",
                .model_help = "",
                .data_help =
                    "a UTF-8 text file, trained on as bytes; the default is an excerpt of Austen's Emma"},
       .presets = {{{.name = "smoke", .what = "part A; part B on a toy model, 60 steps", .minutes = 0.05},
                    smoke},
                   {{.name = "default",
                     .what = "part A; five schedules of a 0.08M model, 600 steps",
                     .minutes = 1.5,
                     .seeds = 5},
                    standard},
                   {{.name = "long", .what = "the same with a 0.4M model, 1000 steps", .minutes = 6}, longer},
                   {{.name = "gpu", .what = "the same with a 100M model (never run yet)", .minutes = 10},
                    gpu}},
       .reproduce = roux::lr_annealing::reproduce});
}
