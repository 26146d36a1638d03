// A recipe for the tests of branching: a base, an arm from the base, an arm from that arm. The model has
// dropout, so that model, optimizer, loader and generator all have state. ROUX_TEST_KILL_AT=N ends the
// process without a word in the N-th step, wherever that is; ROUX_TEST_RANK=R only that rank, and
// ROUX_TEST_HOW=throw|hang|exit|term in another way; nan spoils the losses from there on, and full lets no
// file grow beyond 100 kB. ROUX_TEST_TOKEN=N puts another token into the text.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nn/lora.h"
#include "nn/models/transformer.h"
#include "nn/weights.h"
#include "optim/optimizer.h"
#include "recipes/kit/data/loader.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/run/items.h"
#include "recipes/kit/run/main.h"
#include "recipes/kit/train/batches.h"
#include "recipes/kit/train/train.h"
#include "recipes/kit/train/training.h"
#include "recipes/kit/train/update.h"
#include "tensor/comm/communicator.h"
#include "tensor/error.h"
#include "tensor/generator.h"
#include "tensor/ops/elementwise.h"

namespace roux::kit {
namespace {

struct Config {
  int64_t steps = 12, hidden = 16, layers = 1, vocabulary = 29;
  double dropout = 0.1;
  bool f64 = false, lora = false, packed = false;
  template <class Visit>
  void visit(Visit&& visit) {
    visit("steps", steps), visit("hidden", hidden), visit("layers", layers);
    visit("vocabulary", vocabulary), visit("dropout", dropout), visit("f64", f64), visit("lora", lora),
        visit("packed", packed);
  }
};

struct Arm {
  std::string name, from;
  double lr;
};

struct Curve {
  std::vector<double> loss;
  int64_t best_step = 0;
  template <class Visit>
  void visit(Visit&& visit) {
    visit("loss", loss), visit("best_step", best_step);
  }
};

bool spoilt = false;

void die_in_time() {
  static std::atomic<int64_t> steps{0};
  static const char* at = std::getenv("ROUX_TEST_KILL_AT");
  static const char* rank = std::getenv("ROUX_TEST_RANK");
  static const char* how = std::getenv("ROUX_TEST_HOW");
  if (at == nullptr || ++steps != std::atoll(at)) return;
  if (rank != nullptr && world().rank() != std::atoi(rank)) return;
  const std::string way = how != nullptr ? how : "kill";
  ROUX_CHECK(way != "throw") << "the test's error";
  if (way == "hang") ::pause();
  if (way == "exit") std::exit(7);
  if (way == "term") ::kill(::getpid(), SIGTERM);
  if (way == "kill") ::raise(SIGKILL);
  if (way == "nan") spoilt = true;
  if (way == "full") {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {100000, 100000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
}

TransformerConfig shape(const Config& recipe) {
  TransformerConfig config = gpt2_style();
  config.vocab_size = recipe.vocabulary, config.max_position_embeddings = 12,
  config.hidden_size = recipe.hidden;
  config.intermediate_size = 4 * recipe.hidden, config.num_hidden_layers = recipe.layers,
  config.num_attention_heads = 2;
  config.dropout.hidden = config.dropout.embedding = recipe.dropout;
  if (recipe.f64) config.compute_dtype = kF64;
  return config;
}

Init init_of(const Config& config, Generator* generator, Device device) {
  return Init{generator, 0.1, config.f64 ? kF64 : kF32, device};
}

// With `lora` the base is frozen.
void adapt(Transformer& model, const Config& config, Generator& generator) {
  if (config.lora) attach_lora(model, {.r = 2, .alpha = 4}, generator);
}

LmInput input_of(const LmBatch& batch) {
  return {.ids = batch.input, .document_begin = batch.document_begin};
}

absl::StatusOr<Curve> train_arm(const Config& config, const WindowSet& text, const Arm& arm, uint64_t seed,
                                Part& part) {
  Generator generator(seed, part.device());
  Transformer model(shape(config), init_of(config, &generator, part.device()));
  adapt(model, config, generator);
  AdamW optimizer({{trainable(model)}}, {.weight_decay = 0.1});
  const States learned = {{"model", model}, {"optimizer", optimizer}};
  if (!arm.from.empty()) ROUX_RETURN_IF_ERROR(part.load_from(arm.from, learned));
  ROUX_ASSIGN_OR_RETURN(BatchLoader loader, BatchLoader::create(text, {.seed = seed, .global_batch = 4}));
  const std::vector<int64_t> rows = {0, 5, 10};
  const auto loss_sum = [&](const LmBatch& b) {
    LmInput input = input_of(b);
    input.generator = &generator;
    const Tensor sum = model.loss_sum(input, b.target);
    return spoilt ? log(sum * 0.0 - 1.0) : sum;
  };
  const auto evaluate = [&](int64_t) -> Values {
    return {{"validation_loss", evaluate_loss(text, rows, 2, part.device(), [&](const LmBatch& b) {
               return model.loss_sum(input_of(b), b.target);
             })}};
  };
  ROUX_ASSIGN_OR_RETURN(const TrainLog log,
                        train(part,
                              {.steps = config.steps,
                               .evaluate_at = merged({0}, every(2, config.steps)),
                               .evaluate = evaluate,
                               .keep_best = Best{"validation_loss"},
                               .leave_at = {{config.steps / 2, "half"}}},
                              learned + States{{"loader", loader}, {"generator", generator}}, [&](int64_t) {
                                die_in_time();
                                return update(optimizer, {.lr = arm.lr, .max_grad_norm = 1},
                                              micro_batches(loader, part.device(), 3), loss_sum);
                              }));
  ROUX_RETURN_IF_ERROR(part.leave("final", learned));
  return Curve{log.curves.at("validation_loss"), log.best_step};
}

absl::StatusOr<std::vector<double>> judge(const Config& config, const WindowSet& text, uint64_t seed,
                                          Part& part) {
  Generator unused;
  Transformer model(shape(config), init_of(config, &unused, part.device()));
  adapt(model, config, unused);
  ROUX_RETURN_IF_ERROR(part.load_from("second", {{"model", model}}));
  model.eval();
  return for_items(part, text.size(), 3, [&](int64_t begin, int64_t end, const std::vector<double>&) {
    std::vector<double> losses;
    for (int64_t row = begin; row < end; ++row) {
      die_in_time();
      losses.push_back(evaluate_loss(text, {row}, 1, part.device(), [&](const LmBatch& b) {
        return model.loss_sum(input_of(b), b.target);
      }));
      part.prediction({.item = absl::StrCat("row", row),
                       .gold = "",
                       .output = absl::StrCat(seed),
                       .scores = {losses.back()}});
    }
    return losses;
  });
}

absl::Status reproduce(const Config& config, Run& run) {
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < 20 * 12 + 1; ++i) tokens.push_back((i * i / 3 + i) % 29);
  if (const char* token = std::getenv("ROUX_TEST_TOKEN")) tokens[5] = std::atoi(token);
  std::vector<std::vector<int32_t>> documents;
  for (size_t begin = 0; begin < tokens.size(); begin += documents.back().size()) {
    const size_t end = std::min(tokens.size(), begin + 3 + documents.size() % 7);
    documents.emplace_back(tokens.begin() + static_cast<int64_t>(begin),
                           tokens.begin() + static_cast<int64_t>(end));
  }
  ROUX_ASSIGN_OR_RETURN(const WindowSet text, config.packed ? WindowSet::packed(documents, 12, "documents")
                                                            : WindowSet::stream(tokens, 12, "tokens"));
  ROUX_RETURN_IF_ERROR(
      run.show_batch(first_batch_of(text.batch({0, 1}), [](int64_t t) { return absl::StrCat(t, " "); })));
  const std::vector<Arm> arms = {{"base", "", 1e-2}, {"first", "base", 3e-3}, {"second", "first", 3e-2}};
  std::vector<PartOf<Curve>> parts = grid(arms, run.seeds(), [&](const Arm& arm, uint64_t seed, Part& part) {
    return train_arm(config, text, arm, seed, part);
  });
  ROUX_ASSIGN_OR_RETURN(const auto curves, run.side_by_side(parts));
  std::vector<PartOf<std::vector<double>>> judges;
  for (const uint64_t seed : run.seeds()) {
    judges.push_back({absl::StrCat("judge/seed", seed),
                      [&, seed](Part& part) { return judge(config, text, seed, part); },
                      {"second"}});
  }
  ROUX_ASSIGN_OR_RETURN(const auto losses, run.side_by_side(judges));
  const auto last = [&](const char* arm) {
    return curves.values(arm, [](const Curve& c) { return c.loss.back(); });
  };
  ROUX_RETURN_IF_ERROR(run.claim({.text = "training goes on where the base ended",
                                  .measured = paired(run.seeds(), last("base"), last("second")),
                                  .relation = above(-10)}));
  return run.claim({.text = "loss of the second arm over rows",
                    .measured = over_items(losses.results[0], {.unit = "row"}),
                    .relation = above(0)});
}

}  // namespace
}  // namespace roux::kit

int main(int argc, char** argv) {
  using roux::kit::Config;
  return roux::kit::recipe_main<Config>(
      argc, argv,
      {.info = {.slug = "branch", .title = "Branch"},
       .presets = {{{.name = "default", .what = "a base and two arms"}, Config{}}},
       .reproduce = roux::kit::reproduce,
       .checkpoint_seconds = 0,
       .whole_checkpoint_bytes = 16 << 10});
}
