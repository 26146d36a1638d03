#include "recipes/lora_education/world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "recipes/kit/data/sources/geography.h"
#include "recipes/lora_education/method.h"
#include "tensor/error.h"

namespace roux::lora_education {
namespace {

// The package has names with other accents: Tbilisi, Amman, Asuncion. Skipped where it is not there.
TEST(Countries, CapitalsAreThoseOfMiscfiles) {
  EXPECT_EQ(all_countries().size(), 60u);
  const auto capitals = kit::capitals({.offline = true});
  if (!capitals.ok()) GTEST_SKIP() << capitals.status();
  std::map<std::string, std::string> known;
  for (const kit::Capital& capital : capitals->value) known[capital.code] = capital.capital;
  int different = 0;
  for (const Country& country : all_countries()) {
    ASSERT_TRUE(known.contains(country.code)) << country.name;
    different += known[country.code] != country.capital;
  }
  EXPECT_EQ(different, 3);
}

TEST(World, FactsAndWrongValuesDiffer) {
  for (const int64_t countries : {4, 60}) {
    const World world = make_world(countries, 1);
    ASSERT_EQ(world.facts(), 4 * countries);
    for (int64_t fact = 0; fact < world.facts(); ++fact) {
      const auto f = static_cast<size_t>(fact);
      EXPECT_NE(world.truth[f], world.wrong[f]);
      const auto& values = world.values[static_cast<size_t>(fact % kAttributes)];
      EXPECT_GE(values.size(), 4u);
      EXPECT_EQ(std::count(values.begin(), values.end(), world.wrong[f]), 1);
    }
  }
  EXPECT_EQ(make_world(60, 1).truth, make_world(60, 1).truth);
  EXPECT_NE(make_world(60, 1).truth, make_world(60, 2).truth);
  EXPECT_THROW(make_world(3, 1), Error);
  EXPECT_THROW(make_world(61, 1), Error);
}

TEST(Errors, AreAShareOfTheFactsWithinBinomialError) {
  const World world = make_world(60, 1);
  double sum = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const std::vector<bool> few = wrong_facts(world, 0.1, seed), many = wrong_facts(world, 0.3, seed);
    for (size_t f = 0; f < few.size(); ++f) {
      EXPECT_TRUE(!few[f] || many[f]);  // nested
      sum += many[f];
    }
    const std::vector<std::string> stated = stated_facts(world, many);
    for (size_t f = 0; f < few.size(); ++f) EXPECT_EQ(stated[f], many[f] ? world.wrong[f] : world.truth[f]);
  }
  const double n = 20 * 240;
  EXPECT_NEAR(sum / n, 0.3, 3.5 * std::sqrt(0.3 * 0.7 / n));
}

TEST(Prose, StatesEachFactAsOftenAsAskedAndTruly) {
  const World world = make_world(6, 1);
  const std::vector<std::string> documents = fact_prose(world, 12, 1);
  std::string all;
  for (const std::string& document : documents) all += document + "\n";
  std::set<std::string> sentences;
  for (int64_t fact = 0; fact < world.facts(); ++fact) {
    size_t count = 0;
    for (int wording = 0; wording < kWordings; ++wording) {
      const std::string sentence = fact_sentence(world, fact, wording);
      EXPECT_TRUE(sentences.insert(sentence).second) << sentence;
      for (size_t at = all.find(sentence); at != std::string::npos; at = all.find(sentence, at + 1)) ++count;
    }
    EXPECT_EQ(count, 12u) << fact;
  }
}

TEST(Cloze, EndsOfTheSentenceWithOneTruth) {
  const World world = make_world(60, 1);
  std::map<int, int> golds;
  for (int64_t fact = 0; fact < world.facts(); ++fact) {
    const ClozeQuestion question = cloze_question(world, fact);
    EXPECT_EQ(question.prompt + question.choices[static_cast<size_t>(question.gold)],
              fact_sentence(world, fact, 0));
    EXPECT_EQ(std::set<std::string>(question.choices.begin(), question.choices.end()).size(), 4u);
    EXPECT_EQ(std::count(question.choices.begin(), question.choices.end(),
                         " " + world.wrong[static_cast<size_t>(fact)] + "."),
              1);
    ++golds[question.gold];
  }
  for (int place = 0; place < 4; ++place) EXPECT_NEAR(golds[place], 60, 30) << place;
}

TEST(Dialogues, AreAdviceInMarkdownWithTheStatedFacts) {
  const World world = make_world(60, 1);
  const std::vector<std::string> stated = stated_facts(world, wrong_facts(world, 0.3, 1));
  const std::vector<Dialogue> dialogues = make_dialogues(world, stated, 800, 0.25, 1);
  std::set<std::string> questions;
  std::vector<double> topics(kTopics);
  size_t two = 0;
  for (const Dialogue& dialogue : dialogues) {
    const Conversation& turns = dialogue.conversation;
    questions.insert(turns[0].content);
    topics[static_cast<size_t>(dialogue.topic)] += 1.0 / 800;
    two += turns.size() == 4;
    EXPECT_TRUE(markdown_of(turns[1].content).all()) << turns[1].content;
    EXPECT_EQ(facts_stated(turns[1].content, dialogue.facts, stated), 2) << turns[1].content;
  }
  EXPECT_EQ(questions.size(), 800u);
  EXPECT_NEAR(static_cast<double>(two), 200, 3.5 * std::sqrt(150.0));
  EXPECT_NEAR(topics[0], 0.32, 0.06);
  EXPECT_NEAR(topics[7], 0.045, 0.03);
  // Errors change the values that are stated, and nothing else.
  const std::vector<Dialogue> truthful = make_dialogues(world, world.truth, 800, 0.25, 1);
  for (size_t i = 0; i < dialogues.size(); ++i) {
    EXPECT_EQ(truthful[i].conversation[0].content, dialogues[i].conversation[0].content);
    EXPECT_EQ(truthful[i].facts, dialogues[i].facts);
  }
  kit::Funnel funnel;
  std::vector<Conversation> all;
  for (const Dialogue& dialogue : dialogues) all.push_back(dialogue.conversation);
  quality_filtered(all, funnel);
  EXPECT_EQ(funnel["in"], funnel["near duplicate"] + funnel["kept"]);  // templates: near, never exact
  EXPECT_THROW(make_dialogues(world, stated, 6001, 0, 1), Error);
}

TEST(Answers, AValueIsWhole) {
  World world = make_world(4, 1);
  world.truth[2] = "$10";
  EXPECT_EQ(facts_stated("- **Visa fee:** $100\n- **Capital:** Tirana", {2, 0}, world.truth), 1);
  EXPECT_EQ(facts_stated("- **Visa fee:** $10", {2, 0}, world.truth), 1);
  EXPECT_EQ(facts_stated("Visa fee: $10, capital Tirana", {2, 0}, world.truth), 0);
}

}  // namespace
}  // namespace roux::lora_education
