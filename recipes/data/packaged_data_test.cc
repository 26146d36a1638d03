// Files of an installed package, found through runfiles and read by our readers. Skipped aloud where it is
// missing.
#include <gtest/gtest.h>

#include <map>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/text/readers/mo.h"
#include "tensor/io/json_value.h"

namespace roux::kit {
namespace {

constexpr char kMissing[] = "package iso-codes is not installed; bazel/setup brings it";

std::map<std::string, std::string> translations(const std::string& language) {
  std::map<std::string, std::string> found;
  const auto path = find_runfile("@iso_codes//usr/share/locale/" + language + "/LC_MESSAGES/iso_3166-1.mo");
  if (!path.ok()) return found;
  const auto catalog = MoCatalog::open(*path);
  EXPECT_TRUE(catalog.ok()) << catalog.status();
  for (int64_t i = 0; catalog.ok() && i < catalog->size(); ++i) {
    const auto entry = catalog->entry(i);
    EXPECT_TRUE(entry.ok()) << entry.status();
    if (entry.ok()) found.emplace(entry->id, entry->translations[0]);
  }
  return found;
}

TEST(PackagedData, CountryNamesAreParallel) {
  const auto german = translations("de"), french = translations("fr"), hindi = translations("hi");
  if (german.empty()) GTEST_SKIP() << kMissing;
  EXPECT_GT(german.size(), 200u);
  EXPECT_EQ(german.at("Germany"), "Deutschland");
  EXPECT_EQ(french.at("Germany"), "Allemagne");
  EXPECT_EQ(hindi.at("India"), "भारत");
}

TEST(PackagedData, MissingPackageHasNoFiles) {
  // The target exists (this test depends on it) and is empty.
  const auto folder = find_runfile("@absent_package//usr");
  EXPECT_FALSE(folder.ok()) << *folder;
}

TEST(PackagedData, JsonHoldsTheSameCountries) {
  const auto path = find_runfile("@iso_codes//usr/share/iso-codes/json/iso_3166-1.json");
  if (!path.ok()) GTEST_SKIP() << kMissing;
  const auto text = read_text(*path);
  ASSERT_TRUE(text.ok()) << text.status();
  const auto value = parse_json_value(*text, *path);
  ASSERT_TRUE(value.ok()) << value.status();
  const JsonValue* countries = value->find("3166-1");
  ASSERT_NE(countries, nullptr);
  const auto german = translations("de");
  int64_t translated = 0;
  for (const JsonValue& country : countries->items())
    translated += german.count(country.find("name")->string());
  EXPECT_GT(translated, 200);
}

}  // namespace
}  // namespace roux::kit
