#include "recipes/kit/worlds/fact_languages.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "absl/strings/match.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

TEST(FactLanguages, EveryValueHasItsOwnWordInEveryLanguage) {
  // With so many people and values every value of every attribute occurs.
  const FactWorld world = make_fact_world({.people = 48, .values = 24}, 1);
  for (const FactLanguage language : kFactLanguages) {
    std::map<int64_t, std::map<std::string, std::string>> words;  // by attribute: word to English value
    int64_t translated = 0;
    for (int64_t p = 0; p < 48; ++p) {
      for (int64_t a = 0; a < static_cast<int64_t>(world.attributes.size()); ++a) {
        const std::string word = fact_value(world, p, a, language);
        const auto [at, fresh] = words[a].emplace(word, world.value(p, a));
        EXPECT_EQ(at->second, world.value(p, a)) << word << " means both";
        translated += word != world.value(p, a) ? 1 : 0;
      }
    }
    for (const auto& [attribute, values] : words)
      EXPECT_EQ(values.size(), world.attributes[static_cast<size_t>(attribute)].values.size());
    EXPECT_GT(translated, 48 * 3);
  }
}

TEST(FactLanguages, SentencesAnswerTheQuestions) {
  const FactWorld world = make_fact_world({.people = 20}, 2);
  const std::vector<Example> english = fact_questions(world, 0);
  std::set<std::string> prompts;
  for (const FactLanguage language : kFactLanguages) {
    const std::vector<Example> questions = fact_questions(world, language);
    ASSERT_EQ(questions.size(), english.size());
    for (size_t i = 0; i < questions.size(); ++i) {
      const auto person = static_cast<int64_t>(i / world.attributes.size());
      const auto attribute = static_cast<int64_t>(i % world.attributes.size());
      const std::string& name = world.people[static_cast<size_t>(person)].name;
      EXPECT_EQ(questions[i].id, english[i].id);
      EXPECT_TRUE(prompts.insert(questions[i].prompt).second) << questions[i].prompt;
      const std::string sentence = fact_sentence(world, person, attribute, language);
      EXPECT_TRUE(absl::StrContains(sentence, name) && absl::StrContains(sentence, questions[i].response))
          << sentence;
      EXPECT_TRUE(absl::StrContains(questions[i].prompt, name)) << questions[i].prompt;
      EXPECT_FALSE(absl::StrContains(sentence + questions[i].prompt, "{")) << sentence;
      EXPECT_TRUE(is_fact_in(world, language, name, questions[i].label, questions[i].response));
      EXPECT_FALSE(is_fact_in(world, language, name, questions[i].label, questions[i].response + "x"));
    }
  }
  EXPECT_STREQ(language_code(FactLanguage::kSpanish), "es");
}

TEST(FactLanguages, AliasesNameOnePersonEach) {
  const FactWorld world = make_fact_world({.people = 2000, .values = 5}, 3);
  std::set<std::string> names;
  for (int64_t p = 0; p < 2000; ++p) {
    EXPECT_TRUE(names.insert(world.people[static_cast<size_t>(p)].name).second);
    for (const std::string& alias : person_aliases(world, p))
      EXPECT_TRUE(names.insert(alias).second) << alias;
  }
  for (const int64_t p : {0, 7, 1999}) {
    for (const std::string& alias : person_aliases(world, p)) {
      EXPECT_EQ(find_person(world, alias), p);
      EXPECT_TRUE(absl::StrContains(fact_question(world, p, 0, FactLanguage::kFrench, alias), alias));
      EXPECT_TRUE(is_fact_in(world, FactLanguage::kFrench, alias, "friend",
                             world.value(p, world.attribute("friend"))));
    }
  }
  EXPECT_EQ(find_person(world, "Nobody"), std::nullopt);
  EXPECT_FALSE(is_fact_in(world, FactLanguage::kGerman, "Nobody", "city", "Oslo"));
  EXPECT_FALSE(is_fact_in(world, FactLanguage::kGerman, world.people[0].name, "shoe size", "Oslo"));
  EXPECT_THROW(person_aliases(world, 2000), Error);
  EXPECT_THROW(fact_sentence(world, 0, 6, FactLanguage::kGerman), Error);
  EXPECT_THROW(fact_value(world, -1, 0, FactLanguage::kGerman), Error);
}

}  // namespace
}  // namespace roux::kit
