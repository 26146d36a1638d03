#include "recipes/rephrasing/arms.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nn/models/transformer.h"
#include "optim/schedules.h"
#include "recipes/kit/eval/chrf.h"
#include "recipes/kit/stats/ngram_lm.h"
#include "recipes/kit/stats/random.h"
#include "recipes/kit/text/utf8.h"
#include "recipes/kit/train/losses.h"
#include "tensor/error.h"
#include "tensor/generator.h"

namespace roux::rephrasing {
namespace {

constexpr uint64_t kClozeSeed = 71;  // items are the same for all seeds
constexpr size_t kEndings = 4;
constexpr int64_t kChrfVerses = 400;
constexpr size_t kLeastWords = 12;  // of a verse that is cut in two

struct Halves {
  std::string begin, end;
};

Halves halves_of(const std::string& verse) {
  const std::vector<std::string> words = absl::StrSplit(verse, ' ', absl::SkipEmpty());
  const auto middle = words.begin() + static_cast<int64_t>(words.size() / 2);
  return {absl::StrJoin(words.begin(), middle, " "),
          absl::StrCat(" ", absl::StrJoin(middle, words.end(), " "))};
}

// The same verses in both wordings, each with endings of three other verses in its own wording.
absl::Status add_cloze(const Config& config, const World& world, Data& data) {
  std::vector<const Verse2*> verses;
  const auto tokens = [&](const std::string& text) { return world.tokenizer->encode(text).ids; };
  for (const Verse2& verse : world.held_verses) {
    bool fits = true;
    for (const std::string* text : {&verse.old_text, &verse.new_text}) {
      const std::vector<std::string> words = absl::StrSplit(*text, ' ', absl::SkipEmpty());
      // Half of the window for each half: then any ending fits behind any beginning.
      const Halves halves = halves_of(*text);
      fits = fits && words.size() >= kLeastWords &&
             static_cast<int64_t>(std::max(tokens(halves.begin).size(), tokens(halves.end).size())) <=
                 config.decoder.length / 2;
    }
    if (fits) verses.push_back(&verse);
  }
  if (verses.size() < kEndings) return absl::OkStatus();  // then there are no items
  stats::RandomStream random(kClozeSeed);
  const auto count = static_cast<int64_t>(verses.size());
  std::vector<int64_t> order = stats::random_permutation(count, random);
  order.resize(static_cast<size_t>(std::min(count, config.cloze_items)));
  std::map<std::string, std::vector<kit::MaskedDocument>> rows;
  for (const int64_t item : order) {
    std::vector<int64_t> endings = {item};
    while (endings.size() < kEndings) {
      const int64_t other = random.below(count);
      if (std::find(endings.begin(), endings.end(), other) == endings.end()) endings.push_back(other);
    }
    const auto text = [&](int64_t i, bool old) {
      const Verse2& verse = *verses[static_cast<size_t>(i)];
      return halves_of(old ? verse.old_text : verse.new_text);
    };
    for (const bool old : {true, false}) {
      const std::vector<int32_t> begin = tokens(text(item, old).begin);
      for (const int64_t ending : endings) {
        kit::MaskedDocument row{begin, std::vector<uint8_t>(begin.size(), 0)};
        const std::vector<int32_t> end = tokens(text(ending, old).end);
        row.tokens.insert(row.tokens.end(), end.begin(), end.end());
        row.loss_mask.resize(row.tokens.size(), 1);
        rows[old ? "older" : "modern"].push_back(std::move(row));
      }
    }
    data.cloze_items.push_back(verses[static_cast<size_t>(item)]->id);
  }
  for (const auto& [wording, documents] : rows) {
    ROUX_ASSIGN_OR_RETURN(kit::WindowSet set,
                          kit::WindowSet::padded(documents, config.decoder.length, wording));
    data.cloze.emplace(wording, std::move(set));
  }
  return absl::OkStatus();
}

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

kit::PretrainOptions options_of(const Config& c, uint64_t seed) {
  return {.seed = seed,
          .steps = c.steps,
          .global_batch = c.batch,
          .lr = cosine_schedule({.peak = c.lr,
                                 .floor = c.end * c.lr,
                                 .total = c.steps,
                                 .warmup = std::llround(c.warmup * static_cast<double>(c.steps))}),
          .adamw = {.weight_decay = c.weight_decay},
          .max_grad_norm = c.max_grad_norm,
          .evaluate_at = {c.steps}};
}

}  // namespace

absl::StatusOr<Data> make_data(const Config& config, const World& world, const std::vector<uint64_t>& seeds) {
  Data data{.vocab = world.tokenizer->vocab_size(),
            .first_seed = seeds.at(0),
            .users = world.users,
            .missing = world.missing};
  for (const Source& source : world.sources) data.sources.emplace_back(source.name, source.language);
  stats::NgramLm unigrams({.order = 1, .vocab_size = data.vocab});
  for (const auto& [older, newer] : world.pairs) {
    unigrams.add(world.tokenizer->encode(older).ids);
    unigrams.add(world.tokenizer->encode(newer).ids);
  }
  for (const HeldOut& held : world.held_out) {
    const std::vector<int32_t> ids = world.tokenizer->encode(held.text).ids;
    const double per_character =
        static_cast<double>(ids.size()) / static_cast<double>(kit::count_chars(held.text));
    ROUX_ASSIGN_OR_RETURN(kit::WindowSet windows,
                          kit::WindowSet::stream(ids, config.decoder.length, "held out of " + held.name));
    const double unigram = -unigrams.log_likelihood(ids) / static_cast<double>(ids.size());
    data.judged.push_back({held.name, held.source, held.main, std::move(windows),
                           per_character / std::numbers::ln2, unigram * per_character / std::numbers::ln2});
  }
  add_chrf(world, data);
  ROUX_RETURN_IF_ERROR(add_cloze(config, world, data));
  for (const uint64_t seed : seeds) {
    ROUX_ASSIGN_OR_RETURN(data.texts.emplace_back(), texts_of_seed(config, world, seed));
  }
  return data;
}

absl::StatusOr<Data> stand_in(const Config& config, const std::vector<uint64_t>& seeds) {
  Data data{.vocab = config.vocab, .sources = {{"clean", "en"}}, .first_seed = seeds.at(0), .users = true};
  const std::vector<int32_t> tokens(static_cast<size_t>(config.batch * config.decoder.length + 1));
  ROUX_ASSIGN_OR_RETURN(const kit::WindowSet windows,
                        kit::WindowSet::stream(tokens, config.decoder.length, "the plan's stand-in"));
  SeedTexts texts;
  texts.sets.emplace("original.clean", windows), texts.sets.emplace("a.clean", windows);
  data.texts.assign(seeds.size(), texts);
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
  add("original.half", {"original.half"}, 0, en);
  add("mix.half", {"original.half", "a.half"}, config.mix, en);
  add("mix_small." + clean, {"original." + clean, "a_small." + clean}, config.mix, en);
  add("mix_rules." + clean, {"original." + clean, "b." + clean}, config.mix, en);
  add("mix_styles." + clean, {"original." + clean, "a_styles." + clean}, config.mix, en);
  add("mix_less." + clean, {"original." + clean, "a." + clean}, config.mix / 2, en);
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
  const SeedTexts& texts = data.of_seed(seed);
  kit::PretrainData of_arm{{}, arm.shares, {}};
  for (const std::string& set : arm.sets) of_arm.domains.push_back(&texts.sets.at(set));
  std::vector<const JudgedOn*> judged;
  for (const JudgedOn& held : data.judged) {
    if (std::find(arm.judged.begin(), arm.judged.end(), held.source) == arm.judged.end()) continue;
    const int64_t rows = std::min(config.eval_windows, held.windows.size());
    of_arm.validation.push_back({held.name + "_loss", &held.windows, *held.windows.fixed_rows(rows)});
    judged.push_back(&held);
  }
  Trained trained;
  ROUX_ASSIGN_OR_RETURN(trained.run, kit::pretrain(part, model, of_arm, options_of(config, seed)));
  for (const JudgedOn* held : judged)
    trained.bits[held->name] =
        held->bits_per_character * trained.run.log.curves.at(held->name + "_loss").back();
  for (size_t i = 0; i < arm.sets.size(); ++i) {
    const kit::WindowSet& set = *of_arm.domains[i];
    trained.unique[arm.sets[i]] = std::min(trained.run.rows[i], set.size()) * set.length();
  }
  if (std::find(arm.judged.begin(), arm.judged.end(), "en") == arm.judged.end()) return trained;
  for (const auto& [wording, set] : data.cloze) {
    std::vector<int64_t> rows(static_cast<size_t>(set.size()));
    std::iota(rows.begin(), rows.end(), 0);
    std::vector<double> losses;
    for (const kit::RowLoss& row : kit::row_losses(
             [&](const kit::LmBatch& b) { return model.token_losses({.ids = b.input}, b.target); }, set, rows,
             64, part.device())) {
      losses.push_back(row.sum / static_cast<double>(row.targets));
    }
    trained.accuracy[wording] = cloze_accuracy(losses);
    for (size_t i = 0; i < data.cloze_items.size(); ++i) {
      const auto first = losses.begin() + static_cast<int64_t>(kEndings * i);
      const auto best = std::min_element(first, first + kEndings) - first;
      part.prediction({.item = absl::StrCat(data.cloze_items[i], " ", wording),
                       .gold = "0",
                       .output = absl::StrCat(best),
                       .scores = {first, first + kEndings}});
    }
  }
  return trained;
}

double cloze_accuracy(const std::vector<double>& losses) {
  ROUX_CHECK(!losses.empty() && losses.size() % kEndings == 0)
      << "cloze_accuracy: " << losses.size() << " losses are not four an item";
  double right = 0;
  for (size_t i = 0; i < losses.size(); i += kEndings)
    right += losses[i] < *std::min_element(losses.begin() + static_cast<int64_t>(i) + 1,
                                           losses.begin() + static_cast<int64_t>(i + kEndings));
  return right * kEndings / static_cast<double>(losses.size());
}

}  // namespace roux::rephrasing
