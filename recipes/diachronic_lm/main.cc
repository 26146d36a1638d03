// Language models of periods: from scratch with two teachers and a student a slice, or by DoRA on a shared
// base; and the change of words that they reveal.
#include "recipes/kit/run/main.h"

#include "absl/strings/str_cat.h"
#include "recipes/diachronic_lm/study.h"
#include "recipes/kit/train/training.h"
#include "tensor/error.h"

namespace roux::diachronic_lm {
namespace {

using kit::Run;

absl::Status show_data(const Config& c, const World& world, const Arm& arm, Run& run) {
  const kit::Tokenizer& tokenizer = *world.slices[arm.slice].tokenizer;
  ROUX_ASSIGN_OR_RETURN(
      const kit::TokenBatch batch,
      first_batch(c, tokenizer.encode(world.slices[arm.slice].train).ids, arm, run.seeds()[0]));
  return run.show_batch(kit::first_batch_of(batch, [&](int64_t id) {
    const auto token = static_cast<int32_t>(id);
    return tokenizer.decode(absl::MakeConstSpan(&token, 1));
  }));
}

// 1. Cut each slice into splits; exchange nouns in the late ones. 2. Battery A: two teachers and a student of
// each slice. Battery B: one base, an adapter of each slice. 3. Read all test texts with all models. 4.
// Compare surprisals of periods.
absl::Status reproduce(const Config& config, Run& run) {
  ROUX_ASSIGN_OR_RETURN(const World world, load_world(config, run));
  const std::vector<Arm> arms = arms_of(config, world);
  if (!run.planning()) ROUX_RETURN_IF_ERROR(show_data(config, world, arms[1], run));
  auto parts = kit::grid(arms, run.seeds(), [&](const Arm& arm, uint64_t seed, kit::Part& part) {
    return train_arm(config, world, arm, seed, part);
  });
  int64_t steps = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const Arm& arm = arms[i % arms.size()];
    steps += arm.steps;
    if (arm.kind == Kind::kStudent)
      parts[i].after.push_back(absl::StrCat("teacher2.", world.slices[arm.slice].name));
  }
  run.expect_steps(steps);
  run.set_peak_flops(kit::measured_peak_flops(1));
  ROUX_ASSIGN_OR_RETURN(const auto results, run.side_by_side(parts));
  const Outcomes outcomes{config, world, results};
  ROUX_RETURN_IF_ERROR(report(outcomes, run));
  return judge(outcomes, run);
}

}  // namespace
}  // namespace roux::diachronic_lm

int main(int argc, char** argv) {
  using roux::diachronic_lm::Config;
  Config smoke, standard, gpu;
  smoke.decoder = {.layers = 1, .hidden = 16, .heads = 2, .intermediate = 32, .length = 16, .init_std = 0.25};
  smoke.teacher_lr = smoke.student_lr = smoke.base_lr = smoke.dora_lr = 4e-3;
  smoke.kv_heads = 1, smoke.vocab = 300, smoke.rank = 2, smoke.batch = 4, smoke.steps = 6,
  smoke.base_steps = 8;
  smoke.train_words = 6000, smoke.test_words = 1500, smoke.dev_words = 500, smoke.base_words = 1500;
  smoke.slices = {"bible_kjv", "austen_emma", "web_luke_john"}, smoke.modern = {"bible_web"},
  smoke.excerpts = true;
  gpu.decoder = {
      .layers = 12, .hidden = 768, .heads = 12, .intermediate = 2048, .length = 128, .init_std = 0.036};
  gpu.kv_heads = 4, gpu.vocab = 8192, gpu.rank = 16, gpu.lora_alpha = 32, gpu.batch = 64;
  gpu.steps = 400, gpu.base_steps = 1200;
  gpu.teacher_lr = gpu.student_lr = gpu.base_lr = 7e-4, gpu.dora_lr = 1e-4;
  gpu.slices = {"bible_kjv", "commentary_henry", "commentary_spurgeon"};
  gpu.train_words = 400000, gpu.test_words = 30000, gpu.dev_words = 10000, gpu.base_words = 100000;
  return roux::kit::recipe_main<Config>(
      argc, argv,
      {.info = {.slug = "diachronic_lm",
                .title = "Pretraining Language Models for Diachronic Linguistic Change Discovery",
                .arxiv = "2504.05523",
                .model_help = "",
                .data_help =
                    "a folder: each text, or folder of texts, is a slice, in the order of their names",
                .table_help = "",
                .data_kind = roux::kit::InputKind::kPaths},
       .presets =
           {{{.name = "smoke", .what = "toy models of three embedded texts", .minutes = 0.05, .seeds = 1},
             smoke},
            {{.name = "default", .what = "16 models of 0.14M parameters a seed, three slices", .minutes = 2},
             standard},
            {{.name = "gpu", .what = "models of 88M parameters, three slices (never run yet)", .minutes = 10},
             gpu}},
       .reproduce = roux::diachronic_lm::reproduce});
}
