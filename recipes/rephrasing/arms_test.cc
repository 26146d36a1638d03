#include "recipes/rephrasing/arms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/data/mixture_loader.h"
#include "recipes/kit/run/quiet_run.h"
#include "tensor/error_of.h"

namespace roux::rephrasing {
namespace {

using ::testing::HasSubstr;

Config tiny() {
  Config c;
  c.decoder = {.layers = 1, .hidden = 8, .heads = 2, .intermediate = 16, .length = 96, .init_std = 0.3};
  c.vocab = 300, c.steps = 4, c.batch = 16, c.pairs = 60, c.small_pairs = 20, c.substitution.iterations = 2;
  c.eval_windows = 4, c.excerpts = true, c.arms = "all", c.cloze_items = 8;
  return c;
}

TEST(Noise, HitsItsShareAndNothingAtZero) {
  std::string text;
  for (int i = 0; i < 400; ++i) text += "generations water heaven darkness evening\n";
  text.pop_back();
  EXPECT_EQ(noisy(text, 0, 1, 1), text);
  const std::string hit = noisy(text, 0.5, 1, 1);
  EXPECT_EQ(hit, noisy(text, 0.5, 1, 1));
  EXPECT_NE(hit, noisy(text, 0.5, 2, 1));
  std::set<std::string> known = {"generations", "water", "heaven", "darkness", "evening"};
  int64_t same = 0, furniture = 0;
  for (const std::string& word : words_of(hit)) same += known.count(word), furniture += word == "print";
  // A quarter of the words is hit: of these a fifth is left out and a fifth stands twice, which is no loss.
  EXPECT_NEAR(static_cast<double>(same), 2000 * (0.75 + 0.25 * 0.4), 60);
  EXPECT_NEAR(static_cast<double>(furniture), 40, 25);
}

TEST(World, NoChapterIsInTwoParts) {
  const Config config = tiny();
  const auto run = kit::quiet_run();
  const auto world = load_world(config, *run);
  ASSERT_TRUE(world.ok()) << world.status();
  EXPECT_THAT(world->missing, HasSubstr("fetch"));
  std::set<std::string> corpus, held;
  for (const Source& source : world->sources)
    for (const Document& document : source.documents) corpus.insert(document.id);
  for (const Verse2& verse : world->held_verses) held.insert(verse.id.substr(0, verse.id.find(':')));
  EXPECT_GT(corpus.size(), 10u);
  EXPECT_GT(held.size(), 5u);
  for (const std::string& chapter : held) EXPECT_EQ(corpus.count(chapter), 0u) << chapter;
  for (const Document& document : world->source("clean").documents) {
    for (const auto& [older, newer] : world->pairs)
      EXPECT_THAT(document.text, testing::Not(HasSubstr(older)));
    for (const HeldOut& text : world->held_out)
      EXPECT_THAT(text.text, testing::Not(HasSubstr(document.text)));
  }
  EXPECT_THAT(error_of([&] { world->source("z"); }), HasSubstr("no source z"));
}

TEST(Rephrase, CountsAddUpAndIdsAreTheSources) {
  const Config config = tiny();
  const auto run = kit::quiet_run();
  const auto world = load_world(config, *run);
  const std::vector<Document>& documents = world->source("clean").documents;
  const auto got = rephrase(config, *world, documents, "en", world->rules, {Style::kMedium});
  ASSERT_TRUE(got.ok()) << got.status();
  const kit::Funnel& f = got->funnel;
  EXPECT_EQ(f["passages"], f["short passage"] + f["in"]);
  int64_t sum = 0;
  for (const char* reason :
       {"kept", "empty", "truncated", "wrong language", "too short", "too long", "near copy", "off topic"})
    sum += f[reason];
  EXPECT_EQ(sum, f["in"]);
  EXPECT_GT(f["kept"], f["in"] / 2);
  std::set<std::string> ids;
  for (const Document& document : documents) ids.insert(document.id);
  for (const Document& document : got->documents) EXPECT_EQ(ids.erase(document.id), 1u);
  // A style that the rephraser does not have leaves nothing.
  const auto none = rephrase(config, *world, documents, "en", world->rules, {Style::kHard});
  EXPECT_EQ(none->funnel["kept"], 0);
  EXPECT_TRUE(none->documents.empty());
}

TEST(Arms, HaveTheSameBudgetAndTheirShares) {
  const Config config = tiny();
  const auto run = kit::quiet_run();
  const auto world = load_world(config, *run);
  const auto data = make_data(config, *world);
  ASSERT_TRUE(data.ok()) << data.status();
  const std::vector<Arm> arms = arms_of(config, *data);
  EXPECT_EQ(arms.size(), 18u);  // two tiers and Spanish, three each, and nine more
  std::set<std::string> names;
  for (const Arm& arm : arms) {
    EXPECT_TRUE(names.insert(arm.name).second) << arm.name;
    double sum = 0;
    for (const double share : arm.shares) sum += share;
    EXPECT_NEAR(sum, 1, 1e-12);
    std::vector<const kit::WindowSet*> sets;
    for (const std::string& set : arm.sets) sets.push_back(&data->texts.sets.at(set));
    auto loader = kit::MixtureLoader::create(sets, arm.shares, {.seed = 2, .global_batch = 8});
    ASSERT_TRUE(loader.ok()) << loader.status();
    for (int i = 0; i < 64; ++i) loader->next_rows();
    for (size_t s = 0; s < sets.size(); ++s)
      EXPECT_NEAR(static_cast<double>(loader->taken()[s]) / 512, arm.shares[s], 0.01) << arm.name;
  }
  const auto trained = run->part(
      "mix.clean/seed1", [&](kit::Part& part) { return train_arm(config, *data, arms.at(2), 1, part); });
  ASSERT_TRUE(trained.ok()) << trained.status();
  EXPECT_EQ(trained->run.rows, (std::vector<int64_t>{32, 32}));  // exact over 64 rows
  EXPECT_EQ(trained->bits.size(), 3u);                           // two wordings, Austen
  for (const auto& [name, bits] : trained->bits) EXPECT_TRUE(bits > 0.5 && bits < 12) << name << " " << bits;
  EXPECT_EQ(trained->cloze.size(), 2u);
  Config central = config;
  central.arms = "central";
  EXPECT_EQ(arms_of(central, *data).size(), 10u);
  // A plan has the arms of the run, and their texts.
  const auto planned = stand_in(config);
  ASSERT_TRUE(planned.ok()) << planned.status();
  const std::vector<Arm> planned_arms = arms_of(config, *planned);
  ASSERT_EQ(planned_arms.size(), arms.size());
  for (size_t i = 0; i < arms.size(); ++i) EXPECT_EQ(planned_arms[i].name, arms[i].name);
}

// Every item has the true half where it says, the other halves are of other verses.
TEST(Cloze, ItemsAreHalvesOfVerses) {
  const Config config = tiny();
  const auto run = kit::quiet_run();
  const auto world = load_world(config, *run);
  const auto data = make_data(config, *world);
  ASSERT_TRUE(data.ok()) << data.status();
  const Cloze& cloze = data->cloze;
  ASSERT_GE(cloze.items.size(), 8u);
  ASSERT_EQ(cloze.windows->size(), static_cast<int64_t>(Cloze::kChoices * cloze.items.size()));
  std::map<std::string, const Verse2*> verses;
  for (const Verse2& verse : world->held_verses) verses[verse.id] = &verse;
  for (size_t i = 0; i < cloze.items.size(); ++i) {
    const Cloze::Item& item = cloze.items[i];
    const std::string& verse =
        item.wording == "older" ? verses.at(item.id)->old_text : verses.at(item.id)->new_text;
    const std::vector<std::string> words = absl::StrSplit(verse, ' ', absl::SkipEmpty());
    for (size_t c = 0; c < Cloze::kChoices; ++c) {
      const std::vector<int32_t> row = cloze.windows->window(static_cast<int64_t>(Cloze::kChoices * i + c));
      EXPECT_EQ(world->tokenizer->decode(row) == absl::StrJoin(words, " "), c == item.gold) << verse;
    }
  }
}

// Counts of another language's tokens are worse than no counts.
TEST(Unigrams, AreOfTheHeldOutTextsLanguage) {
  const auto run = kit::quiet_run();
  const auto world = load_world(tiny(), *run);
  const auto data = make_data(tiny(), *world);
  for (const JudgedOn& held : data->judged)
    EXPECT_LT(held.unigram_bits, std::log(static_cast<double>(data->vocab)) * held.bits_per_character)
        << held.name;
}

}  // namespace
}  // namespace roux::rephrasing
