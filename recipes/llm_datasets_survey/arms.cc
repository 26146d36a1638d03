#include "recipes/llm_datasets_survey/arms.h"

#include <algorithm>
#include <filesystem>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "nn/models/transformer.h"
#include "optim/schedules.h"
#include "recipes/kit/data/byte_tokenizer.h"
#include "recipes/kit/data/corpus.h"
#include "recipes/kit/data/sources/wordnet.h"
#include "recipes/kit/data/text_domain.h"
#include "recipes/kit/train/fine_tune.h"
#include "recipes/kit/train/losses.h"
#include "recipes/kit/train/pretrain.h"
#include "tensor/error.h"
#include "tensor/generator.h"

namespace roux::llm_datasets_survey {
namespace {

constexpr size_t kDocumentBytes = 400;
constexpr int64_t kRows = 32;   // evaluated at once
constexpr uint64_t kNoise = 1;  // seed of the planted noise

// Of instructions: a prompt has at most 79 tokens, an answer 9.
int64_t row_length(const Config& c) { return std::max<int64_t>(c.decoder.length, 96); }

TransformerConfig shape_of(const Config& c) {
  TransformerConfig shape = c.decoder.transformer(256);
  shape.max_position_embeddings = row_length(c);
  return shape;
}

std::string cut(std::string text, size_t bytes) {
  if (bytes < text.size()) {
    while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
    text.resize(bytes);
  }
  return text;
}

absl::StatusOr<std::string> named_text(const Config& config, const std::string& name, kit::Run& run) {
  kit::SourceOptions source = run.source_options();
  source.excerpt = config.excerpts;
  ROUX_ASSIGN_OR_RETURN(auto text, kit::text_domain(name, source));
  ROUX_RETURN_IF_ERROR(run.uses(text.from));
  return cut(std::move(text.value), static_cast<size_t>(config.text_bytes));
}

absl::StatusOr<std::vector<std::string>> texts_of(const Config& config, kit::Run& run) {
  std::vector<std::string> texts;
  const std::string& data = run.options().data;
  if (data.empty()) {
    for (const std::string& name : config.texts) {
      ROUX_ASSIGN_OR_RETURN(std::string text, named_text(config, name, run));
      texts.push_back(std::move(text));
    }
    return texts;
  }
  std::vector<kit::NamedText> domains;
  std::error_code error;
  if (std::filesystem::is_directory(data, error)) {
    ROUX_ASSIGN_OR_RETURN(domains, kit::folder_domains(data));
  } else {
    ROUX_ASSIGN_OR_RETURN(kit::NamedText text, kit::read_domain(data));
    domains.push_back(std::move(text));
  }
  for (kit::NamedText& domain : domains) texts.push_back(std::move(domain.text));
  return texts;
}

absl::StatusOr<kit::WindowSet> windows_of(const Config& config, const std::vector<std::string>& documents,
                                          const std::string& name) {
  return kit::WindowSet::stream(kit::ByteTokenizer().encode(absl::StrJoin(documents, "\n\n")),
                                config.decoder.length, name);
}

size_t bytes_of(const std::vector<std::string>& documents) { return absl::StrJoin(documents, "").size(); }

// The classifier learns "reference or raw" from half of the corpus; what it is held to is "clean or noise" on
// the other half, which it was not told.
void judge_quality(const std::vector<std::string>& reference, Data& data) {
  std::vector<std::string> raw, judged;
  for (size_t i = 0; i < data.corpus.documents.size(); ++i) {
    const Document& document = data.corpus.documents[i];
    if (i % 2 == 0) {
      raw.push_back(document.text);
    } else if (document.kind == Kind::kClean || document.kind == Kind::kGibberish ||
               document.kind == Kind::kBoilerplate) {
      judged.push_back(document.text), data.is_clean.push_back(document.kind == Kind::kClean);
    }
  }
  data.quality = QualityClassifier(reference, raw)(judged);
}

absl::Status make_corpora(const Config& config, const std::vector<std::string>& reference, Data& data) {
  data.corpus = plant(data.clean, {.seed = kNoise});
  const LetterPairs pairs(absl::StrJoin(reference, "\n"));
  const std::vector<std::string> raw = data.corpus.texts();
  const auto add = [&](const std::string& name, const std::vector<std::string>& documents) -> absl::Status {
    ROUX_ASSIGN_OR_RETURN(kit::WindowSet windows, windows_of(config, documents, name));
    data.train.emplace(name, std::move(windows));
    return absl::OkStatus();
  };
  size_t kept_bytes = 0;
  for (const auto& [name, stages] :
       {std::pair{"raw", Stages{}}, std::pair{"filter", Stages{true, false}},
        std::pair{"dedup", Stages{false, true}}, std::pair{"both", Stages{true, true}}}) {
    const std::vector<std::string> kept = process(raw, stages, pairs, data.funnels[name]);
    kept_bytes = bytes_of(kept);  // at last of "both"
    ROUX_RETURN_IF_ERROR(add(name, kept));
  }
  ROUX_RETURN_IF_ERROR(add("random", random_share(raw, kept_bytes, kNoise)));
  judge_quality(reference, data);
  return absl::OkStatus();
}

absl::Status load_tasks(const Config& config, kit::Run& run, Data& data) {
  kit::SourceOptions source = run.source_options();
  source.excerpt = config.excerpts || run.planning();
  ROUX_ASSIGN_OR_RETURN(auto rated, kit::vader_lexicon(source));
  if (!run.planning()) ROUX_RETURN_IF_ERROR(run.uses(rated.from));
  data.rated = std::move(rated.value);
  ROUX_ASSIGN_OR_RETURN(const auto synsets, kit::wordnet_synsets("nvar", source));
  if (!run.planning()) ROUX_RETURN_IF_ERROR(run.uses(synsets.from));
  int64_t number = 0;
  for (const kit::Synset& synset : synsets.value) {
    if (synset.part != 'n') continue;
    const std::string category = std::string(kit::wordnet_category(synset.category)).substr(5);  // "noun."
    if (std::find(std::begin(kCategories), std::end(kCategories), category) == std::end(kCategories))
      continue;
    kit::Example item = instruction_of(synset.offset, synset.words.at(0), synset.definition, category);
    (number++ % 4 == 0 ? data.questions : data.instructions).push_back(std::move(item));
  }
  return absl::OkStatus();
}

// What a plan trains on: windows of the sizes that are asked for, in the place of texts.
absl::StatusOr<Data> stand_in(const Config& config, kit::Run& run) {
  Data data;
  const auto windows = [&] { return kit::stand_in_corpus(config.eval_windows, config.decoder.length); };
  for (const Arm& arm : arms()) {
    ROUX_ASSIGN_OR_RETURN(kit::Corpus corpus, windows());
    data.train.emplace(arm.name, std::move(corpus.train));
  }
  for (int i = 0; i < 2; ++i) {
    ROUX_ASSIGN_OR_RETURN(kit::Corpus corpus, windows());
    data.held_out.push_back(std::move(corpus.validation));
  }
  ROUX_RETURN_IF_ERROR(load_tasks(config, run, data));
  return data;
}

kit::MaskedDocument tokens_of(const std::string& prompt, const std::string& response) {
  const kit::ByteTokenizer tokenizer;
  kit::MaskedDocument document{tokenizer.encode(prompt + response), std::vector<uint8_t>(prompt.size(), 0)};
  document.loss_mask.resize(document.tokens.size(), 1);
  return document;
}

absl::StatusOr<std::vector<double>> losses_of(const LanguageModel& model,
                                              const std::vector<kit::MaskedDocument>& documents,
                                              int64_t length, Device device) {
  ROUX_ASSIGN_OR_RETURN(const kit::WindowSet windows,
                        kit::WindowSet::padded(documents, length, "candidates"));
  ROUX_ASSIGN_OR_RETURN(const std::vector<int64_t> rows, windows.fixed_rows(windows.size()));
  std::vector<double> sums;
  for (const kit::RowLoss& loss :
       kit::row_losses([&](const kit::LmBatch& b) { return model.token_losses(kit::lm_input(b), b.target); },
                       windows, rows, kRows, device))
    sums.push_back(loss.sum);
  return sums;
}

// Mean exposure of the canaries of each number of copies.
absl::Status measure_exposure(const Config& config, const PlantedCorpus& corpus, uint64_t seed,
                              const LanguageModel& model, Device device, Outcome& outcome) {
  stats::RandomStream random(seed, 13);
  std::map<int64_t, std::pair<double, double>> sums;
  for (const Canary& canary : corpus.canaries) {
    std::vector<kit::MaskedDocument> candidates = {tokens_of(canary.before, canary.secret + ".")};
    while (static_cast<int64_t>(candidates.size()) < config.candidates)
      candidates.push_back(tokens_of(canary.before, absl::StrFormat("%06d.", random.below(1000000))));
    ROUX_ASSIGN_OR_RETURN(const std::vector<double> losses,
                          losses_of(model, candidates, config.decoder.length, device));
    auto& [sum, count] = sums[canary.copies];
    sum += exposure(losses), ++count;
  }
  for (const auto& [copies, sum] : sums)
    outcome.scores[absl::StrCat("exposure_", copies)] = sum.first / sum.second;
  return absl::OkStatus();
}

absl::StatusOr<Outcome> train_lm(const Config& c, const Data& data, const Arm& arm, uint64_t seed,
                                 kit::Part& part) {
  Generator generator(seed);
  Transformer model(shape_of(c), c.decoder.init(generator, part.device()));
  std::vector<kit::ValidationSet> sets;
  for (size_t i = 0; i < data.held_out.size(); ++i) {
    ROUX_ASSIGN_OR_RETURN(std::vector<int64_t> rows, data.held_out[i].fixed_rows(c.eval_windows));
    sets.push_back({i == 0 ? "held_out" : "unseen", &data.held_out[i], std::move(rows)});
  }
  Outcome outcome;
  ROUX_ASSIGN_OR_RETURN(
      kit::PretrainResult trained,
      kit::pretrain(part, model, {{&data.train.at(arm.name)}, {1}, sets},
                    {.seed = seed,
                     .steps = c.steps,
                     .global_batch = c.batch,
                     .lr = cosine(c.lr, c.steps),
                     .adamw = {.beta2 = 0.95, .weight_decay = 0.1},
                     .evaluate_at = kit::merged({0}, kit::every(std::max<int64_t>(1, c.steps / 6), c.steps)),
                     .leave_at = {{c.steps, "final"}}}));
  outcome.log = std::move(trained.log);
  for (const char* set : {"held_out", "unseen"}) outcome.scores[set] = outcome.log.curves.at(set).back();
  ROUX_RETURN_IF_ERROR(measure_exposure(c, data.corpus, seed, model, part.device(), outcome));
  return outcome;
}

// Accuracy over the questions: a closed choice, the most probable answer, decided by a program (OQ, CE).
absl::StatusOr<double> choose(const Config& c, const Data& data, const LanguageModel& model, kit::Part& part,
                              bool record) {
  std::vector<kit::MaskedDocument> documents;
  for (const kit::Example& question : data.questions) {
    for (const char* category : kCategories)
      documents.push_back(tokens_of(question.prompt, absl::StrCat(category, ".")));
  }
  ROUX_ASSIGN_OR_RETURN(const std::vector<double> losses,
                        losses_of(model, documents, row_length(c), part.device()));
  double right = 0;
  for (size_t i = 0; i < data.questions.size(); ++i) {
    const auto begin = losses.begin() + static_cast<std::ptrdiff_t>(3 * i);
    const std::string answer = kCategories[std::min_element(begin, begin + 3) - begin];
    right += answer == data.questions[i].label;
    if (record) part.prediction({data.questions[i].id, data.questions[i].label, answer, {begin, begin + 3}});
  }
  return right / static_cast<double>(data.questions.size());
}

absl::StatusOr<Outcome> tune(const Config& c, const Data& data, const Arm& arm, uint64_t seed,
                             kit::Part& part) {
  Generator unused(1);
  Transformer model(shape_of(c), c.decoder.init(unused, part.device()));
  ROUX_RETURN_IF_ERROR(part.load_from(arm.from, {{"model", model}}));
  Outcome outcome;
  if (!part.planning()) {
    ROUX_ASSIGN_OR_RETURN(outcome.scores["before"], choose(c, data, model, part, false));
  }
  std::vector<kit::MaskedDocument> documents;
  for (const kit::Example& item : data.instructions)
    documents.push_back(tokens_of(item.prompt, item.response));
  ROUX_ASSIGN_OR_RETURN(const kit::WindowSet windows,
                        kit::WindowSet::padded(documents, row_length(c), "instructions"));
  ROUX_ASSIGN_OR_RETURN(outcome.log, kit::fine_tune(part, model, {&windows},
                                                    {.seed = seed,
                                                     .steps = c.instruct_steps,
                                                     .global_batch = c.batch,
                                                     .lr = cosine(c.instruct_lr, c.instruct_steps)}));
  ROUX_ASSIGN_OR_RETURN(outcome.scores["accuracy"], choose(c, data, model, part, true));
  std::map<std::string, double> labels;
  for (const kit::Example& item : data.instructions) ++labels[item.label];
  const auto most = std::max_element(labels.begin(), labels.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  for (const kit::Example& question : data.questions)
    outcome.scores["majority"] +=
        static_cast<double>(question.label == most->first) / static_cast<double>(data.questions.size());
  return outcome;
}

}  // namespace

absl::Status Config::check() const {
  ROUX_RETURN_IF_ERROR(decoder.check());
  if (texts.empty()) return absl::InvalidArgumentError("--texts needs a text domain");
  if (decoder.length < 48)
    return absl::InvalidArgumentError(
        absl::StrCat("length=", decoder.length, ": planted secrets need 48 tokens"));
  return absl::OkStatus();
}

kit::Example instruction_of(int64_t offset, const std::string& word, const std::string& definition,
                            const std::string& category) {
  return {.id = absl::StrCat("wordnet-n-", offset),
          .prompt = absl::StrCat(cut(absl::StrCat(word, ": ", definition), 72), "\nkind: "),
          .response = absl::StrCat(category, "."),
          .label = category,
          .source = "wordnet"};
}

absl::StatusOr<Data> load_data(const Config& config, kit::Run& run) {
  if (run.planning()) return stand_in(config, run);
  Data data;
  const bool own_data = !run.options().data.empty();
  ROUX_ASSIGN_OR_RETURN(const std::vector<std::string> texts, texts_of(config, run));
  std::vector<std::string> held_out, reference;
  for (const std::string& text : texts) {
    const std::vector<std::string> documents = documents_of(text, kDocumentBytes);
    const auto part = static_cast<std::ptrdiff_t>(documents.size() / 8);
    // The user's own language is learnt from documents that are neither trained nor evaluated on.
    const auto end = documents.end() - part, clean_end = own_data ? end - part : end;
    data.clean.insert(data.clean.end(), documents.begin(), clean_end);
    reference.insert(reference.end(), clean_end, end);
    held_out.insert(held_out.end(), end, documents.end());
  }
  if (data.clean.size() < 8) {
    return absl::InvalidArgumentError(absl::StrCat(run.options().data, ": ", data.clean.size(),
                                                   " documents to train on are too few; eight of 400 bytes "
                                                   "are the least"));
  }
  ROUX_ASSIGN_OR_RETURN(const std::string unseen, named_text(config, config.unseen, run));
  if (!own_data) {
    ROUX_ASSIGN_OR_RETURN(const std::string text, named_text(config, config.reference, run));
    reference = documents_of(text, kDocumentBytes);
  }
  for (const auto& [documents, name] : {std::pair{held_out, "held-out text"},
                                        std::pair{documents_of(unseen, kDocumentBytes), "unseen text"}}) {
    ROUX_ASSIGN_OR_RETURN(kit::WindowSet windows, windows_of(config, documents, name));
    ROUX_RETURN_IF_ERROR(windows.fixed_rows(config.eval_windows).status());
    data.held_out.push_back(std::move(windows));
  }
  ROUX_RETURN_IF_ERROR(make_corpora(config, reference, data));
  ROUX_RETURN_IF_ERROR(load_tasks(config, run, data));
  std::vector<std::string> questions;
  for (const kit::Example& question : data.questions) questions.push_back(question.prompt);
  data.leaked = contaminated(data.clean, questions, kContaminatedRun);
  return data;
}

Schedule cosine(double peak, int64_t steps) {
  return cosine_schedule({.peak = peak, .floor = 0.1 * peak, .total = steps, .warmup = steps / 50});
}

std::vector<Arm> arms() {
  return {{"raw"}, {"random"}, {"filter"}, {"dedup"}, {"both"}, {"instruct", "both"}, {"reward"}};
}

absl::StatusOr<Outcome> train_arm(const Config& config, const Data& data, const Arm& arm, uint64_t seed,
                                  kit::Part& part) {
  if (arm.name == "instruct") return tune(config, data, arm, seed, part);
  if (arm.name == "reward") return train_reward(config, data.rated, seed, part);
  return train_lm(config, data, arm, seed, part);
}

}  // namespace roux::llm_datasets_survey
