// In-context linear regression with uncertainty: a Transformer that predicts a mean and a deviation, beside
// the Bayes-optimal pair, in distribution and under shifts of task, inputs and length.
#include "recipes/kit/run/main.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "recipes/icl_uncertainty/arms.h"
#include "recipes/icl_uncertainty/claims.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/train/train_arms.h"
#include "recipes/kit/worlds/prompt_table.h"
#include "tensor/error.h"

namespace roux::icl_uncertainty {
namespace {

using kit::Run;

// One prompt as the model reads it: every label is a target, predicted from the lines above it and its own x.
void show_prompt(const Config& config, Run& run) {
  stats::RandomStream random(1);
  RegressionPrompts prompts(config.pairs, config.dimension);
  const Task task = add_prompt(config.law(), random, prompts);
  kit::Table table{
      absl::StrCat("A prompt; its sigma is ", kit::format_number(task.sigma), ", each y is a target"),
      {"pairs seen", "x", "y", "Bayes' mean", "sigma"},
      {}};
  const std::vector<Gaussian> bayes = bayes_of(config.law())(prompts, 0);
  for (int64_t t = 0; t < config.pairs; ++t) {
    std::string x;
    for (const double value : prompts.x_at(0, t))
      absl::StrAppend(&x, x.empty() ? "" : " ", kit::format_number(value, 3));
    const Gaussian& g = bayes[static_cast<size_t>(t)];
    table.rows.push_back({absl::StrCat(t), x, kit::format_number(prompts.y_at(0, t), 3),
                          kit::format_number(g.mean, 3), kit::format_number(std::sqrt(g.variance), 3)});
  }
  run.table(table);
}

// 1. Test prompts of each law, and what Bayes and the algorithms without a prior say of them. 2. A model for
// each training law and ablation. 3. How far each is from each, where it was trained and elsewhere.
absl::Status reproduce(const Config& config, Run& run) {
  Domains domains;
  if (!run.planning()) {
    domains = make_domains(config);
    show_prompt(config, run);
  }
  ROUX_ASSIGN_OR_RETURN(
      const Results results,
      kit::train_arms(run, arms(config), [&](const Arm& arm, uint64_t seed, kit::Part& part) {
        return train_arm(config, domains, arm, seed, part);
      }));
  report(config, domains, results, run);
  return judge(
      config, domains, results,
      absl::StrCat(config.model.layers, " layers of ", config.model.hidden, ", d = ", config.dimension, ", ",
                   config.pairs, " pairs, ", config.steps, " steps of ", config.batch, " prompts"),
      run);
}

// Mean and deviation of each label of given prompts, by Bayes under --prior, least squares and ridge.
absl::Status table(const Config& config, const std::string& path, Run& run) {
  ROUX_ASSIGN_OR_RETURN(const std::vector<kit::GivenPrompt> prompts, kit::read_prompts(path));
  TaskLaw law = config.law();
  law.dimension = prompts[0].prompt.dimension;
  const std::vector<std::pair<std::string, Predictor>> predictors = {{"bayes", bayes_of(law)},
                                                                     {"ols", kit::least_squares_predictor()},
                                                                     {"ridge", kit::ridge_predictor({1})}};
  std::vector<std::string> rows;
  for (const kit::GivenPrompt& given : prompts) {
    kit::JsonObject row;
    row.add("prompt", given.name);
    for (const auto& [name, predictor] : predictors) {
      std::vector<double> means, deviations;
      for (const Gaussian& g : predictor(given.prompt, 0))
        means.push_back(g.mean), deviations.push_back(std::sqrt(g.variance));
      row.add(name + "_mean", means).add(name + "_sd", deviations);
    }
    rows.push_back(row.text());
  }
  run.print(absl::StrCat(prompts.size(), " prompts of ", path, " under the ", config.prior, " prior\n"));
  kit::JsonObject all;
  all.add("prior", config.prior).add("sigmas", config.sigmas).add("a", config.a).add("b", config.b);
  all.add("sigma_low", config.sigma_low)
      .add("sigma_high", config.sigma_high)
      .add_raw("prompts", kit::json_list(rows));
  return run.write("table.json", all.text() + "\n");
}

}  // namespace
}  // namespace roux::icl_uncertainty

int main(int argc, char** argv) {
  using roux::icl_uncertainty::Config;
  Config smoke, standard, gpu;
  smoke.model = {.layers = 1, .hidden = 16, .heads = 2, .length = 16, .init_std = 0.25};
  smoke.pairs = 8, smoke.batch = 8, smoke.steps = 12, smoke.warmup = 2;
  smoke.many = 32, smoke.test_prompts = 64;
  // The paper's sizes, we believe, and its token format; fewer steps than its 500k.
  gpu.model = {
      .layers = 12, .hidden = 256, .heads = 8, .length = 200, .init_std = 0.02, .format = "alternating"};
  gpu.dimension = 8, gpu.pairs = 100, gpu.steps = 4000, gpu.lr = 3e-4, gpu.warmup = 400;
  gpu.sigmas = {0.2, 0.28, 0.39, 0.54, 0.75, 1.04, 1.44, 2}, gpu.test_prompts = 256;
  return roux::kit::recipe_main<Config>(
      argc, argv,
      {.info = {.slug = "icl_uncertainty",
                .title = "Towards Better Understanding of In-Context Learning Ability from In-Context "
                         "Uncertainty Quantification",
                .arxiv = "2405.15115",
                .model_help = "",
                .data_help = "",
                .table_help = "prompts (CSV with prompt, x1 .. xd, y): the Bayes pair of each label under "
                              "--prior, into table.json"},
       .presets =
           {{{.name = "smoke", .what = "toy models, 12 steps", .minutes = 0.05, .seeds = 1}, smoke},
            {{.name = "default", .what = "6 models of 26k parameters, d = 1", .minutes = 2}, standard},
            {{.name = "gpu", .what = "d = 8, 100 pairs, 9.5M parameters (never run yet)", .minutes = 10},
             gpu}},
       .reproduce = roux::icl_uncertainty::reproduce,
       .table = roux::icl_uncertainty::table});
}
