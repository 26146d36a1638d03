// Scaling law with learning-rate annealing: the loss curve of any schedule from a fit on two.
#include "recipes/kit/run/main.h"
#include "absl/strings/str_format.h"
#include "recipes/kit/train/training.h"
#include "recipes/lr_annealing_scaling_law/report.h"
#include "tensor/error.h"

namespace roux::lr_annealing {
namespace {

using kit::Run;

// What a plan trains on: tokens without a text, as many as a step needs.
absl::StatusOr<kit::Corpus> stand_in(const TrainingConfig& config) {
  const auto zeros = [&](int64_t rows) {
    return kit::WindowSet::stream(std::vector<int32_t>(static_cast<size_t>(rows * config.length + 1)),
                                  config.length, "the plan's stand-in");
  };
  ROUX_ASSIGN_OR_RETURN(kit::WindowSet train, zeros(config.batch));
  ROUX_ASSIGN_OR_RETURN(kit::WindowSet validation, zeros(config.eval_windows));
  return kit::Corpus{"no text", {}, std::move(train), std::move(validation)};
}

absl::StatusOr<kit::Corpus> corpus_of(const TrainingConfig& config, const Run& run) {
  if (run.planning()) return stand_in(config);
  if (run.preset().name == "gpu" && run.options().data.empty()) {
    return absl::InvalidArgumentError(
        "--preset=gpu reads 65 million bytes: give a text of that size with --data=PATH");
  }
  return kit::load_corpus({.path = run.options().data,
                           .excerpts = {"austen_emma"},
                           .length = config.length,
                           .validation_windows = config.eval_windows});
}

absl::Status show_first_batch(const TrainingConfig& config, const kit::Corpus& corpus, Run& run) {
  if (run.planning()) return absl::OkStatus();
  const int64_t tokens = config.steps * config.batch * config.length;
  run.print(absl::StrFormat("Data: %s, %.1f epochs a run\n", corpus.description,
                            static_cast<double>(tokens) / static_cast<double>(corpus.train.target_count())));
  ROUX_ASSIGN_OR_RETURN(
      kit::BatchLoader loader,
      kit::BatchLoader::create(corpus.train, {.seed = run.seeds()[0], .global_batch = config.batch}));
  return run.show_batch(kit::first_batch_of(loader.next(), [&](int64_t id) {
    const auto token = static_cast<int32_t>(id);
    return corpus.tokenizer.decode(absl::MakeConstSpan(&token, 1));
  }));
}

// Part A refits the published curves. Part B trains every arm on every seed, fits two arms and predicts the
// others.
absl::Status reproduce(const TrainingConfig& config, Run& run) {
  ROUX_ASSIGN_OR_RETURN(const kit::Corpus corpus, corpus_of(config, run));

  ROUX_RETURN_IF_ERROR(report_part_a(part_a(), run));

  ROUX_RETURN_IF_ERROR(show_first_batch(config, corpus, run));
  const std::vector<Arm> all = arms(config);
  run.expect_steps(config.steps * static_cast<int64_t>(all.size() * run.seeds().size()));
  run.set_peak_flops(kit::measured_peak_flops(1));  // parts run on one thread each
  ROUX_ASSIGN_OR_RETURN(
      const auto curves,
      run.side_by_side(kit::grid(all, run.seeds(), [&](const Arm& arm, uint64_t seed, kit::Part& part) {
        return train_curve(config, corpus, arm.schedule, seed, part);
      })));
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
