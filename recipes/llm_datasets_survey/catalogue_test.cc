#include "recipes/llm_datasets_survey/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"

namespace roux::llm_datasets_survey {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::vector<Record> shipped() {
  const std::string path = *kit::find_runfile("recipes/llm_datasets_survey/catalogue.jsonl");
  const auto records = parse_catalogue(*kit::read_text(path), "catalogue.jsonl");
  EXPECT_TRUE(records.ok()) << records.status();
  return *records;
}

TEST(Sizes, UnitsStayApart) {
  const auto is = [](const std::string& text, Size::Unit unit, double amount) {
    const auto size = parse_size(text);
    return size.ok() && size->unit == unit && size->amount == amount;
  };
  EXPECT_TRUE(is("11519 GB", Size::kBytes, 11519e9));
  EXPECT_TRUE(is("30.4T tokens", Size::kTokens, 30.4e12));
  EXPECT_TRUE(is("2B tokens", Size::kTokens, 2e9));
  EXPECT_TRUE(is("52K instances", Size::kInstances, 52000));
  EXPECT_TRUE(is("59996 files", Size::kFiles, 59996));
  EXPECT_TRUE(is("7 B", Size::kBytes, 7));
  for (const char* text : {"", "TB", "12", "1.2.3 GB", "5 pages", "5 G", "5 G tokens", "5 BB", "5 instance"})
    EXPECT_FALSE(parse_size(text).ok()) << text;
}

TEST(Licenses, TheMostRestrictiveCounts) {
  for (const auto& [text, wanted] : Pairs{{"MIT", "permissive"},
                                          {"Apache-2.0", "permissive"},
                                          {"CC-BY-4.0", "permissive"},
                                          {"CC-BY-SA-3.0", "share-alike"},
                                          {"CC-BY-NC-SA-4.0", "non-commercial"},
                                          {"-", "unknown"},
                                          {"", "unknown"},
                                          {"MIT & GPL-3.0", "share-alike"},
                                          {"CC-BY-NC-4.0, MIT", "non-commercial"},
                                          {"Common Crawl Terms of Use", "custom"},
                                          {"MIT & own agreement", "custom"}})
    EXPECT_EQ(license_class(text), wanted) << text;
}

// Totals by hand: 12.68 + 27 + 6 + 586.3 TB and 11.74 + 825.18 + 11519 GB; 30.4 + 15 T tokens.
TEST(Catalogue, HandCheckedTotalsOfTheShippedRecords) {
  const std::vector<Record> records = shipped();
  ASSERT_EQ(records.size(), 44u);
  const auto sizes = total_sizes(records, "pretraining");
  EXPECT_NEAR(sizes.at("bytes"), 644.33592e12, 1e3);
  EXPECT_EQ(sizes.at("tokens"), 45.4e12);
  EXPECT_EQ(sizes.at("files"), 59996);
  EXPECT_EQ(sizes.count("instances"), 0u);
  EXPECT_EQ(total_sizes(records, "preference").at("instances"), 33000 + 385563 + 18918 + 63967 + 169352);
  const CrossTable parts = parts_by(records, "year");
  EXPECT_EQ(parts.at("instruction").at("2023"), 8);
  EXPECT_EQ(count_by(records, "construction", true).at("HG"), 20);
  EXPECT_EQ(count_by(records, "construction").at("HG"), 12);  // by people alone
  EXPECT_EQ(count_by(records, "license_class").at("permissive"), 23);
}

TEST(Catalogue, MarginalsAreTheTotals) {
  const std::vector<Record> records = shipped();
  EXPECT_EQ(kDimensions.size(), 20u);
  for (const char* dimension : {"year", "license_class", "construction", "language", "question_type"}) {
    int64_t sum = 0;
    for (const auto& [part, counts] : parts_by(records, dimension)) {
      for (const auto& [value, count] : counts) sum += count;
    }
    EXPECT_EQ(sum, 44) << dimension;
  }
  EXPECT_EQ(missing_share(records, "name"), 0);
  EXPECT_EQ(missing_share(records, "relation_types"), 1);
}

// A record by name, category and size, and more fields; ' stands for ".
std::string record_with(const std::string& more, const std::string& category = "evaluation/code") {
  std::string line = "{'name': 'N', 'category': '" + category + "', " + more + "}";
  std::replace(line.begin(), line.end(), '\'', '"');
  return line;
}

TEST(Catalogue, UnknownCodesNameRecordAndField) {
  const std::string good = "'size': '3 instances'";
  EXPECT_TRUE(parse_catalogue(record_with(good), "f").ok());
  EXPECT_TRUE(
      parse_catalogue(record_with(good + ", 'language': 'EN & Multi(35)', 'release': '2023-X'"), "f").ok());
  const Pairs wrong = {
      {record_with(good + ", 'language': 'XX'"), "f: line 2: N: language 'XX' is not a code"},
      {record_with(good + ", 'construction': 'HG&AI'"), "N: construction 'HG&AI'"},
      {record_with(good + ", 'evaluation_method': 'CE&XE'"), "N: evaluation_method"},
      {record_with(good + ", 'preference_method': 'VO-X'"), "N: preference_method"},
      {record_with(good + ", 'release': '2023-13'"), "N: release '2023-13'"},
      {record_with(good + ", 'colour': 'red'"), "no dimension is called 'colour'"},
      {record_with(good + ", 'focus': 3"), "'focus' is no string"},
      {record_with(good, "books/x"), "N: category 'books/x'"},
      {record_with("'focus': 'x'"), "'size' is missing"}};
  for (const auto& [line, error] : wrong) {
    const auto records = parse_catalogue("\n" + line, "f");
    EXPECT_NE(std::string(records.status().message()).find(error), std::string::npos) << records.status();
  }
  EXPECT_FALSE(parse_catalogue(record_with(good) + "\n" + record_with(good), "f").ok());
  EXPECT_FALSE(parse_catalogue("[1]", "f").ok());
  EXPECT_FALSE(parse_catalogue("", "f").ok());
}

}  // namespace
}  // namespace roux::llm_datasets_survey
