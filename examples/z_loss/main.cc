// Does a z-loss keep log Z near 0, and what does it cost?
#include "recipes/kit/run/main.h"
#include "absl/strings/str_cat.h"
#include "autograd/autograd.h"
#include "examples/z_loss/method.h"
#include "nn/models/llama.h"
#include "recipes/kit/data/corpus.h"
#include "recipes/kit/train/training.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss.h"

namespace roux::z_loss {
namespace {

struct Config {
  int64_t steps = 300;
  double weight = 1e-2;  // of the z-loss; PaLM has 1e-4 and longer runs
  template <class Visit>
  void visit(Visit&& visit) {
    visit("steps", steps), visit("weight", weight);
  }
};

// One training; mean (log Z)^2 and the loss on text it has not seen.
absl::StatusOr<std::vector<double>> train(const Config& config, const kit::Corpus& corpus, double weight,
                                          uint64_t seed, Device device, kit::Part& part) {
  Generator generator(seed);
  LlamaConfig shape{.vocab_size = corpus.tokenizer.vocab_size(), .hidden_size = 32, .intermediate_size = 64};
  shape.num_hidden_layers = 1, shape.num_attention_heads = shape.num_key_value_heads = 2;
  LlamaForCausalLM model(shape, Init{&generator, 0.1, kF32, device});
  AdamW optimizer({{model.named_parameters()}}, {});
  ROUX_ASSIGN_OR_RETURN(kit::BatchLoader loader,
                        kit::BatchLoader::create(corpus.train, {.seed = seed, .global_batch = 8}));
  const kit::TrainingState state{&model, &optimizer, &loader, nullptr};
  if (const kit::Checkpoint* saved = part.restored())
    ROUX_RETURN_IF_ERROR(kit::restore_training(*saved, state));
  for (int64_t step = part.start_step(); step < config.steps;) {
    const kit::LmBatch batch = kit::to_tensors(loader.next(), device);
    const Tensor logits = model(batch.input), loss = cross_entropy(logits, batch.target);
    backward(loss + weight * squared_log_z(logits));
    const double norm = optimizer.step({.lr = 3e-3, .max_grad_norm = 1}).item();
    optimizer.zero_grad();
    ROUX_RETURN_IF_ERROR(
        part.step({.step = ++step, .steps = config.steps, .loss = loss.item(), .grad_norm = norm, .lr = 3e-3},
                  [&](kit::CheckpointWriter& writer) { kit::save_training(state, writer); }));
  }
  NoGradGuard no_grad;
  ROUX_ASSIGN_OR_RETURN(const std::vector<int64_t> rows, corpus.validation.fixed_rows(64));
  const kit::LmBatch unseen = kit::to_tensors(corpus.validation.batch(rows), device);
  const Tensor logits = model(unseen.input);
  return std::vector<double>{squared_log_z(logits).item(), cross_entropy(logits, unseen.target).item()};
}

absl::Status reproduce(const Config& config, kit::Run& run) {
  ROUX_ASSIGN_OR_RETURN(const Device device, parse_device(run.options().device));
  ROUX_ASSIGN_OR_RETURN(
      const kit::Corpus corpus,
      kit::load_corpus({.path = run.options().data, .excerpts = {"austen_emma"}, .length = 32}));
  run.expect_steps(config.steps * 2 * static_cast<int64_t>(run.seeds().size()));
  std::vector<double> z[2], loss[2];  // without and with the z-loss
  for (const uint64_t seed : run.seeds()) {
    for (const int with : {0, 1}) {
      ROUX_ASSIGN_OR_RETURN(
          const std::vector<double> result,
          run.part(absl::StrCat(with ? "z-loss" : "plain", "/seed", seed), [&](kit::Part& part) {
            return train(config, corpus, with * config.weight, seed, device, part);
          }));
      z[with].push_back(result[0]), loss[with].push_back(result[1]);
    }
  }
  const std::string scale = absl::StrCat("a model of one layer, ", config.steps, " steps");
  ROUX_RETURN_IF_ERROR(run.claim({.text = "the z-loss lowers the mean of (log Z)^2",
                                  .measured = kit::paired(run.seeds(), z[0], z[1]),
                                  .relation = kit::above(0),
                                  .scale = scale}));
  return run.claim({.text = "the z-loss costs less than 0.05 nats a byte",
                    .measured = kit::paired(run.seeds(), loss[1], loss[0]),
                    .relation = kit::below(0.05),
                    .scale = scale});
}

}  // namespace
}  // namespace roux::z_loss

int main(int argc, char** argv) {
  using roux::z_loss::Config;
  return roux::kit::recipe_main<Config>(
      argc, argv,
      {.info = {.slug = "z_loss", .title = "Z-loss", .data_help = "a text file", .folder = "examples"},
       .presets = {{{.name = "smoke", .what = "20 steps", .minutes = 0.02}, {.steps = 20}},
                   {{.name = "default", .what = "300 steps", .minutes = 0.5}, {}}},
       .reproduce = roux::z_loss::reproduce});
}
