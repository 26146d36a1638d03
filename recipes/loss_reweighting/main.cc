// Sequences weighted by their losses: LinUpper and the other strategies beside the plain mean.
#include "recipes/kit/run/main.h"

#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipes/kit/train/show_first_batch.h"
#include "recipes/kit/train/train_arms.h"
#include "recipes/loss_reweighting/arms.h"
#include "recipes/loss_reweighting/claims.h"
#include "recipes/loss_reweighting/loss_table.h"
#include "recipes/loss_reweighting/outcomes.h"
#include "recipes/loss_reweighting/report.h"
#include "tensor/error.h"

namespace roux::loss_reweighting {
namespace {

using kit::Run;

// The first batch of the redundant condition.
absl::Status show_data(const Config& config, const Data& data, Run& run) {
  for (const kit::Corpus& corpus : data.corpora)
    run.print(absl::StrFormat("%s, %d training windows\n", corpus.description, corpus.train.size()));
  return kit::show_first_batch(run, data.training_sets(), shares(config, data, Condition::kRedundant),
                               config.batch, kit::MixtureOrder::kByPosition);
}

// Each step: forward, a loss for each sequence, h from the smallest and largest of the batch, f(h), weights
// softmax(f / r) as constants, their weighted sum, backward, AdamW. Every arm has the same first weights and,
// in one condition, the same batches.
absl::Status reproduce(const Config& config, Run& run) {
  ROUX_ASSIGN_OR_RETURN(const Data data, load_data(config, run));
  if (!run.planning()) ROUX_RETURN_IF_ERROR(show_data(config, data, run));
  const std::vector<Arm> all = arms(config, data.corpora.size());
  const int64_t steps = config.steps * static_cast<int64_t>(all.size());
  ROUX_ASSIGN_OR_RETURN(const kit::Results<Trained> trained,
                        kit::train_arms(run, all, steps, [&](const Arm& arm, uint64_t seed, kit::Part& part) {
                          return train_arm(config, data, arm, seed, part);
                        }));
  const std::vector<ToyArm> toys = toy_arms();
  std::vector<uint64_t> seeds(static_cast<size_t>(config.toy_seeds));
  std::iota(seeds.begin(), seeds.end(), run.seeds()[0]);
  std::vector<ToyProblems> problems;  // in the order of kToyData
  for (const ToyData of : kToyData) problems.push_back(toy_problems(of, seeds));
  std::vector<kit::PartOf<ToyRuns>> parts;
  for (const ToyArm& toy : toys) {
    parts.push_back({absl::StrCat("toy.", toy_data_name(toy.data), ".", toy.name),
                     [&](kit::Part&) -> absl::StatusOr<ToyRuns> {
                       return run_toy_arm(toy, problems[static_cast<size_t>(toy.data)],
                                          {.steps = config.toy_steps});
                     }});
  }
  ROUX_ASSIGN_OR_RETURN(const kit::Results<ToyRuns> toy_results, run.side_by_side(parts));
  const Outcomes outcomes{data, all, trained, toys, toy_results};
  report(config, outcomes, run);
  return judge(config, seeds, outcomes, run);
}

// The weights of every strategy for given losses.
absl::Status table(const Config& config, const std::string& path, Run& run) {
  ROUX_ASSIGN_OR_RETURN(const std::vector<LossBatch> batches, read_losses(path));
  const Weighting weighting{.r = config.r, .clip_quantile = config.clip_quantile};
  kit::Table shown{absl::StrCat("Effective sample sizes of ", path, ", the first and the last ten steps"),
                   {"step", "sequences"},
                   {}};
  for (const Strategy strategy : kStrategies) shown.columns.push_back(strategy_name(strategy));
  constexpr size_t kEnds = 10;  // shown of a long log
  for (size_t i = 0; i < batches.size(); ++i) {
    if (i >= kEnds && i + kEnds < batches.size()) continue;
    const LossBatch& batch = batches[i];
    shown.rows.push_back({batch.step, absl::StrCat(batch.losses.size())});
    for (const Strategy strategy : kStrategies) {
      Weighting used = weighting;
      used.strategy = strategy;
      shown.rows.back().push_back(
          kit::format_number(effective_sample_size(loss_weights(batch.losses, used))));
    }
  }
  run.table(shown);
  return run.write("table.json", weights_json(batches, weighting));
}

}  // namespace
}  // namespace roux::loss_reweighting

int main(int argc, char** argv) {
  using roux::loss_reweighting::Config;
  Config smoke, standard, gpu;
  smoke.decoder = {.layers = 1, .hidden = 16, .heads = 2, .intermediate = 32, .length = 32, .init_std = 0.25};
  smoke.batch = 8, smoke.steps = 12, smoke.eval_every = 6, smoke.eval_windows = 8, smoke.copies = 8;
  smoke.toy_seeds = 3, smoke.toy_steps = 40;
  gpu.excerpts = false;
  gpu.decoder = {
      .layers = 8, .hidden = 512, .heads = 8, .intermediate = 1376, .length = 256, .init_std = 0.044};
  gpu.steps = 220, gpu.lr = 1e-3, gpu.eval_every = 55, gpu.eval_windows = 32;
  return roux::kit::recipe_main<Config>(
      argc, argv,
      {.info = {.slug = "loss_reweighting",
                .title =
                    "Dynamic Loss-Based Sample Reweighting for Improved Large Language Model Pretraining",
                .arxiv = "2502.06733",
                .model_help = "",
                .data_help = "a folder of text domains: each text file or folder in it is one",
                .table_help = "CSV of step, sequence, loss: the weights of every strategy, into table.json",
                .data_kind = roux::kit::InputKind::kPaths},
       .presets = {{{.name = "smoke", .what = "a toy model, 12 steps", .minutes = 0.05}, smoke},
                   {{.name = "default",
                     .what = "25 arms of a 0.08M model, 120 steps; a toy regression",
                     .minutes = 2},
                    standard},
                   {{.name = "gpu",
                     .what =
                         "the same arms of a 25M model, whole texts; never run yet, its rate is not tuned",
                     .minutes = 10},
                    gpu}},
       .reproduce = roux::loss_reweighting::reproduce,
       .table = roux::loss_reweighting::table});
}
