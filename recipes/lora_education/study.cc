#include "recipes/lora_education/study.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "nn/weights.h"

namespace roux::lora_education {
namespace {

// Answers and cloze questions; each answer and each fact is a line of predictions.jsonl.
absl::Status judge(const Config& c, const World& world, const Language& language, const LanguageModel& model,
                   const SeedData& data, kit::Part& part, Outcome& out) {
  std::vector<Conversation> conversations;
  for (const Dialogue& dialogue : data.prompts) conversations.push_back(dialogue.conversation);
  ROUX_ASSIGN_OR_RETURN(const std::vector<Prompt> asked,
                        prompts(conversations, *language.tokenizer, language.chat));
  const std::vector<std::string> answers = greedy_answers(model, *language.tokenizer, asked, c.new_tokens);
  std::vector<std::string> references;
  int64_t right = 0, as_taught = 0;
  for (size_t i = 0; i < asked.size(); ++i) {
    references.push_back(asked[i].reference);
    right += facts_stated(answers[i], data.prompts[i].facts, world.truth);
    as_taught += facts_stated(answers[i], data.prompts[i].facts, data.stated);
    part.prediction({.item = asked[i].question, .gold = asked[i].reference, .output = answers[i]});
  }
  const double facts = 2 * static_cast<double>(asked.size());
  out.stated_right = static_cast<double>(right) / facts;
  out.stated_as_taught = static_cast<double>(as_taught) / facts;
  out.scores = score_answers(answers, references);
  for (size_t i = 0; i < std::min<size_t>(3, asked.size()); ++i) {
    out.questions.push_back(asked[i].question), out.answers.push_back(answers[i]);
  }
  const Knowledge knowledge = facts_known(model, *language.tokenizer, world);
  for (int64_t fact = 0; fact < world.facts(); ++fact) {
    const auto f = static_cast<size_t>(fact);
    part.prediction({.item = cloze_question(world, fact).prompt,
                     .gold = world.truth[f],
                     .scores = {knowledge.known[f] ? 1.0 : 0.0, knowledge.margins[f]}});
  }
  out.known = mean_of(knowledge.known);
  out.known_wrong = mean_of(knowledge.known, data.wrong, true);
  out.known_clean = mean_of(knowledge.known, data.wrong, false);
  out.margin_wrong = mean_of(knowledge.margins, data.wrong, true);
  out.margin_clean = mean_of(knowledge.margins, data.wrong, false);
  return absl::OkStatus();
}

}  // namespace

std::vector<Arm> arms(const Config& c) {
  std::vector<Arm> all = {
      {.name = "base", .phase = -1, .nf4 = false, .judged = true},
      {.name = "phase1", .from = "base", .r = c.r, .judged = true},
      {.name = "handoff", .from = "phase1", .phase = 1, .r = c.r, .judged = true},
      {.name = "state_carried", .from = "phase1", .phase = 1, .kind = HandOff::kOptimizerState, .r = c.r},
      {.name = "continuous_phase1", .from = "base", .kind = HandOff::kContinuous, .r = c.r},
      {.name = "continuous", .from = "continuous_phase1", .phase = 1, .kind = HandOff::kContinuous, .r = c.r},
      {.name = "errors_phase1", .from = "base", .r = c.r, .errors = true},
      {.name = "errors", .from = "errors_phase1", .phase = 1, .r = c.r, .errors = true, .judged = true},
      {.name = "fp32_phase1", .from = "base", .r = c.r, .nf4 = false},
      {.name = "fp32", .from = "fp32_phase1", .phase = 1, .r = c.r, .nf4 = false, .judged = true}};
  for (const int64_t r : {4, 8, 16, 32}) {
    if (!c.ranks || r == c.r) continue;
    const std::string name = absl::StrCat("r", r);
    all.push_back({.name = name + "_phase1", .from = "base", .r = r});
    all.push_back({.name = name, .from = name + "_phase1", .phase = 1, .r = r});
  }
  return all;
}

SeedData seed_data(const Config& c, const World& world, bool errors, uint64_t seed) {
  SeedData data{.wrong = wrong_facts(world, c.errors, seed)};
  data.stated = errors ? stated_facts(world, data.wrong) : world.truth;
  const std::vector<Dialogue> dialogues =
      make_dialogues(world, data.stated, c.dialogues + c.held_out + c.prompts, c.follow_ups, seed);
  for (size_t i = 0; i < dialogues.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    if (at < c.dialogues)
      data.train.push_back(dialogues[i].conversation);
    else if (at < c.dialogues + c.held_out)
      data.held_out.push_back(dialogues[i].conversation);
    else
      data.prompts.push_back(dialogues[i]);
  }
  return data;
}

Phases phases_of(const Config& c, int64_t conversations) {
  return {.first = phase_steps(conversations, c.first_batch, c.first_epochs),
          .second = phase_steps(conversations, c.second_batch, c.second_epochs),
          .lr = c.lr,
          .warmup_ratio = c.warmup_ratio};
}

absl::StatusOr<Shared> make_shared(const Config& c) {
  World world = make_world(c.countries, c.world_seed);
  ROUX_ASSIGN_OR_RETURN(Language language, make_language(c, world));
  ROUX_ASSIGN_OR_RETURN(kit::WindowSet text, base_text(c, world, language));
  return Shared{std::move(world), std::move(language), std::move(text)};
}

absl::StatusOr<Outcome> run_arm(const Config& c, const Shared& shared, const Arm& arm, uint64_t seed,
                                kit::Part& part) {
  const auto& [world, language, text] = shared;
  const SeedData data = seed_data(c, world, arm.errors, seed);
  Outcome out;
  out.wrong_share = mean_of(data.wrong);
  std::unique_ptr<Transformer> model;
  if (arm.phase < 0) {
    ROUX_ASSIGN_OR_RETURN(model, train_base(c, language, text, seed, part));
  } else {
    ROUX_ASSIGN_OR_RETURN(model, load_base(c, language, part));
    make_qlora(*model, arm.nf4, c.double_quantization, arm.r, seed);
  }
  TuningData tuning;
  for (const auto& [conversations, documents] :
       {std::pair{&data.train, &tuning.train}, {&data.held_out, &tuning.held_out}}) {
    ROUX_ASSIGN_OR_RETURN(
        const EncodedConversations encoded,
        encode(*conversations, *language.tokenizer, language.chat, c.answers_only, c.max_tokens));
    *documents = encoded.documents;
  }
  if (arm.phase < 0) {
    out.at = {0}, out.held_out = {held_out_loss(*model, tuning.held_out, part.device())};
  } else {
    const Phase phase{.number = arm.phase,
                      .kind = arm.kind,
                      .from = arm.from,
                      .phases = phases_of(c, static_cast<int64_t>(tuning.train.size())),
                      .batch = arm.phase == 0 ? c.first_batch : c.second_batch,
                      .micro_rows = arm.phase == 0 ? c.first_micro : c.second_micro,
                      .max_grad_norm = c.max_grad_norm,
                      .adamw_8bit = c.adamw_8bit};
    ROUX_ASSIGN_OR_RETURN(const kit::TrainLog log, train_phase(phase, *model, tuning, seed, part));
    out.at = log.at, out.held_out = log.curves.at("held_out_loss");
  }
  const WeightBytes bytes = projection_bytes(*model);
  out.held_bytes = bytes.held, out.f16_bytes = bytes.f16;
  out.parameters = model->num_parameters();
  for (const auto& [name, tensor] : trainable(*model)) out.adapter += tensor.numel();
  if (arm.judged) ROUX_RETURN_IF_ERROR(judge(c, world, language, *model, data, part, out));
  return out;
}

}  // namespace roux::lora_education
