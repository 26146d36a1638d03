#include "recipes/rephrasing/arms.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nn/models/transformer.h"
#include "optim/schedules.h"
#include "recipes/kit/eval/chrf.h"
#include "recipes/kit/stats/ngram_lm.h"
#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"
#include "tensor/generator.h"

namespace roux::rephrasing {
namespace {

constexpr int64_t kChrfVerses = 400;

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

}  // namespace

absl::StatusOr<Data> make_data(const Config& config, const World& world) {
  Data data{.vocab = world.tokenizer->vocab_size(), .users = world.users, .missing = world.missing};
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
  ROUX_ASSIGN_OR_RETURN(data.texts, make_texts(config, world));
  return data;
}

absl::StatusOr<Data> stand_in(const Config& config) {
  Data data{.vocab = config.vocab, .sources = {{"clean", "en"}}, .users = true};
  const std::vector<int32_t> tokens(static_cast<size_t>(config.batch * config.decoder.length + 1));
  ROUX_ASSIGN_OR_RETURN(const kit::WindowSet windows,
                        kit::WindowSet::stream(tokens, config.decoder.length, "the plan's stand-in"));
  data.texts.sets.emplace("original.clean", windows), data.texts.sets.emplace("a.clean", windows);
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
  // Twice, or once each: by position a mixture would leave out some rows of so short a text.
  for (Arm* half : {&arms[arms.size() - 2], &arms.back()}) half->order = kit::MixtureOrder::kInTurn;
  add("mix_small." + clean, {"original." + clean, "a_small." + clean}, config.mix, en);
  add("mix_rules." + clean, {"original." + clean, "b." + clean}, config.mix, en);
  add("mix_styles." + clean, {"original." + clean, "a_styles." + clean}, config.mix, en);
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
  return trained;
}

}  // namespace roux::rephrasing
