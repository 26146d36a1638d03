// The risk of a head on p features of a hidden Markov model: it rises from p = 0, peaks at p = n and falls
// again.
#include "recipes/kit/run/main.h"
#include "recipes/hmm_complexity/arms.h"
#include "recipes/hmm_complexity/claims.h"
#include "recipes/hmm_complexity/records.h"
#include "recipes/kit/models/stand_in.h"
#include "recipes/kit/train/train_arms.h"
#include "tensor/error.h"

namespace roux::hmm_complexity {
namespace {

using kit::Run;

absl::StatusOr<RealFeatures> real(const Config& config, Run& run) {
  const std::string& name = run.options().model;
  if (config.stand_in && name.empty())
    return real_features(config, kit::stand_in_model({.device = run.device()}), run);
  kit::ModelOptions options{.source = run.source_options()};
  options.weights.device = run.device();
  ROUX_ASSIGN_OR_RETURN(kit::Pretrained model,
                        kit::load_language_model(name.empty() ? "smollm2" : name, options));
  ROUX_RETURN_IF_ERROR(run.uses(model.files.from));
  model.model->eval();
  return real_features(config, model, run);
}

// 1. Draw an HMM and sequences; features: what the filter knows of the last state, or what a net has learnt
// to predict the next word. 2. For each size p and labelled set: the head of least norm, its risk on fresh
// sequences. 3. The same on a real model's states. 4. Hold the curves against the closed form and the paper's
// claims.
absl::Status reproduce(const Config& config, Run& run) {
  std::optional<DiscreteHmm> hmm;
  if (!run.options().data.empty()) {
    ROUX_ASSIGN_OR_RETURN(hmm, read_hmm(run.options().data));
  }
  absl::StatusOr<RealFeatures> features = absl::CancelledError("a plan");
  if (!run.planning()) {
    features = real(config, run);
    // Without a network the rest is still there; a model that was named has to be, and settings have to fit.
    const bool ends =
        run.interrupted() || !run.options().model.empty() || absl::IsInvalidArgument(features.status());
    if (!features.ok() && ends) return features.status();
  }
  ROUX_ASSIGN_OR_RETURN(
      const Results results,
      kit::train_arms(run, arms(config), [&](const Arm& arm, uint64_t seed, kit::Part& part) {
        return run_arm(config, hmm, arm, seed, part);
      }));
  report(config, results, run);
  ROUX_RETURN_IF_ERROR(judge(config, results, run));
  return judge_real(config, features, run);
}

absl::Status table(const Config&, const std::string& path, Run& run) {
  ROUX_ASSIGN_OR_RETURN(const std::string text, table_json(path));
  return run.write("table.json", text);
}

}  // namespace
}  // namespace roux::hmm_complexity

int main(int argc, char** argv) {
  using roux::hmm_complexity::Config;
  Config smoke, standard, gpu;
  smoke.states = smoke.words = 40, smoke.length = 3, smoke.labelled = 12, smoke.sets = 20, smoke.test = 200;
  smoke.widths = {4, 12, 48}, smoke.net_states = 16, smoke.net_length = 4, smoke.net_labelled = 12;
  smoke.net_sequences = 64, smoke.net_test = 100, smoke.net_sets = 5, smoke.steps = 10, smoke.batch = 8;
  smoke.hidden = 8, smoke.vocabulary = 10, smoke.texts = 60, smoke.text_labelled = 12, smoke.splits = 4;
  smoke.stand_in = true;
  gpu.states = gpu.words = 2000, gpu.labelled = 480, gpu.sets = 20, gpu.test = 2000;
  gpu.widths = {64, 128, 256, 384, 512, 768, 1024, 1536}, gpu.net_states = 512, gpu.net_labelled = 384;
  gpu.net_sequences = 20000, gpu.steps = 2000, gpu.batch = 512;
  gpu.net_test = 4000, gpu.texts = 4000, gpu.text_labelled = 384;
  return roux::kit::recipe_main<Config>(
      argc, argv,
      {.info =
           {.slug = "hmm_complexity",
            .title = "Investigating the Impact of Model Complexity in Large Language Models",
            .arxiv = "2410.00699",
            .model_help =
                "a folder of Hugging Face, a GGUF file or a name: whose last-token states are features; "
                "smollm2 (92.9 MB at first use)",
            .data_help = "a discrete HMM in place of a random one, JSON: initial, transition, emission",
            .table_help =
                "JSON lines: n, D, p, signal, noise (a risk), or an HMM with a sequence (filtered means)"},
       .presets =
           {{{.name = "smoke", .what = "D 40, nets of 10 steps, a random model", .minutes = 0.05, .seeds = 1},
             smoke},
            {{.name = "default", .what = "D 200, 16 nets of 200 steps, SmolLM2-135M", .minutes = 2},
             standard},
            {{.name = "gpu",
              .what = "D 2000, nets up to 1536 wide, 4000 texts (never run yet)",
              .minutes = 10},
             gpu}},
       .reproduce = roux::hmm_complexity::reproduce,
       .table = roux::hmm_complexity::table});
}
