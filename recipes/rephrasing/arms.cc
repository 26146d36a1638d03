#include "recipes/rephrasing/arms.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nn/models/transformer.h"
#include "optim/schedules.h"
#include "recipes/kit/eval/chrf.h"
#include "recipes/kit/stats/ngram_lm.h"
#include "recipes/kit/text/utf8.h"
#include "recipes/kit/train/fine_tune.h"
#include "recipes/kit/train/losses.h"
#include "tensor/error.h"
#include "tensor/generator.h"

namespace roux::rephrasing {
namespace {

constexpr int64_t kChrfVerses = 400;
constexpr int64_t kClozeRows = 64;  // at once

// How near each rephraser comes to the modern wording of verses that it has not seen.
void add_chrf(const World& world, Data& data) {
  const auto count = static_cast<int64_t>(world.held_verses.size());
  const int64_t verses = std::min(count, kChrfVerses);
  for (int64_t i = 0; i < verses; ++i) {
    const Verse2& verse = world.held_verses[static_cast<size_t>(i * count / verses)];
    const std::vector<std::string> reference = {verse.new_text};
    const std::pair<const char*, std::string> texts[] = {{"none", verse.old_text},
                                                         {"A", world.large->rewrite(verse.old_text)},
                                                         {"A-small", world.small->rewrite(verse.old_text)},
                                                         {"B", Rules::rewrite(verse.old_text, "en")}};
    for (const auto& [name, text] : texts) data.chrf[name].push_back(kit::sentence_chrf(text, reference));
    data.chapters.push_back(verse.chapter);
  }
}

kit::PretrainOptions options_of(const Config& c, kit::MixtureOrder order, uint64_t seed) {
  return {.seed = seed,
          .steps = c.steps,
          .global_batch = c.batch,
          .order = order,
          .lr = cosine_schedule({.peak = c.lr,
                                 .floor = c.end * c.lr,
                                 .total = c.steps,
                                 .warmup = std::llround(c.warmup * static_cast<double>(c.steps))}),
          .adamw = {.weight_decay = c.weight_decay},
          .max_grad_norm = c.max_grad_norm,
          .evaluate_at = {c.steps}};
}

struct Halves {
  std::string id;
  std::vector<int32_t> first, second;
};

// Halves of verses, by words, of those that have eight and more.
std::vector<Halves> halves_of(const World& world, bool newer) {
  std::vector<Halves> all;
  for (const Verse2& verse : world.held_verses) {
    const std::vector<std::string> words =
        absl::StrSplit(newer ? verse.new_text : verse.old_text, ' ', absl::SkipEmpty());
    if (words.size() < 8) continue;
    const auto middle = words.begin() + static_cast<std::ptrdiff_t>(words.size() / 2);
    all.push_back({verse.id, world.tokenizer->encode(absl::StrJoin(words.begin(), middle, " ")).ids,
                   world.tokenizer->encode(absl::StrCat(" ", absl::StrJoin(middle, words.end(), " "))).ids});
  }
  return all;
}

// Items evenly from all verses; the other halves are of verses a quarter, a half and three quarters of the
// way on, from other books, or the next ones after them that fit.
absl::Status add_cloze(const Config& config, const World& world, Data& data) {
  std::vector<kit::MaskedDocument> rows;
  for (const bool newer : {false, true}) {
    const std::vector<Halves> all = halves_of(world, newer);
    const size_t wanted = std::min(static_cast<size_t>(config.cloze_items), all.size());
    for (size_t n = 0; n < wanted; ++n) {
      const size_t own = n * all.size() / wanted;
      const auto fits = [&](size_t other) {
        return static_cast<int64_t>(all[own].first.size() + all[other].second.size()) <=
               config.decoder.length;
      };
      if (!fits(own)) continue;
      std::vector<size_t> others;
      for (size_t quarter = 1; quarter < Cloze::kChoices; ++quarter) {
        size_t other = (own + quarter * all.size() / Cloze::kChoices) % all.size();
        for (size_t tries = 0; tries < 20 && !fits(other); ++tries) other = (other + 1) % all.size();
        if (fits(other) && other != own) others.push_back(other);
      }
      if (others.size() + 1 < Cloze::kChoices) continue;
      const size_t gold = n % Cloze::kChoices;
      others.insert(others.begin() + static_cast<std::ptrdiff_t>(gold), own);
      data.cloze.items.push_back({all[own].id, newer ? "modern" : "older", gold});
      for (const size_t choice : others) {
        kit::MaskedDocument row{all[own].first, std::vector<uint8_t>(all[own].first.size(), 0)};
        row.tokens.insert(row.tokens.end(), all[choice].second.begin(), all[choice].second.end());
        row.loss_mask.resize(row.tokens.size(), 1);
        rows.push_back(std::move(row));
      }
    }
  }
  if (rows.empty()) return absl::OkStatus();
  ROUX_ASSIGN_OR_RETURN(data.cloze.windows,
                        kit::WindowSet::padded(rows, config.decoder.length, "halves of verses"));
  return absl::OkStatus();
}

// The choice with the highest mean log probability of a token.
absl::Status choose(const Cloze& cloze, const Transformer& model, kit::Part& part, Trained& trained) {
  ROUX_ASSIGN_OR_RETURN(const std::vector<int64_t> rows, cloze.windows->fixed_rows(cloze.windows->size()));
  const std::vector<kit::RowLoss> losses =
      kit::row_losses([&](const kit::LmBatch& b) { return model.token_losses(kit::lm_input(b), b.target); },
                      *cloze.windows, rows, kClozeRows, part.device());
  std::map<std::string, double> counts;
  for (size_t i = 0; i < cloze.items.size(); ++i) {
    std::vector<double> scores;
    for (size_t c = 0; c < Cloze::kChoices; ++c) {
      const kit::RowLoss& loss = losses[Cloze::kChoices * i + c];
      scores.push_back(-loss.sum / static_cast<double>(loss.targets));
    }
    const Cloze::Item& item = cloze.items[i];
    const auto best = static_cast<size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
    ++counts[item.wording], trained.cloze[item.wording] += best == item.gold;
    part.prediction(
        {absl::StrCat(item.wording, " ", item.id), absl::StrCat(item.gold), absl::StrCat(best), scores});
  }
  for (auto& [wording, right] : trained.cloze) right /= counts.at(wording);
  return absl::OkStatus();
}

// How often the text that was there before any corpus has each token: the training books of a language, and
// of
// --data the source's own documents.
stats::NgramLm unigrams_of(const std::string& source, const World& world) {
  stats::NgramLm unigrams({.order = 1, .vocab_size = world.tokenizer->vocab_size()});
  const auto add = [&](const std::string& text) { unigrams.add(world.tokenizer->encode(text).ids); };
  if (world.users) {
    for (const Document& document : world.source(source).documents) add(document.text);
  } else if (source == "es") {
    for (const std::string& verse : world.spanish) add(verse);
  } else {
    for (const auto& [older, newer] : world.pairs) add(older), add(newer);
  }
  return unigrams;
}

}  // namespace

absl::StatusOr<Data> make_data(const Config& config, const World& world) {
  Data data{.vocab = world.tokenizer->vocab_size(), .users = world.users, .missing = world.missing};
  for (const Source& source : world.sources) data.sources.emplace_back(source.name, source.language);
  std::map<std::string, stats::NgramLm> unigrams;
  for (const HeldOut& held : world.held_out) {
    const std::vector<int32_t> ids = world.tokenizer->encode(held.text).ids;
    const double per_character =
        static_cast<double>(ids.size()) / static_cast<double>(kit::count_chars(held.text));
    ROUX_ASSIGN_OR_RETURN(kit::WindowSet windows,
                          kit::WindowSet::stream(ids, config.decoder.length, "held out of " + held.name));
    if (!unigrams.contains(held.source)) unigrams.emplace(held.source, unigrams_of(held.source, world));
    const double unigram = -unigrams.at(held.source).log_likelihood(ids) / static_cast<double>(ids.size());
    data.judged.push_back({held.name, held.source, held.main, std::move(windows),
                           per_character / std::numbers::ln2, unigram * per_character / std::numbers::ln2});
  }
  add_chrf(world, data);
  ROUX_RETURN_IF_ERROR(add_cloze(config, world, data));
  ROUX_ASSIGN_OR_RETURN(data.texts, make_texts(config, world));
  return data;
}

absl::StatusOr<Data> stand_in(const Config& config) {
  Data data{.vocab = config.vocab};
  for (const double noise : config.noises) data.sources.emplace_back(tier_name(noise), "en");
  data.sources.emplace_back("spanish", "es");
  const std::vector<int32_t> tokens(static_cast<size_t>(config.batch * config.decoder.length + 1));
  ROUX_ASSIGN_OR_RETURN(const kit::WindowSet windows,
                        kit::WindowSet::stream(tokens, config.decoder.length, "the plan's stand-in"));
  for (const Arm& arm : arms_of(config, data)) {
    for (const std::string& set : arm.sets) data.texts.sets.emplace(set, windows);
  }
  return data;
}

std::vector<Arm> arms_of(const Config& config, const Data& data) {
  std::vector<Arm> arms;
  const auto add = [&](const std::string& name, const std::vector<std::string>& sets, double second,
                       const std::vector<std::string>& judged) {
    const std::vector<double> shares =
        sets.size() == 1 ? std::vector<double>{1} : std::vector<double>{1 - second, second};
    arms.push_back({name, sets, shares, judged});
  };
  for (const auto& [name, language] : data.sources) {
    const std::string original = "original." + name, synthetic = "a." + name;
    const std::vector<std::string> judged = {data.users ? name : language};
    add("original." + name, {original}, 0, judged);
    add("synthetic." + name, {synthetic}, 0, judged);
    add("mix." + name, {original, synthetic}, config.mix, judged);
  }
  if (data.users) return arms;
  const std::string clean = data.sources.front().first;
  const std::vector<std::string> en = {"en"}, both = {"en", "es"};
  const auto mix_with = [&](const char* name, const char* text) {
    add(absl::StrCat(name, ".", clean), {"original." + clean, absl::StrCat(text, ".", clean)}, config.mix,
        en);
  };
  mix_with("mix_styles", "a_styles");
  if (config.arms != "all") return arms;
  mix_with("mix_easy", "a_easy"), mix_with("mix_qa", "a_qa");
  mix_with("mix_small", "a_small"), mix_with("mix_rules", "b");
  add("original.half", {"original.half"}, 0, en);
  add("mix.half", {"original.half", "a.half"}, config.mix, en);
  // Twice, or once each: by position a mixture would leave out some rows of so short a text.
  for (Arm* half : {&arms[arms.size() - 2], &arms.back()}) half->order = kit::MixtureOrder::kInTurn;
  add("original.joint", {"original." + clean, "original.spanish"}, 0.5, both);
  const double o = (1 - config.mix) / 2, s = config.mix / 2;
  arms.push_back({"mix.joint",
                  {"original." + clean, "a." + clean, "original.spanish", "a.spanish"},
                  {o, s, o, s},
                  both});
  return arms;
}

absl::StatusOr<Trained> train_arm(const Config& config, const Data& data, const Arm& arm, uint64_t seed,
                                  kit::Part& part) {
  Generator generator(seed);
  Transformer model(config.decoder.transformer(data.vocab), config.decoder.init(generator, part.device()));
  kit::PretrainData of_arm{{}, arm.shares, {}};
  for (const std::string& set : arm.sets) of_arm.domains.push_back(&data.texts.sets.at(set));
  std::vector<const JudgedOn*> judged;
  for (const JudgedOn& held : data.judged) {
    if (std::find(arm.judged.begin(), arm.judged.end(), held.source) == arm.judged.end()) continue;
    const int64_t rows = std::min(config.eval_windows, held.windows.size());
    of_arm.validation.push_back({held.name + "_loss", &held.windows, *held.windows.fixed_rows(rows)});
    judged.push_back(&held);
  }
  Trained trained;
  ROUX_ASSIGN_OR_RETURN(trained.run, kit::pretrain(part, model, of_arm, options_of(config, arm.order, seed)));
  for (const JudgedOn* held : judged)
    trained.bits[held->name] =
        held->bits_per_character * trained.run.log.curves.at(held->name + "_loss").back();
  ROUX_ASSIGN_OR_RETURN(kit::MixtureLoader again,
                        kit::MixtureLoader::create(of_arm.domains, arm.shares,
                                                   {.seed = seed, .global_batch = config.batch}, arm.order));
  std::set<std::pair<int32_t, int64_t>> rows;
  for (int64_t step = 0; step < config.steps; ++step)
    for (const kit::MixtureLoader::Row& row : again.next_rows()) rows.emplace(row.domain, row.row);
  for (const auto& [domain, row] : rows)
    trained.unique[arm.sets[static_cast<size_t>(domain)]] += config.decoder.length;
  const bool english = std::find(arm.judged.begin(), arm.judged.end(), "en") != arm.judged.end();
  if (data.cloze.windows && english) ROUX_RETURN_IF_ERROR(choose(data.cloze, model, part, trained));
  return trained;
}

}  // namespace roux::rephrasing
