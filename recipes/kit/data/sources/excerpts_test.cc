// The embedded excerpts of parallel sources: that they are read without anything fetched, are parallel, and
// say what the whole says.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "recipes/kit/data/sources/bible.h"
#include "recipes/kit/data/sources/cldr.h"
#include "recipes/kit/data/sources/libreoffice.h"

namespace roux::kit {
namespace {

const SourceOptions kExcerpt{.excerpt = true};

TEST(Excerpts, LibreOfficeStringsAreTheSameInEveryLanguage) {
  std::vector<std::string> keys;
  for (const char* language : {"as", "bn", "de", "es", "fi",    "fr", "gu", "hi", "hu", "it", "kn",
                               "ml", "mr", "ne", "or", "pa_in", "ru", "sv", "ta", "te", "tr"}) {
    const auto strings = libreoffice_strings(language, kExcerpt);
    ASSERT_TRUE(strings.ok()) << strings.status();
    EXPECT_EQ(strings->from.kind, Provenance::kExcerpt);
    std::vector<std::string> own;
    for (const TranslatedString& s : strings->value) {
      own.push_back(absl::StrCat(s.catalogue, "/", s.context, "/", s.english));
      EXPECT_NE(s.translation, s.english) << language;
    }
    EXPECT_EQ(own.size(), 326u) << language;
    if (keys.empty()) keys = own;
    EXPECT_EQ(own, keys) << language;
  }
  const auto german = libreoffice_strings("de", kExcerpt);
  const auto name = std::find_if(german->value.begin(), german->value.end(),
                                 [](const TranslatedString& s) { return s.english == "First Name"; });
  ASSERT_NE(name, german->value.end());
  EXPECT_EQ(name->translation, "Vorname");
}

TEST(Excerpts, HelpPagesShareTheirIds) {
  std::vector<std::string> ids;
  for (const char* language : {"en_us", "de", "es", "fi", "fr", "hi", "hu", "it", "ru", "sv", "tr"}) {
    const auto help = libreoffice_help(language, kExcerpt);
    ASSERT_TRUE(help.ok()) << help.status();
    std::vector<std::string> own;
    for (const HelpParagraph& p : help->value) own.push_back(absl::StrCat(p.page, "#", p.id));
    if (ids.empty()) ids = own;
    EXPECT_EQ(own, ids) << language;
  }
  EXPECT_GT(ids.size(), 100u);
}

TEST(Excerpts, CldrNamesTheSameThingsInEveryLanguage) {
  const auto keys = [](const std::map<std::string, std::string>& names) {
    std::vector<std::string> out;
    for (const auto& entry : names) out.push_back(entry.first);
    return out;
  };
  const auto english = symbol_names("en", kExcerpt);
  ASSERT_TRUE(english.ok()) << english.status();
  EXPECT_EQ(english->value.size(), 40u);
  const auto languages = display_names("language", "en", kExcerpt);
  const auto territories = display_names("territory", "en", kExcerpt);
  ASSERT_TRUE(languages.ok()) << languages.status();
  ASSERT_TRUE(territories.ok()) << territories.status();
  EXPECT_EQ(languages->value.size(), 38u);
  EXPECT_EQ(territories->value.size(), 30u);
  for (const auto& language : languages->value) {
    const std::string& code = language.first;
    EXPECT_EQ(keys(symbol_names(code, kExcerpt)->value), keys(english->value)) << code;
    EXPECT_EQ(keys(display_names("language", code, kExcerpt)->value), keys(languages->value)) << code;
    EXPECT_EQ(keys(display_names("territory", code, kExcerpt)->value), keys(territories->value)) << code;
  }
  EXPECT_EQ(display_names("language", "de", kExcerpt)->value.at("fr"), "Französisch");
  EXPECT_EQ(display_names("territory", "fr", kExcerpt)->value.at("CH"), "Suisse");
}

// Genesis has 1,533 verses and Mark 678, alike in the three.
TEST(Excerpts, BiblesHaveGenesisAndMark) {
  const std::map<std::string, std::string> first = {
      {"kjv", "In the beginning God created the heaven and the earth."},
      {"web", "In the beginning, God created the heavens and the earth."},
      {"rv1909", "EN el principio crió Dios los cielos y la tierra."}};
  for (const auto& [name, text] : first) {
    const auto verses = bible(name, kExcerpt);
    ASSERT_TRUE(verses.ok()) << verses.status();
    std::map<std::string, int> books;
    for (const Verse& verse : verses->value) ++books[verse.book];
    EXPECT_EQ(books, (std::map<std::string, int>{{"Gen", 1533}, {"Mark", 678}})) << name;
    EXPECT_EQ(verses->value.front().text, text);
    EXPECT_EQ(verses->value.back().chapter, 16) << name;
    EXPECT_EQ(verses->value.back().verse, 20) << name;
  }
}

}  // namespace
}  // namespace roux::kit
