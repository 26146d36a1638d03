// SmolLM2 before and after a LoRA on a few questions, on the CPU.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "examples/lora_smollm2/method.h"
#include "examples/lora_smollm2/stand_in.h"
#include "nn/lora.h"
#include "nn/models/peft.h"
#include "nn/models/transformer.h"
#include "recipes/kit/decode/task_model.h"
#include "recipes/kit/models/language_model.h"
#include "recipes/kit/run/main.h"
#include "recipes/kit/train/fine_tune.h"
#include "recipes/kit/train/sft.h"
#include "recipes/kit/train/training.h"
#include "tensor/generator.h"

namespace roux::lora_smollm2 {
namespace {

struct Config {
  int64_t train = 25, dev = 5, test = 15;  // questions of each kind
  int64_t steps = 24, batch = 4;           // rows a step,
  int64_t row = 96;                        // of so many tokens: two or three questions
  int64_t r = 8;
  double lr = 1e-3;
  bool stand_in = false;  // a small random model in the place of SmolLM2
  template <class Visit>
  void visit(Visit&& visit) {
    visit("train", train), visit("dev", dev), visit("test", test), visit("steps", steps);
    visit("batch", batch), visit("row", row), visit("r", r), visit("lr", lr), visit("stand_in", stand_in);
  }
};

struct Data {
  Split split;
  kit::WindowSet train, dev;
  std::vector<kit::ChoiceItem> test;
};

absl::StatusOr<Data> read_data(const Config& c, const kit::Tokenizer& tokenizer, kit::Run& run) {
  kit::SourceOptions source = run.source_options();
  source.excerpt = true;  // enough, and the same on every machine
  ROUX_ASSIGN_OR_RETURN(const auto nouns, kit::wordnet_synsets("n", source));
  ROUX_RETURN_IF_ERROR(run.uses(nouns.from));
  ROUX_ASSIGN_OR_RETURN(Split parts, split(questions(nouns.value), c.train, c.dev, c.test, /*seed=*/1));
  const auto rows = [&](const std::vector<kit::Example>& examples,
                        const std::string& part) -> absl::StatusOr<kit::WindowSet> {
    ROUX_ASSIGN_OR_RETURN(const kit::SftDocuments sft,
                          kit::encode_examples(examples, tokenizer, {.max_tokens = c.row + 1}));
    return kit::WindowSet::packed(sft.documents, c.row, part);
  };
  ROUX_ASSIGN_OR_RETURN(kit::WindowSet train_rows, rows(parts.train, "train"));
  ROUX_ASSIGN_OR_RETURN(kit::WindowSet dev_rows, rows(parts.dev, "dev"));
  std::vector<kit::ChoiceItem> test = choice_items(parts.test);
  return Data{std::move(parts), std::move(train_rows), std::move(dev_rows), std::move(test)};
}

struct Result {
  double accuracy = 0, first_dev = 0, last_dev = 0;
  std::vector<int64_t> chosen;
  template <class Visit>
  void visit(Visit&& visit) {
    visit("accuracy", accuracy), visit("first_dev", first_dev), visit("last_dev", last_dev);
    visit("chosen", chosen);
  }
};

// The test's questions, each a line of predictions.jsonl.
void answer_test(const Transformer& model, const kit::Tokenizer& tokenizer,
                 const std::vector<kit::ChoiceItem>& items, kit::Part& part, Result& result) {
  const kit::TaskModel task = kit::task_model(kit::decode_model(model), tokenizer);
  const auto outcomes = kit::score_choices(kFormat, {}, items, kit::continuation_scorer(task));
  for (size_t i = 0; i < items.size(); ++i) {
    part.prediction(kit::prediction_of(items[i], outcomes[i]));
    result.chosen.push_back(outcomes[i].by_sum);
  }
  result.accuracy = kit::choice_accuracy(outcomes).sum;
}

// A LoRA on the frozen model, which all seeds share.
absl::StatusOr<Result> train_adapter(const Config& c, const Transformer& base,
                                     const kit::Tokenizer& tokenizer, const Data& data, uint64_t seed,
                                     const std::string& folder, kit::Part& part) {
  Generator generator(seed);
  Transformer model(base, Weights::kShared);
  attach_lora(model, {.r = c.r, .alpha = 2.0 * static_cast<double>(c.r), .dropout = 0.05}, generator);
  kit::FineTuneOptions options{.seed = seed, .steps = c.steps, .global_batch = c.batch};
  options.lr = cosine_schedule({.peak = c.lr, .total = c.steps, .warmup = c.steps / 10});
  options.evaluate_at = {0, c.steps};
  ROUX_ASSIGN_OR_RETURN(const kit::TrainLog log,
                        kit::fine_tune(part, model, {&data.train, {{"dev_loss", &data.dev}}}, options));
  ROUX_RETURN_IF_ERROR(save_peft(model, folder, {.base_model = "HuggingFaceTB/SmolLM2-135M-Instruct"}));
  const std::vector<double>& dev = log.curves.at("dev_loss");
  Result result{.first_dev = dev.front(), .last_dev = dev.back()};
  model.eval();
  answer_test(model, tokenizer, data.test, part, result);
  return result;
}

struct Model {
  std::unique_ptr<LanguageModel> model;
  std::shared_ptr<const kit::Tokenizer> tokenizer;
};

absl::StatusOr<Model> read_model(const Config& c, const std::string& name, kit::Run& run) {
  if (c.stand_in) {
    auto tokenizer = stand_in_tokenizer();
    return Model{stand_in_model(*tokenizer, run.device()), tokenizer};
  }
  kit::ModelOptions options{.source = run.source_options()};
  options.weights.device = run.device();
  ROUX_ASSIGN_OR_RETURN(kit::Pretrained pretrained, kit::load_language_model(name, options));
  ROUX_RETURN_IF_ERROR(run.uses(pretrained.files.from));
  return Model{std::move(pretrained.model), pretrained.tokenizer};
}

// Some of the questions with the answers of one seed.
kit::Table answers(const std::vector<kit::Example>& test, const Result& before, const Result& after) {
  const auto percent = [](const Result& r) { return absl::StrCat(std::lround(100 * r.accuracy), " %"); };
  kit::Table table{
      absl::StrCat("Answers before (", percent(before), " right) and after (", percent(after), ")"),
      {"definition", "kind", "before", "after"},
      {}};
  for (size_t i = 0; i < test.size(); i += std::max<size_t>(1, test.size() / 12)) {
    const auto answer = [&](const Result& r) { return kKinds[r.chosen[i]].word; };
    const std::string& prompt = test[i].prompt;
    const size_t line = prompt.find('\n') + 1;
    table.rows.push_back(
        {prompt.substr(line, prompt.size() - line - 1), test[i].label, answer(before), answer(after)});
  }
  return table;
}

absl::Status reproduce(const Config& c, kit::Run& run) {
  const std::string name = run.options().model.empty() ? "smollm2" : run.options().model;
  ROUX_ASSIGN_OR_RETURN(const Model model, read_model(c, name, run));
  auto* base = dynamic_cast<Transformer*>(model.model.get());
  if (base == nullptr) return absl::InvalidArgumentError(absl::StrCat(name, " is not a decoder"));
  base->eval();
  const kit::Tokenizer& tokenizer = *model.tokenizer;
  ROUX_ASSIGN_OR_RETURN(const Data data, read_data(c, tokenizer, run));
  const auto decode = [&](int64_t id) { return tokenizer.decode({static_cast<int32_t>(id)}); };
  ROUX_RETURN_IF_ERROR(run.show_batch(kit::first_batch_of(data.train.batch({0, 1}), decode)));

  run.expect_steps(c.steps * static_cast<int64_t>(run.seeds().size()));
  struct Arm {
    std::string name;
  };
  ROUX_ASSIGN_OR_RETURN(
      const auto trained,
      run.side_by_side(
          kit::grid(std::vector<Arm>{{"lora"}}, run.seeds(), [&](const Arm&, uint64_t seed, kit::Part& part) {
            const std::string folder = run.path(absl::StrCat("adapter-seed", seed));
            return train_adapter(c, *base, tokenizer, data, seed, folder, part);
          })));
  ROUX_ASSIGN_OR_RETURN(const Result before,
                        run.part("before", [&](kit::Part& part) -> absl::StatusOr<Result> {
                          Result result;
                          answer_test(*base, tokenizer, data.test, part, result);
                          return result;
                        }));
  run.table(answers(data.split.test, before, trained.results.front()));

  const auto accuracies = trained.values("lora", [](const Result& r) { return r.accuracy; });
  const auto first_dev = trained.values("lora", [](const Result& r) { return r.first_dev; });
  const auto last_dev = trained.values("lora", [](const Result& r) { return r.last_dev; });
  const std::string scale = absl::StrCat(c.stand_in ? "a stand-in" : name, ", ", data.split.train.size(),
                                         " questions, ", c.steps, " steps");
  const std::vector<double> untrained(run.seeds().size(), before.accuracy);
  ROUX_RETURN_IF_ERROR(run.claim({.text = "after the LoRA more kinds are named rightly than before",
                                  .measured = kit::paired(run.seeds(), accuracies, untrained),
                                  .relation = kit::above(0),
                                  .scale = scale}));
  return run.claim({.text = "the loss of answers that were not trained on falls",
                    .measured = kit::paired(run.seeds(), first_dev, last_dev),
                    .relation = kit::above(0),
                    .scale = scale});
}

}  // namespace
}  // namespace roux::lora_smollm2

int main(int argc, char** argv) {
  using roux::lora_smollm2::Config;
  return roux::kit::recipe_main<Config>(
      argc, argv,
      {.info = {.slug = "lora_smollm2",
                .title = "A LoRA of SmolLM2 on WordNet's definitions",
                .model_help = "a folder, a GGUF file or a name; smollm2",
                .folder = "examples"},
       .presets =
           {{{.name = "smoke", .what = "a small random model, 20 steps", .minutes = 0.02},
             {.train = 10, .dev = 2, .test = 3, .steps = 20, .row = 300, .lr = 3e-3, .stand_in = true}},
            {{.name = "default", .what = "SmolLM2-135M, 150 questions", .minutes = 3}, {}}},
       .reproduce = roux::lora_smollm2::reproduce});
}
