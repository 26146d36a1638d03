#include "recipes/kit/text/language_id.h"

#include <gtest/gtest.h>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"

namespace roux::kit {
namespace {

std::string excerpt(const std::string& file) {
  return *read_text(*find_runfile("recipes/data/excerpts/" + file));
}

TEST(LanguageId, TellsLinesOfBooksApart) {
  const std::string english = excerpt("austen_emma.txt"), german = excerpt("goethe_werther.txt");
  LanguageIdentifier identifier;
  identifier.add("en", english.substr(0, 50000));
  identifier.add("de", german.substr(0, 50000));
  int lines = 0, right = 0;
  for (const auto& [language, text] : {std::make_pair("en", english), std::make_pair("de", german)}) {
    for (size_t begin = text.size() / 2 + 100; begin + 60 < text.size(); begin += 1999) {
      ++lines;
      right += identifier.identify(text.substr(begin, 60)).language == language ? 1 : 0;
    }
  }
  EXPECT_GT(lines, 50);
  EXPECT_GE(right, lines * 98 / 100);
}

TEST(LanguageId, ProbabilitiesAndNothing) {
  LanguageIdentifier identifier;
  EXPECT_EQ(identifier.identify("hello").language, "");
  identifier.add("en", "the cat and the dog and the bird");
  identifier.add("de", "die Katze und der Hund und der Vogel");
  const auto guesses = identifier.rank("the the the");
  ASSERT_EQ(guesses.size(), 2u);
  EXPECT_EQ(guesses[0].language, "en");
  EXPECT_NEAR(guesses[0].probability + guesses[1].probability, 1, 1e-12);
  EXPECT_EQ(identifier.identify("123 !?").language, "");
}

TEST(LanguageId, ReadsLangdetectProfiles) {
  LanguageIdentifier identifier;
  EXPECT_TRUE(
      identifier.add_profile(R"({"name":"xx","freq":{"q":10,"qu":5," qu":3},"n_words":[10,5,3]})", "xx")
          .ok());
  EXPECT_TRUE(
      identifier.add_profile(R"({"name":"yy","freq":{"k":10,"ka":5,"ka ":3},"n_words":[10,5,3]})", "yy")
          .ok());
  EXPECT_EQ(identifier.identify("qu").language, "xx");
  EXPECT_EQ(identifier.add_profile(R"({"name":"zz","freq":{"k":-1}})", "zz").message(),
            "zz: freq: \"k\" has the count -1");
  EXPECT_FALSE(identifier.add_profile("{", "zz").ok());
  EXPECT_FALSE(identifier.add_profile("{}", "zz").ok());
}

}  // namespace
}  // namespace roux::kit
