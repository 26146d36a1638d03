#include "recipes/kit/text/language_id.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

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

// The committed sentences: language, text. Six of each of 25 languages.
std::vector<std::pair<std::string, std::string>> sentences() {
  std::vector<std::pair<std::string, std::string>> all;
  const std::string file = *read_text(*find_runfile("tests/golden/languages.tsv"));
  for (size_t at = 0; at < file.size();) {
    const size_t tab = file.find('\t', at), end = file.find('\n', at);
    all.emplace_back(file.substr(at, tab - at), file.substr(tab + 1, end - tab - 1));
    at = end + 1;
  }
  EXPECT_EQ(all.size(), 150u);
  return all;
}

TEST(LanguageId, LearnsLanguagesFromFiveSentencesEach) {
  const auto all = sentences();
  size_t right = 0;
  for (size_t fold = 0; fold < 6; ++fold) {  // each sixth is asked for after training on the others
    LanguageIdentifier identifier;
    for (size_t i = 0; i < all.size(); ++i) {
      if (i % 6 != fold) identifier.add(all[i].first, all[i].second);
    }
    EXPECT_EQ(identifier.languages().size(), 25u);
    for (size_t i = fold; i < all.size(); i += 6)
      right += identifier.identify(all[i].second).language == all[i].first ? 1 : 0;
  }
  EXPECT_GE(right, 135u);  // 90 %
}

TEST(LanguageId, SmallProfilesAreNotFavoured) {
  LanguageIdentifier identifier;
  for (int i = 0; i < 1000; ++i) identifier.add("large", "mana nama tatu kala suma");
  identifier.add("small", "xoxo");
  EXPECT_EQ(identifier.identify("qqq mana ooo zzz").language, "large");
  EXPECT_EQ(identifier.identify("qqq zzz").language, "");  // nothing that any language has
}

// As good as the package langdetect, which has 149 of the 150 right (tests/golden/language_id.py).
TEST(LanguageId, EqualsLangdetectWithItsProfiles) {
  const char* cache = std::getenv("ROUX_CACHE");
  const passwd* user = getpwuid(getuid());
  const std::string folder = cache != nullptr  ? cache
                             : user == nullptr ? ""
                                               : std::string(user->pw_dir) + "/.cache/roux/data";
  LanguageIdentifier identifier;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(folder + "/langdetect", error), none;
       !error && it != none; it.increment(error)) {
    if (it->path().parent_path().filename() != "profiles" || !it->is_regular_file()) continue;
    const auto text = read_text(it->path().string());
    ASSERT_TRUE(text.ok()) << text.status();
    ASSERT_TRUE(identifier.add_profile(*text, it->path().string()).ok());
  }
  if (identifier.languages().empty()) GTEST_SKIP() << "recipes/data/fetch langdetect brings the profiles";
  EXPECT_EQ(identifier.languages().size(), 55u);
  int right = 0;
  for (const auto& [language, text] : sentences())
    right += identifier.identify(text).language == language ? 1 : 0;
  EXPECT_GE(right, 149);
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
            "zz: freq: \"k\" has the count -1, expected 0 .. 1e15");
  EXPECT_FALSE(identifier.add_profile(R"({"name":"zz","freq":{"K":1e308,"k":1e308}})", "zz").ok());
  EXPECT_FALSE(identifier.add_profile("{", "zz").ok());
  EXPECT_FALSE(identifier.add_profile("{}", "zz").ok());
}

}  // namespace
}  // namespace roux::kit
