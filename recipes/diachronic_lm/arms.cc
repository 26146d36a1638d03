#include "recipes/diachronic_lm/study.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "nn/lora.h"
#include "nn/models/transformer.h"
#include "nn/weights.h"
#include "optim/optimizer.h"
#include "optim/schedules.h"
#include "recipes/kit/data/index_loader.h"
#include "recipes/kit/decode/sampling.h"
#include "recipes/kit/train/batches.h"
#include "recipes/kit/train/losses.h"
#include "recipes/kit/train/train.h"
#include "recipes/kit/train/update.h"
#include "tensor/error.h"
#include "tensor/generator.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/loss.h"

namespace roux::diachronic_lm {
namespace {

constexpr int64_t kRows = 64;         // at once, where nothing trains
constexpr int64_t kShownWindows = 2;  // of each cell, in predictions.jsonl
constexpr int64_t kEvaluations = 4;   // of a training; the paper's epochs are 8
TransformerConfig shape_of(const Config& c, int64_t vocab) {
  TransformerConfig shape = c.decoder.transformer(vocab);
  shape.num_key_value_heads = c.kv_heads;
  shape.max_position_embeddings = std::max<int64_t>(2 * c.decoder.length, 128);  // frames of a dozen words
  return shape;
}

bool own_tokenizer(Kind kind) { return kind == Kind::kTeacher || kind == Kind::kStudent; }

const kit::Tokenizer* tokenizer_of(const World& world, const Arm& arm) {
  return own_tokenizer(arm.kind) ? world.slices[arm.slice].tokenizer.get() : world.shared.get();
}

// Bits a byte of what was a target.
double bits_of(const std::vector<double>& nats, const kit::Encoding& text) {
  double sum = 0;
  int64_t characters = 0;
  for (size_t i = 0; i < nats.size(); ++i) {
    if (nats[i] < 0) continue;
    sum += nats[i];
    characters += static_cast<int64_t>(text.offsets[i].end - text.offsets[i].begin);
  }
  return bits_per_byte(sum, characters);
}

// A token belongs to the word in which it ends; none spans two.
std::vector<double> word_surprisals(const std::vector<double>& nats, const kit::Encoding& text,
                                    const std::vector<Word>& words) {
  std::vector<double> bits(words.size(), 0);
  size_t w = 0;
  for (size_t i = 0; i < nats.size(); ++i) {
    const size_t last = text.offsets[i].end - 1;
    while (w < words.size() && words[w].end <= last) ++w;
    if (w == words.size()) break;
    if (last < words[w].begin || bits[w] < 0) continue;
    bits[w] = nats[i] < 0 ? -1 : bits[w] + nats[i] / std::numbers::ln2;
  }
  return bits;
}

// A trained model, and what it is asked.
struct Asked {
  const LanguageModel& model;
  const kit::Tokenizer& tokenizer;
  int64_t length;
  Device device;

