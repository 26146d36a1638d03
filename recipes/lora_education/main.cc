// Two phases of QLoRA on advising dialogues with the adapter alone handed over, and what the answers are
// worth.
#include "recipes/kit/run/main.h"

#include "recipes/lora_education/config.h"
#include "recipes/lora_education/judged_answers.h"
#include "recipes/lora_education/pretrained.h"
#include "recipes/lora_education/report.h"
#include "recipes/lora_education/study.h"
#include "tensor/error.h"

namespace roux::lora_education {
namespace {

using kit::Run;

absl::Status show_dialogues(const Config& config, const Shared& shared, Run& run) {
  if (run.planning()) return absl::OkStatus();
  const SeedData data = seed_data(config, shared.world, /*errors=*/false, run.seeds()[0]);
  TuningData tuning;
  ROUX_ASSIGN_OR_RETURN(const EncodedConversations encoded,
                        encode(data.train, *shared.language.tokenizer, shared.language.chat,
                               config.answers_only, config.max_tokens));
  tuning.train = encoded.documents;
  int64_t tokens = 0;
  for (const kit::MaskedDocument& document : tuning.train)
    tokens += static_cast<int64_t>(document.tokens.size());
  run.print(absl::StrCat("Base: ", shared.text.target_count(), " tokens. Dialogues: ", tuning.train.size(),
                         " of ", tokens / static_cast<int64_t>(tuning.train.size()), " tokens on average\n"));
  return show_first_batch(shared.language, tuning, run);
}

// The base learns true facts in prose. Phase 1 trains an adapter on it in NF4; phase 2 goes on from the
// adapter alone, from adapter and moments, or as one run; with errors in the dialogues, on the f32 base, at
// other ranks.
absl::Status reproduce(const Config& config, Run& run) {
  if (config.pretrained || !run.options().model.empty() || !run.options().data.empty()) {
    return tune_pretrained(config, run);
  }
  show_sizes(run);
  ROUX_ASSIGN_OR_RETURN(const Shared shared, make_shared(config));
  ROUX_RETURN_IF_ERROR(show_dialogues(config, shared, run));

  const std::vector<Arm> all = arms(config);
  const Phases phases = phases_of(config, config.dialogues);
  int64_t steps = 0;
  for (const Arm& arm : all) {
    steps += arm.phase < 0 ? base_steps(config, shared.text) : arm.phase == 0 ? phases.first : phases.second;
  }
  run.expect_steps(steps * static_cast<int64_t>(run.seeds().size()));
  ROUX_ASSIGN_OR_RETURN(
      const auto results,
      run.side_by_side(kit::grid(all, run.seeds(), [&](const Arm& arm, uint64_t seed, kit::Part& part) {
        return run_arm(config, shared, arm, seed, part);
      })));
  return report_study(config, results, run);
}

}  // namespace
}  // namespace roux::lora_education

int main(int argc, char** argv) {
  using roux::lora_education::Config;
  const Config standard;
  Config smoke, smollm2, gpu;
  smoke.countries = 8, smoke.exposures = 4, smoke.notes = 20, smoke.plain_bytes = 4000,
  smoke.vocabulary = 512;
  smoke.layers = 1, smoke.hidden = 64, smoke.intermediate = 64, smoke.heads = 2;
  smoke.dialogues = 16, smoke.held_out = 4, smoke.prompts = 3, smoke.first_batch = 4, smoke.second_batch = 8;
  smoke.new_tokens = 24, smoke.ranks = false;
  smollm2.pretrained = true, smollm2.dialogues = 32, smollm2.held_out = 8, smollm2.prompts = 5,
  smollm2.lr = 1e-3;
  smollm2.first_batch = 2, smollm2.second_batch = 4, smollm2.adamw_8bit = true;
  gpu = smollm2;
  gpu.countries = 60;  // enough combinations for so many dialogues where no --data are given
  gpu.dialogues = 2274, gpu.held_out = 402, gpu.prompts = 50, gpu.r = 16, gpu.lr = 2e-4,
  gpu.max_tokens = 2048;
  gpu.first_batch = 8, gpu.first_micro = 2, gpu.second_batch = 32, gpu.second_micro = 4;
  gpu.new_tokens = 512, gpu.gradient_checkpointing = true, gpu.double_quantization = true;
  return roux::kit::recipe_main<Config>(
      argc, argv,
      {.info = {.slug = "lora_education",
                .title = "A LoRA-Based Approach to Fine-Tuning LLMs for Educational Guidance",
                .arxiv = "2504.15610",
                .model_help =
                    "a decoder to tune in NF4: a GGUF file, a folder of Hugging Face, or smollm2; with "
                    "the sizes of --preset=smollm2 or gpu",
                .data_help =
                    "conversations to tune it on, a line each: {\"conversations\": [{\"from\": \"human\" or "
                    "\"assistant\", \"value\": text}, ...]}",
                .table_help =
                    "answers of two systems with a judge's scores, JSON lines: reference, base, tuned, "
                    "and optionally base_accuracy, tuned_accuracy, base_helpfulness, tuned_helpfulness "
                    "(0 to 3), base_errors, tuned_errors, preference (base, tie or tuned)"},
       .presets =
           {{{.name = "smoke", .what = "a toy base of 8 countries, 4 steps of each phase", .minutes = 0.05},
             smoke},
            {{.name = "default", .what = "a base of 0.6M weights, 24 countries, 16 arms", .minutes = 1.5},
             standard},
            {{.name = "smollm2", .what = "SmolLM2-135M in NF4, 32 dialogues", .minutes = 5}, smollm2},
            {{.name = "gpu",
              .what = "the paper's sizes; needs --model and --data (never run yet)",
              .minutes = 60,
              .seeds = 1},
             gpu}},
       .reproduce = roux::lora_education::reproduce,
       .table = [](const Config&, const std::string& path, roux::kit::Run& run) {
         return roux::lora_education::evaluate_table(path, run);
       }});
}
