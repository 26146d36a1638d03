// Alice in Wonderland: how often a model counts Alice's brother's sisters rightly, and how much that depends
// on the numbers.
#include "recipes/kit/run/main.h"
#include "absl/strings/str_cat.h"
#include "recipes/alice_in_wonderland/config.h"
#include "recipes/alice_in_wonderland/exam.h"
#include "recipes/alice_in_wonderland/reasoner.h"
#include "recipes/alice_in_wonderland/records.h"
#include "recipes/alice_in_wonderland/report.h"
#include "recipes/kit/models/stand_in.h"
#include "recipes/kit/train/train_arms.h"
#include "tensor/error.h"

namespace roux::alice {
namespace {

using kit::Run;

absl::StatusOr<kit::Pretrained> load(const Config& config, Run& run) {
  if (config.stand_in && run.options().model.empty()) return kit::stand_in_model({.device = run.device()});
  kit::ModelOptions options{.source = run.source_options()};
  options.weights.device = run.device();
  const std::string& name = run.options().model;
  ROUX_ASSIGN_OR_RETURN(kit::Pretrained model,
                        kit::load_language_model(name.empty() ? "smollm2" : name, options));
  ROUX_RETURN_IF_ERROR(run.uses(model.files.from));
  return model;
}

absl::Status part_a(const Config& config, Run& run) {
  const absl::StatusOr<kit::Pretrained> loaded = load(config, run);
  // Without a network part B is still there.
  if (!loaded.ok() && run.options().model.empty() && run.options().data.empty() && !run.interrupted())
    return claim_without_model(loaded.status(), run);
  ROUX_RETURN_IF_ERROR(loaded.status());
  const kit::Pretrained& model = *loaded;
  model.model->eval();
  const Subject subject{*model.model, *model.tokenizer, model.chat.ok() ? &*model.chat : nullptr,
                        model.generation.stop_ids};
  const std::string scale = absl::StrCat(model.model->num_parameters(), " parameters");
  std::string unsolved = "the controls are asked in exact mode: without --data";
  if (run.options().data.empty()) {
    const std::vector<ExactItem> items = exact_items(config.exact);
    ROUX_ASSIGN_OR_RETURN(const auto results, run.part("exact", [&](kit::Part& part) {
      return score_items(subject, items, part);
    }));
    ROUX_RETURN_IF_ERROR(report_exact(scale, items, results, run));
    unsolved = controls_unsolved(items, results);
  }
  std::vector<SampledItem> prompts = sampled_items();
  if (!run.options().data.empty()) {
    ROUX_ASSIGN_OR_RETURN(prompts, read_prompts(run.options().data, config.ids));
  }
  const SampledOptions sampled{config.trials, config.new_tokens, config.temperature, run.seeds()[0]};
  ROUX_ASSIGN_OR_RETURN(const auto responses, run.part("sampled", [&](kit::Part& part) {
    return sample_items(subject, prompts, sampled, part);
  }));
  return report_sampled(absl::StrCat(scale, ", ", config.trials, " trials a prompt"), prompts, responses,
                        unsolved, run);
}

absl::Status part_b(const Config& config, Run& run) {
  const ReasonerConfig& c = config.reasoner;
  ROUX_ASSIGN_OR_RETURN(const FamilyTask task, family_task(c));
  const std::vector<TrainedArm> arms = trained_arms(config.arms == "all");
  ROUX_RETURN_IF_ERROR(run.show_batch(first_batch(c, task, training_items(task, "full", c, run.seeds()[0]))));
  const int64_t steps = c.steps * static_cast<int64_t>(arms.size());
  ROUX_ASSIGN_OR_RETURN(
      const auto results,
      kit::train_arms(run, arms, steps, [&](const TrainedArm& arm, uint64_t seed, kit::Part& part) {
        return train_reasoner(c, task, arm.name, seed, part);
      }));
  return report_reasoner(c, task, results, arms, run);
}

absl::Status reproduce(const Config& given, Run& run) {
  if (!given.ids.empty() && run.options().data.empty())
    return absl::InvalidArgumentError("--ids chooses among prompts of a file: it needs --data=FILE");
  if (!given.benchmarks.empty())
    return absl::InvalidArgumentError("--benchmarks are compared with given trials: it needs --table=FILE");
  Config config = given;
  config.exact.all_arms = config.arms == "all";
  // A plan shows what is trained; Part A needs the model's weights and a cache.
  if (!run.planning()) ROUX_RETURN_IF_ERROR(part_a(config, run));
  if (!run.options().data.empty()) return absl::OkStatus();
  ROUX_RETURN_IF_ERROR(part_b(config, run));
  return claim_what_needs_other_models(run);
}

absl::Status table(const Config& config, const std::string& path, Run& run) {
  if (!config.ids.empty())
    return absl::InvalidArgumentError("--ids chooses among prompts of --data=FILE: --table has trials");
  ROUX_ASSIGN_OR_RETURN(const std::vector<ModelTrials> models, read_trials(path));
  Benchmarks benchmarks;
  if (!config.benchmarks.empty()) {
    ROUX_ASSIGN_OR_RETURN(benchmarks, read_benchmarks(config.benchmarks));
  }
  return report_trials(models, benchmarks, run);
}

}  // namespace
}  // namespace roux::alice

int main(int argc, char** argv) {
  using roux::alice::Config;
  return roux::kit::recipe_main<Config>(
      argc, argv,
      {.info = {.slug = "alice_in_wonderland",
                .title = "Alice in Wonderland: Simple Tasks Showing Complete Reasoning Breakdown",
                .arxiv = "2406.02061",
                .model_help =
                    "a folder of Hugging Face, a GGUF file or a name; smollm2 (92.9 MB at first use)",
                .data_help =
                    "prompts as the authors have them, JSON or JSON lines: id, prompt, right_answer, "
                    "description; sampled mode alone",
                .table_help =
                    "trials as the authors have them, JSON or JSON lines: model, prompt, model_response, "
                    "right_answer; or model, variation, prompt_type, answer, right_answer"},
       .presets =
           {{{.name = "smoke", .what = "a random model; part B on 6 cells, 20 steps", .minutes = 0.05},
             roux::alice::smoke_config()},
            {{.name = "default",
              .what = "SmolLM2-135M on half of the cells; part B, three arms of a 0.1M model",
              .minutes = 2},
             {}},
            {{.name = "long",
              .what = "all cells and arms, whole responses; part B on 49 cells (not run to its end yet)",
              .minutes = 15},
             roux::alice::long_config()},
            {{.name = "gpu", .what = "the same with 2048 tokens a response (never run yet)", .minutes = 10},
             roux::alice::gpu_config()}},
       .reproduce = roux::alice::reproduce,
       .table = roux::alice::table});
}