  std::vector<double> surprisals(const kit::Encoding& text) const {
    return token_surprisals(model, text.ids, length, device);
  }
  double bits(const std::string& text) const {
    const kit::Encoding encoded = tokenizer.encode(text, {.offsets = true});
    return bits_of(surprisals(encoded), encoded);
  }
  // Of each second text behind its first.
  std::vector<double> log2(const std::vector<std::pair<std::string, std::string>>& texts) const;
};

std::vector<double> Asked::log2(const std::vector<std::pair<std::string, std::string>>& texts) const {
  const NoGradGuard no_grad;
  std::vector<double> all;
  for (size_t begin = 0; begin < texts.size(); begin += kRows) {
    std::vector<kit::MaskedDocument> documents;
    for (size_t i = begin; i < std::min(texts.size(), begin + kRows); ++i) {
      kit::MaskedDocument document{.tokens = tokenizer.encode(texts[i].first).ids};
      document.loss_mask.assign(document.tokens.size(), 0);
      const std::vector<int32_t> rest = tokenizer.encode(texts[i].second).ids;
      document.tokens.insert(document.tokens.end(), rest.begin(), rest.end());
      document.loss_mask.resize(document.tokens.size(), 1);
      documents.push_back(std::move(document));
    }
    const kit::LmBatch batch = kit::to_batch(documents, device);
    const Tensor losses = model.token_losses({.ids = batch.input, .lengths = batch.lengths}, batch.target);
    for (const double nats : kit::sequence_sums(losses, batch.target).to_vector<double>())
      all.push_back(-nats / std::numbers::ln2);
  }
  return all;
}

void ask(const World& world, const Arm& arm, const Asked& asked, kit::Part& part, Outcome& outcome) {
  for (const Slice& slice : world.slices) {
    outcome.bits.push_back(0);
    if (arm.kind == Kind::kTeacher && &slice != &world.slices[arm.slice]) continue;
    const kit::Encoding text = asked.tokenizer.encode(slice.test, {.offsets = true});
    const std::vector<double> nats = asked.surprisals(text);
    outcome.bits.back() = bits_of(nats, text);
    if (arm.kind != Kind::kStudent) continue;
    outcome.words.push_back(word_surprisals(nats, text, slice.test_words));
    const auto length = static_cast<size_t>(asked.length);
    for (size_t at = 1, window = 0; window < kShownWindows && at + length <= nats.size();
         ++window, at += length) {
      kit::Prediction line{absl::StrCat(slice.name, " ", window),
                           asked.tokenizer.decode(absl::MakeConstSpan(text.ids).subspan(at, length)),
                           "",
                           {}};
      for (size_t i = at; i < at + length; ++i) line.scores.push_back(nats[i] / std::numbers::ln2);
      part.prediction(line);
    }
  }
  if (arm.kind == Kind::kBase || arm.kind == Kind::kTeacher || arm.slice >= world.frames.size()) return;
  std::vector<std::pair<std::string, std::string>> texts;
  for (const std::string& context : world.frames[arm.slice].contexts)
    for (const auto& [own, later] : world.frames[arm.slice].own_and_later)
      texts.emplace_back(context, " " + own), texts.emplace_back(context, " " + later);
  const std::vector<double> log2 = asked.log2(texts);
  for (size_t i = 0; i < log2.size(); ++i) {
    (i % 2 == 0 ? outcome.own : outcome.later) +=
        2 * log2[i] / static_cast<double>(log2.size() * texts[i].second.size());
  }
}

uint64_t draws_of(const Arm& arm, uint64_t seed) { return kit::mix(seed, 10 * arm.slice + arm.number); }

absl::StatusOr<kit::IndexLoader> loader_of(const Config& c, const std::vector<int32_t>& tokens,
                                           uint64_t draws) {
  return kit::IndexLoader::create(chunk_count(static_cast<int64_t>(tokens.size()), c.decoder.length),
                                  {.seed = draws, .global_batch = c.batch});
}

absl::StatusOr<std::vector<std::unique_ptr<Transformer>>> teachers_of(const Config& c, const World& world,
                                                                      const Arm& arm, int64_t vocab,
                                                                      const kit::Part& part) {
  std::vector<std::unique_ptr<Transformer>> teachers;
  Generator unused(1);
  for (const std::string& from : {arm.from, absl::StrCat("teacher2.", world.slices[arm.slice].name)}) {
    auto teacher = std::make_unique<Transformer>(shape_of(c, vocab), c.decoder.init(unused, part.device()));
    ROUX_RETURN_IF_ERROR(part.load_from(from, {{"model", *teacher}}));
    teacher->eval();
    teachers.push_back(std::move(teacher));
  }
  return teachers;
}

}  // namespace

int64_t parameters(const Config& c) {
  Generator unused;
  return Transformer(shape_of(c, c.vocab), c.decoder.init(unused, kMeta)).num_parameters();
}

std::vector<Arm> arms_of(const Config& c, const World& world) {
  std::vector<Arm> arms = {{.name = "base", .steps = c.base_steps, .lr = c.base_lr}};
  for (size_t s = 0; s < world.slices.size(); ++s) {
    const std::string of = "." + world.slices[s].name;
    arms.push_back({"teacher1" + of, "", Kind::kTeacher, s, 1, c.steps, c.teacher_lr});
    arms.push_back({"teacher2" + of, "", Kind::kTeacher, s, 2, c.steps, c.teacher_lr});
    arms.push_back({"student" + of, "teacher1" + of, Kind::kStudent, s, 3, c.steps, c.student_lr});
    arms.push_back({"dora" + of, "base", Kind::kDora, s, 4, c.steps, c.dora_lr});
    arms.push_back({"shared" + of, "", Kind::kShared, s, 1, c.steps, c.teacher_lr});
  }
  return arms;
}

kit::TokenBatch random_chunks(const std::vector<int32_t>& tokens, int64_t length,
                              const std::vector<int64_t>& chunks, uint64_t seed, int64_t first) {
  kit::TokenBatch batch{.rows = static_cast<int64_t>(chunks.size()), .length = length};
  for (size_t row = 0; row < chunks.size(); ++row) {
    stats::RandomStream random(seed, static_cast<uint64_t>(first) + row);
    const auto begin = tokens.begin() + chunks[row] * length + random.below(length);
    batch.input.insert(batch.input.end(), begin, begin + length);
    batch.target.insert(batch.target.end(), begin + 1, begin + length + 1);
  }
  batch.row_index = chunks;
  batch.document.assign(batch.input.size(), 0), batch.position.assign(batch.input.size(), 0);
  batch.target_count = static_cast<int64_t>(batch.target.size());
  return batch;
}

absl::StatusOr<kit::TokenBatch> first_batch(const Config& c, const std::vector<int32_t>& tokens,
                                            const Arm& arm, uint64_t seed) {
  ROUX_ASSIGN_OR_RETURN(kit::IndexLoader loader, loader_of(c, tokens, draws_of(arm, seed)));
  return random_chunks(tokens, c.decoder.length, loader.next(), draws_of(arm, seed), 0);
}

std::vector<double> token_surprisals(const LanguageModel& model, const std::vector<int32_t>& tokens,
                                     int64_t length, Device device) {
  const NoGradGuard no_grad;
  std::vector<double> nats(tokens.size(), -1);
  const int64_t windows = (static_cast<int64_t>(tokens.size()) - 1) / length;
  for (int64_t begin = 0; begin < windows; begin += kRows) {
    const int64_t rows = std::min(kRows, windows - begin);
    const auto at = tokens.begin() + begin * length;
    const Shape shape{rows, length};
    const Tensor losses =
        model.token_losses({.ids = tensor(std::vector<int32_t>(at, at + rows * length), shape, device)},
                           tensor(std::vector<int32_t>(at + 1, at + 1 + rows * length), shape, device));
    const std::vector<float> values = losses.to_vector<float>();
    std::copy(values.begin(), values.end(), nats.begin() + begin * length + 1);
  }
  return nats;
}

absl::StatusOr<Outcome> train_arm(const Config& c, const World& world, const Arm& arm, uint64_t seed,
                                  kit::Part& part) {
  const Device device = part.device();
  const bool planning = part.planning();
  const kit::Tokenizer* tokenizer = tokenizer_of(world, arm);
  const int64_t vocab = planning ? c.vocab : tokenizer->vocab_size(), length = c.decoder.length;
  const uint64_t draws = draws_of(arm, seed);
  std::vector<int32_t> tokens(static_cast<size_t>(8 * length), 0);
  if (!planning) {
    tokens = tokenizer->encode(arm.kind == Kind::kBase ? world.base_text : world.slices[arm.slice].train).ids;
  }

  Generator generator(draws, device);
  Transformer model(shape_of(c, vocab), c.decoder.init(generator, device));
  if (arm.kind == Kind::kDora) {
    ROUX_RETURN_IF_ERROR(part.load_from(arm.from, {{"model", model}}));
    attach_lora(model,
                {.r = c.rank,
                 .alpha = c.lora_alpha,
                 .dropout = c.lora_dropout,
                 .dora = true,
                 .targets = {"*.{q,k,v,up,down}_proj"}},
                generator);
  }
  std::vector<std::unique_ptr<Transformer>> teachers;
  if (arm.kind == Kind::kStudent) {
    ROUX_ASSIGN_OR_RETURN(teachers, teachers_of(c, world, arm, vocab, part));
  }
  const double decay = arm.kind == Kind::kStudent ? c.rate_decay / arm.lr : 0;
  AdamW optimizer({{trainable(model)}}, {.weight_decay = decay});
  ROUX_ASSIGN_OR_RETURN(kit::IndexLoader loader, loader_of(c, tokens, draws));
  const double warm = (arm.kind == Kind::kDora ? 0.1 : 1) * c.warmup * static_cast<double>(arm.steps);
  const Schedule lr =
      cosine_schedule({.peak = arm.lr, .total = arm.steps, .warmup = static_cast<int64_t>(warm)});
  const StudentLoss student{c.alpha, c.temperature, c.reduction == "batchmean"};
  const auto loss_of = [&](const kit::LmBatch& batch) {
    const Tensor logits = model.logits({.ids = batch.input, .generator = &generator});
    if (teachers.empty()) return cross_entropy(logits, batch.target);
    Tensor teacher;
    if (student.alpha < 1) {
      const NoGradGuard no_grad;
      std::vector<Tensor> each;
      for (const auto& one : teachers) each.push_back(one->logits(batch.input));
      teacher = mean_logits(each);
    }
    return student_loss(logits, batch.target, teacher, student);
  };
  const auto dev_bits = [&] {
    const Asked asked{model, *tokenizer, length, device};
    double sum = 0, count = 0;
    for (size_t s = 0; s < world.slices.size(); ++s)
      if (arm.kind == Kind::kBase || s == arm.slice) sum += asked.bits(world.slices[s].dev), ++count;
    return sum / count;
  };
  kit::TrainOptions options{
      .steps = arm.steps,
      .evaluate_at =
          kit::merged(kit::every(std::max<int64_t>(1, arm.steps / kEvaluations), arm.steps), {arm.steps})};
  options.evaluate = [&](int64_t) -> kit::Values { return {{"dev_bits", dev_bits()}}; };
  options.keep_best = kit::Best{"dev_bits"};
  options.parameters = model.num_parameters();
  const kit::States states = {
      {"model", model}, {"optimizer", optimizer}, {"loader", loader}, {"dropout", generator}};
  ROUX_ASSIGN_OR_RETURN(
      const kit::TrainLog log, kit::train(part, options, states, [&](int64_t step) {
        const kit::LmBatch batch =
            kit::to_batch(random_chunks(tokens, length, loader.next(), draws, step * c.batch), device);
        kit::StepResult result =
            kit::update(optimizer, {.lr = lr(step), .max_grad_norm = 1}, [&] { return loss_of(batch); });
        result.tokens = batch.tokens();
        return result;
      }));
  if (arm.kind == Kind::kBase || arm.kind == Kind::kTeacher)
    ROUX_RETURN_IF_ERROR(part.leave("final", {{"model", model}}));
  if (arm.kind == Kind::kDora) merge_lora(model);
  model.eval();
  Outcome outcome{.dev_bits =
                      *std::min_element(log.curves.at("dev_bits").begin(), log.curves.at("dev_bits").end())};
  ask(world, arm, {model, *tokenizer, length, device}, part, outcome);
  return outcome;
}

}  // namespace roux::diachronic_lm
