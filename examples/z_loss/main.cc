// Does a z-loss keep log Z near 0, and what does it cost?
#include "recipes/kit/run/main.h"
#include "absl/strings/str_cat.h"
#include "examples/z_loss/method.h"
#include "nn/models/transformer.h"
#include "optim/optimizer.h"
#include "recipes/kit/data/corpus.h"
#include "recipes/kit/run/claim_list.h"
#include "recipes/kit/train/batches.h"
#include "recipes/kit/train/show_first_batch.h"
#include "recipes/kit/train/train.h"
#include "recipes/kit/train/train_arms.h"
#include "recipes/kit/train/update.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss.h"

namespace roux::z_loss {
namespace {

constexpr int64_t kBatch = 8;  // rows a step

struct Config {
  int64_t steps = 300;
  double weight = 1e-2;  // of the z-loss; PaLM has 1e-4 and longer runs
  template <class Visit>
  void visit(Visit&& visit) {
    visit("steps", steps), visit("weight", weight);
  }
};

// An arm: the weight of its z-loss.
struct Arm {
  std::string name;
  double weight;
};

struct Result {
  double z = 0, loss = 0;  // mean (log Z)^2 and the loss, on text that was not trained on
  template <class Visit>
  void visit(Visit&& visit) {
    visit("z", z), visit("loss", loss);
  }
};

absl::StatusOr<Result> train_arm(const Config& config, const kit::Corpus& corpus, const Arm& arm,
                                 uint64_t seed, kit::Part& part) {
  Generator generator(seed);
  const TransformerConfig shape{.vocab_size = corpus.tokenizer.vocab_size(),
                                .hidden_size = 32,
                                .intermediate_size = 64,
                                .num_hidden_layers = 1,
                                .num_attention_heads = 2};
  Transformer model(shape, Init{&generator, 0.1, kF32, part.device()});
  AdamW optimizer({{model.named_parameters()}}, {});
  ROUX_ASSIGN_OR_RETURN(kit::BatchLoader loader,
                        kit::BatchLoader::create(corpus.train, {.seed = seed, .global_batch = kBatch}));
  const auto step = [&](int64_t) {
    const kit::LmBatch batch = kit::next_batch(loader, part.device());
    return kit::update(optimizer, {.lr = 3e-3, .max_grad_norm = 1}, [&] {
      const Tensor logits = model.logits(batch.input);
      return cross_entropy(logits, batch.target) + arm.weight * squared_log_z(logits);
    });
  };
  const kit::States states = {{"model", model}, {"optimizer", optimizer}, {"loader", loader}};
  ROUX_RETURN_IF_ERROR(kit::train(part, {.steps = config.steps}, states, step).status());

  NoGradGuard no_grad;
  ROUX_ASSIGN_OR_RETURN(const std::vector<int64_t> rows, corpus.validation.fixed_rows(64));
  const kit::LmBatch unseen = kit::to_batch(corpus.validation.batch(rows), part.device());
  const Tensor logits = model.logits(unseen.input);
  return Result{squared_log_z(logits).item(), cross_entropy(logits, unseen.target).item()};
}

absl::Status reproduce(const Config& config, kit::Run& run) {
  ROUX_ASSIGN_OR_RETURN(
      const kit::Corpus corpus,
      kit::load_corpus(
          {.path = run.options().data, .excerpts = {"austen_emma"}, .length = 32, .validation_windows = 64}));
  ROUX_RETURN_IF_ERROR(kit::show_first_batch(run, corpus, kBatch));
  const std::vector<Arm> arms = {{"plain", 0}, {"z-loss", config.weight}};
  const int64_t steps = config.steps * static_cast<int64_t>(arms.size());
  ROUX_ASSIGN_OR_RETURN(
      const auto results,
      kit::train_arms(run, arms, steps, [&](const Arm& arm, uint64_t seed, kit::Part& part) {
        return train_arm(config, corpus, arm, seed, part);
      }));
  const auto z = [&](const char* arm) { return results.values(arm, [](const Result& r) { return r.z; }); };
  const auto loss = [&](const char* arm) {
    return results.values(arm, [](const Result& r) { return r.loss; });
  };
  kit::ClaimList claims(run.seeds(), absl::StrCat("a model of one layer, ", config.steps, " steps"));
  claims.add("the z-loss lowers the mean of (log Z)^2", kit::minus(z("plain"), z("z-loss")), kit::above(0));
  claims.add("the z-loss costs less than 0.05 nats a byte", kit::minus(loss("z-loss"), loss("plain")),
             kit::below(0.05));
  return run.claim_all(claims.all());
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
