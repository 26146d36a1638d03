#include "recipes/lora_education/pretrained.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "nn/lora.h"
#include "nn/models/peft.h"
#include "nn/models/transformer.h"
#include "nn/weights.h"
#include "recipes/kit/models/language_model.h"
#include "recipes/lora_education/evaluation.h"
#include "recipes/lora_education/study.h"
#include "recipes/lora_education/training.h"
#include "tensor/generator.h"

namespace roux::lora_education {
namespace {

constexpr uint64_t kSplitSeed = 42;  // section 3

struct Base {
  std::unique_ptr<LanguageModel> owner;
  Transformer* model = nullptr;  // in NF4, frozen
  std::string name;
  Language language;
};

absl::StatusOr<Base> load(const Config& c, kit::Run& run) {
  Base base{.name = run.options().model.empty() ? "smollm2" : run.options().model};
  kit::ModelOptions options{.source = run.source_options()};
  options.weights.device = run.device();
  options.weights.compute_dtype = run.device().type == DeviceType::kCuda ? kBF16 : kF32;
  options.weights.gradient_checkpointing = c.gradient_checkpointing;
  ROUX_ASSIGN_OR_RETURN(kit::Pretrained pretrained, kit::load_language_model(base.name, options));
  ROUX_RETURN_IF_ERROR(run.uses(pretrained.files.from));
  base.owner = std::move(pretrained.model);
  base.model = dynamic_cast<Transformer*>(base.owner.get());
  if (base.model == nullptr || !base.model->config().causal) {
    return absl::InvalidArgumentError(
        absl::StrCat("--model=", base.name, " is no decoder, which this recipe tunes"));
  }
  ROUX_ASSIGN_OR_RETURN(const kit::ChatTemplate chat, pretrained.chat);
  base.language = {pretrained.tokenizer, chat};
  quantize(*base.model, {"*_proj.weight"}, kNF4,
           c.double_quantization ? Nf4Scales::kQuantized : Nf4Scales::kExact);
  base.model->eval();
  return base;
}

struct Data {
  TuningData tuning;
  std::vector<Prompt> prompts;
  std::vector<std::string> references;
};

// At most so many of the conversations as the settings say.
absl::StatusOr<Data> read(const Config& c, const Language& language, kit::Run& run) {
  Split parts;
  if (run.options().data.empty()) {
    SeedData own = seed_data(c, make_world(c.countries, c.world_seed), /*errors=*/false, c.world_seed);
    parts.train = std::move(own.train), parts.test = std::move(own.held_out);
  } else {
    ROUX_ASSIGN_OR_RETURN(std::vector<Conversation> all, read_conversations(run.options().data));
    kit::Funnel funnel;
    all = quality_filtered(std::move(all), funnel);
    run.table({"Conversations of --data", {"", "conversations"}, funnel.rows()});
    absl::StatusOr<Split> of_all = split(all, kSplitSeed);
    if (!of_all.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(run.options().data, ": ", of_all.status().message()));
    }
    parts = *std::move(of_all);
    if (static_cast<int64_t>(parts.train.size()) > c.dialogues)
      parts.train.resize(static_cast<size_t>(c.dialogues));
    if (static_cast<int64_t>(parts.test.size()) > c.held_out)
      parts.test.resize(static_cast<size_t>(c.held_out));
  }
  Data data;
  int64_t too_long = 0;
  for (const auto& [conversations, documents] :
       {std::pair{&parts.train, &data.tuning.train}, {&parts.test, &data.tuning.held_out}}) {
    ROUX_ASSIGN_OR_RETURN(EncodedConversations encoded, encode(*conversations, *language.tokenizer,
                                                               language.chat, c.answers_only, c.max_tokens));
    *documents = std::move(encoded.documents), too_long += encoded.too_long;
  }
  run.print(absl::StrCat("Conversations: ", data.tuning.train.size(), " to train on, ",
                         data.tuning.held_out.size(), " unseen, ", too_long, " left out, longer than ",
                         c.max_tokens, " tokens\n"));
  if (static_cast<int64_t>(parts.test.size()) > c.prompts) parts.test.resize(static_cast<size_t>(c.prompts));
  ROUX_ASSIGN_OR_RETURN(data.prompts, prompts(parts.test, *language.tokenizer, language.chat));
  for (const Prompt& prompt : data.prompts) data.references.push_back(prompt.reference);
  return data;
}

struct Result {
  std::vector<double> held_out;
  std::vector<std::string> answers;
  template <class Visit>
  void visit(Visit&& visit) {
    visit("held_out", held_out), visit("answers", answers);
  }
};

absl::StatusOr<Result> answer(const Config& c, const Base& base, const LanguageModel& model, const Data& data,
                              kit::Part& part) {
  Result result;
  result.answers = greedy_answers(model, *base.language.tokenizer, data.prompts, c.new_tokens);
  for (size_t i = 0; i < result.answers.size(); ++i) {
    part.prediction(
        {.item = data.prompts[i].question, .gold = data.references[i], .output = result.answers[i]});
  }
  return result;
}

// A fresh adapter on the shared base, or with `from` the one that was handed over.
absl::StatusOr<Result> tune(const Config& c, const Base& base, const Data& data, const Arm& arm,
                            uint64_t seed, const std::string& folder, kit::Part& part) {
  Transformer model(*base.model, Weights::kShared);
  model.eval();
  Generator generator(seed);
  attach_lora(model, {.r = c.r, .alpha = 2.0 * static_cast<double>(c.r)}, generator);
  const Phase phase{.number = arm.phase,
                    .kind = arm.kind,
                    .from = arm.from,
                    .phases = phases_of(c, static_cast<int64_t>(data.tuning.train.size())),
                    .batch = arm.phase == 0 ? c.first_batch : c.second_batch,
                    .micro_rows = arm.phase == 0 ? c.first_micro : c.second_micro,
                    .max_grad_norm = c.max_grad_norm,
                    .adamw_8bit = c.adamw_8bit};
  ROUX_ASSIGN_OR_RETURN(const kit::TrainLog log, train_phase(phase, model, data.tuning, seed, part));
  if (arm.phase == 1) ROUX_RETURN_IF_ERROR(save_peft(model, folder, {.base_model = base.name}));
  ROUX_ASSIGN_OR_RETURN(Result result, answer(c, base, model, data, part));
  result.held_out = log.curves.at("held_out_loss");
  return result;
}

absl::Status report(const Config& c, const Base& base, const Data& data, const Result& before,
                    const kit::Results<Result>& results, kit::Run& run) {
  const auto scores = [&](const Result& r) { return score_answers(r.answers, data.references); };
  const auto markdown = results.values("handoff", [&](const Result& r) { return scores(r).markdown; });
  const auto rouge = results.values("handoff", [&](const Result& r) { return scores(r).rouge_l; });
  const auto reduction = results.values(
      "phase1", [](const Result& r) { return loss_reduction(r.held_out.front(), r.held_out.back()); });
  const auto further_before = results.values("phase1", [](const Result& r) { return r.held_out.back(); });
  const auto further_after = results.values("handoff", [](const Result& r) { return r.held_out.back(); });
  const std::vector<double> untuned(run.seeds().size(), scores(before).rouge_l);
  const auto is_tuned = [](const std::string& name) { return kit::PartName(name).arm == "handoff"; };
  const Result& first = results.results[static_cast<size_t>(
      std::find_if(results.names.begin(), results.names.end(), is_tuned) - results.names.begin())];
  kit::Table table{"Greedy answers of base and first seed", {"question", "base", "tuned"}, {}};
  for (size_t i = 0; i < std::min<size_t>(3, data.prompts.size()); ++i) {
    table.rows.push_back({data.prompts[i].question, before.answers[i], first.answers[i]});
  }
  run.table(table);
  const SimilarityGain gain = similarity_gain(before.answers, first.answers, data.references, run.seeds()[0]);
  run.print(absl::StrCat("Markdown of the base: ", kit::format_number(scores(before).markdown),
                         "; ROUGE-L gained on the first seed: ", kit::format_number(gain.rouge_l.estimate, 3),
                         " [", kit::format_number(gain.rouge_l.low, 3), ", ",
                         kit::format_number(gain.rouge_l.high, 3), "] over prompts\n"));
  const std::string scale =
      absl::StrCat(base.name, " in NF4, ", data.tuning.train.size(), " conversations, r ", c.r);
  const auto claim = [&](const std::string& text, const kit::Measurement& measured, kit::Relation relation,
                         std::optional<double> paper) {
    return run.claim(
        {.text = text, .paper = paper, .measured = measured, .relation = relation, .scale = scale});
  };
  ROUX_RETURN_IF_ERROR(claim("phase 1 takes a third or more off the loss of unseen dialogues",
                             kit::over_seeds(run.seeds(), reduction), kit::at_least(1.0 / 3), 0.527));
  ROUX_RETURN_IF_ERROR(claim("phase 2 lowers the loss of unseen dialogues further (nats)",
                             kit::paired(run.seeds(), further_before, further_after), kit::above(0), {}));
  ROUX_RETURN_IF_ERROR(claim("answers with heading, list, bold and Action Steps: tuned",
                             kit::over_seeds(run.seeds(), markdown, {0, 1}), kit::at_least(0.9), 0.95));
  return claim("similarity to the synthetic references rises: ROUGE-L, tuned minus base",
               kit::paired(run.seeds(), rouge, untuned, {-1, 1}), kit::above(0), {});
}

}  // namespace

absl::Status tune_pretrained(const Config& c, kit::Run& run) {
  ROUX_ASSIGN_OR_RETURN(const Base base, load(c, run));
  ROUX_ASSIGN_OR_RETURN(const Data data, read(c, base.language, run));
  ROUX_RETURN_IF_ERROR(show_first_batch(base.language, data.tuning, run));
  const Phases phases = phases_of(c, static_cast<int64_t>(data.tuning.train.size()));
  run.expect_steps((phases.first + phases.second) * static_cast<int64_t>(run.seeds().size()));
  const std::vector<Arm> two = {{.name = "phase1"}, {.name = "handoff", .from = "phase1", .phase = 1}};
  ROUX_ASSIGN_OR_RETURN(
      const auto results,
      run.side_by_side(kit::grid(two, run.seeds(), [&](const Arm& arm, uint64_t seed, kit::Part& part) {
        return tune(c, base, data, arm, seed, run.path(absl::StrCat("adapter-seed", seed)), part);
      })));
  ROUX_ASSIGN_OR_RETURN(const Result before, run.part("base", [&](kit::Part& part) {
    return answer(c, base, *base.model, data, part);
  }));
  return report(c, base, data, before, results, run);
}

}  // namespace roux::lora_education
