#include "recipes/llm_datasets_survey/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"
#include "tests/golden/recipe_values.h"

namespace roux::llm_datasets_survey {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::vector<Record> shipped() {
  const std::string path = *kit::find_runfile("recipes/llm_datasets_survey/catalogue.jsonl");
  const auto records = parse_catalogue(*kit::read_text(path), "catalogue.jsonl");
  EXPECT_TRUE(records.ok()) << records.status();
  return records->records;
}

TEST(Sizes, UnitsStayApart) {
  const auto is = [](const std::string& text, const std::string& unit, double amount) {
    const auto size = parse_size(text);
    return size.ok() && size->unit == unit && size->amount == amount;
  };
  EXPECT_TRUE(is("11519 GB", "bytes", 11519e9));
  EXPECT_TRUE(is("30.4T tokens", "tokens", 30.4e12));
  EXPECT_TRUE(is("2 B Token", "tokens", 2e9));
  EXPECT_TRUE(is("15 TB Tokens", "tokens", 15e12));
  EXPECT_TRUE(is("52K instances", "instances", 52000));
  EXPECT_TRUE(is("~127 test instances (164 tasks)", "instances", 127));
  EXPECT_TRUE(is("59996 Files", "files", 59996));
  EXPECT_TRUE(is("17,868 Books", "books", 17868));
  EXPECT_TRUE(is("3 M URL pairs", "url pairs", 3e6));
  EXPECT_TRUE(is("7 B", "bytes", 7));
  EXPECT_EQ(parse_size("11519 GB", 1024)->amount, 11519.0 * (1 << 30));  // 11.25 TB of 1024^4
  EXPECT_EQ(parse_size("2K instances", 1024)->amount, 2000);
  for (const char* text : {"", "TB", "12", "1.2.3 GB", "5 G", "5 G tokens", "5 BB", "-", "many tokens"})
    EXPECT_FALSE(parse_size(text).ok()) << text;
}

TEST(Golden, SizesOfBothConventionsAndLicences) {
  const golden::Values values = golden::Values::of_recipe("llm_datasets_survey");
  for (const golden::Values& c : values["sizes"].items()) {
    const auto decimal = parse_size(c["text"].text()), binary = parse_size(c["text"].text(), 1024);
    ASSERT_TRUE(decimal.ok() && binary.ok()) << c["text"].text();
    EXPECT_EQ(decimal->unit, c["unit"].text());
    EXPECT_NEAR(decimal->amount, c["decimal"].number(), 1e-9 * decimal->amount);
    EXPECT_NEAR(binary->amount, c["binary"].number(), 1e-9 * binary->amount);
  }
  for (const golden::Values& c : values["licenses"].items())
    EXPECT_EQ(license_class(c["text"].text()), c["class"].text()) << c["text"].text();
}

TEST(Licenses, TheMostRestrictiveCounts) {
  for (const auto& [text, wanted] : Pairs{{"MIT", "permissive"},
                                          {"Apache-2.0", "permissive"},
                                          {"CC-BY-4.0", "permissive"},
                                          {"CC-BY-2.0", "permissive"},
                                          {"CC-SA-3.0", "share-alike"},
                                          {"CC-NC-SA-4.0", "non-commercial"},
                                          {"CC-ND", "custom"},
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
  // 12.68 + 27 + 6 + 586.3 and (11.74 + 825.18 + 11519) / 1024 TB of 1024^4 bytes.
  EXPECT_NEAR(total_sizes(records, "pretraining", 1024).at("bytes") / (1.0 * (1LL << 40)),
              631.98 + 12355.92 / 1024, 1e-9);
  EXPECT_EQ(total_sizes(records, "preference").at("instances"), 33000 + 385563 + 18918 + 63967 + 169352);
  const CrossTable parts = parts_by(records, "year");
  EXPECT_EQ(parts.at("instruction").at("2023"), 8);
  EXPECT_EQ(count_by(records, "construction", true).at("HG"), 21);
  EXPECT_EQ(count_by(records, "construction").at("HG"), 13);  // by people alone
  EXPECT_EQ(count_by(records, "license_class").at("permissive"), 23);
  // 9 sets, 2 of them by people alone.
  EXPECT_NEAR(derived_share(records, "instruction"), 7.0 / 9, 1e-12);
  EXPECT_EQ(derived_share({}, "instruction"), 0);
}

// Every leaf has a name of its own in its part, every heading leads to one leaf.
TEST(Catalogue, LeavesOfTheTaxonomy) {
  std::set<std::string> headings, leaves;
  for (const Leaf& leaf : taxonomy()) {
    EXPECT_TRUE(headings.insert(std::string(leaf.part) + "/" + leaf.heading).second) << leaf.heading;
    leaves.insert(std::string(leaf.part) + "/" + leaf.name);
  }
  EXPECT_EQ(leaves.size(), 13u + 13 + 4 + 20 + 20);
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
      {record_with(good, "evaluation/books"), "N: category 'evaluation/books'"},
      {record_with("'size': '3'"), "N: size '3' has no unit"},
      {"{\"name\": \"N\"}", "'category' is missing"}};
  for (const auto& [line, error] : wrong) {
    const auto records = parse_catalogue("\n" + line, "f");
    EXPECT_NE(std::string(records.status().message()).find(error), std::string::npos) << records.status();
  }
  EXPECT_FALSE(parse_catalogue(record_with(good) + "\n" + record_with(good), "f").ok());
  EXPECT_FALSE(parse_catalogue("[1]", "f").ok());
  // The same name in another part is another data set; a dash says that nothing is known.
  const auto two =
      parse_catalogue(record_with("'license': '-'") + "\n" + record_with(good, "evaluation/tool"), "f");
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_FALSE(two->records[0].fields.contains("license"));
  for (const char* text : {"", "some words", "# A heading\n\n- **bold words**\n"}) {
    EXPECT_NE(std::string(parse_catalogue(text, "f").status().message()).find("f: no record"),
              std::string::npos);
  }
}

// Heads as the published list has them, written for this test: unknown months, several languages and ways of
// construction, bars within links, one blank before the date, no date, fields that are left out.
constexpr const char* kHeads[][4] = {
    // category, head, fields ("; " apart), what is read
    {"pretraining/webpages", "Alder  2019-10 | All | EN | CI | [Paper](https://a.org/1)",
     "Publisher: A Lab; Size: 12.5 TB; License: Terms of Use; Source: Crawl", "12.5 TB"},
    {"pretraining/webpages",
     "Birch Text 2.0 2023-X | Partial | Multi (35) | HG & CI | [Site](https://b.org/?a|b)",
     "Publisher: B et al.; Size: 30.4 T Tokens; License: -; Source: -", "30.4 T Tokens"},
    {"pretraining/webpages", "Cedar  X | Not | EN & PL | MC", "Size: -; License: MIT", ""},
    {"pretraining/books", "Dogwood  1971-X | All | Multi | HG | [A|B](https://d.org/x_(y)|z) | [C](d)",
     "Size: 17,868 Books; License: D Terms of Service", "17,868 Books"},
    {"pretraining/code", "Elm (v2)  2022-3 | Not | PL (358) | CI", "Size: 341.1 GB; License: Apache-2.0",
     "341.1 GB"},
    {"pretraining/financial", "Fir  2023-9 | All | ZH | HG & CI & MC", "Category: Multi; Domain: Finance",
     ""},
    {"instruction/HG", "Gorse  2023-4 | All | EN | HG", "Size: 15011 instances; Instruction Category: Multi",
     "15011 instances"},
    {"instruction/HG&CI&MC", "Hazel-1 2024-8 | Partial | EN & ZH & LT | HG & CI & MC",
     "Size: 19 datasets; License: CC-BY-SA-3.0 & GFDL", "19 datasets"},
    {"instruction/medical", "Ivy's Set  2023-11 | All | DE | CI & MC",
     "Size: 110K instances; Domain: Medical", "110K instances"},
    {"preference/vote", "Juniper  2023-6 | All | Multi | HG & MC",
     "Preference Evaluation Method: VO-H & SC-H; Size: 33000 instances", "33000 instances"},
    {"preference/other", "Kauri 2023-5 | Not | FA | MC", "Preference Evaluation Method: Other", ""},
    {"evaluation/subject", "Larch  2020-9 | All | EN | HG",
     "Question Type: OQ; Evaluation Method: HE & CE; Numbers of Evaluation Categories/Subcategories: 4/57; "
     "Focus: Trees: of all kinds; Evaluation Category: Law, Other",
     ""},
    {"evaluation/evaluation", "M<sup>3</sup>  2023-2 | All | KO & RU | HG",
     "Size: ~127500 test instances (164 tasks)", "~127500 test instances (164 tasks)"},
    {"evaluation/other", "Nutmeg  2023-7 | All | AR & ES | CI", "Question Type: Multi; Size: 9 Games",
     "9 Games"},
    {"traditional/answer extraction", "Oak  2016-11 | EN | [Paper](https://o.org)",
     "Train/Dev/Test/All Size: 87599/10570/9533/107702; License: CC-BY-4.0", "107702 instances"},
    {"traditional/math", "Pine  2021-10 | EN", "Train/Dev/Test/All Size: 7.5K/-/1K/8.5K", "8.5K instances"},
    {"traditional/cloze test", "Quince  2017-5 | ZH", "Train/Dev/Test/All Size: 1200/-/34/-",
     "1234 instances"},
    {"traditional/named entities", "Rowan  2003-6 | EN & DE",
     "Train/Dev/Test/All Size: -/-/-/-; Number of Entity Categories: 4", ""},
    {"traditional/relation extraction", "Spruce  2018-X | EN", "Number of Relationship Categories: 42", ""},
    {"traditional/text-to-code", "Teak 2025-2 | [Paper](https://t.org)", "Publisher: T", ""}};

std::string published_list() {
  std::string text = "# A list\n## Table of Contents\n- **[Books](#books)**\n";
  std::map<std::string, const char*> parts = {{"pretraining", "Pre-training Corpora"},
                                              {"instruction", "Instruction Fine-tuning Datasets"},
                                              {"preference", "Preference Datasets"},
                                              {"evaluation", "Evaluation Datasets"},
                                              {"traditional", "Traditional NLP Datasets"}};
  for (const auto& [category, head, fields, size] : kHeads) {
    const std::string part = std::string(category).substr(0, std::string(category).find('/'));
    const auto leaf = std::find_if(taxonomy().begin(), taxonomy().end(), [&](const Leaf& l) {
      return absl::StrCat(l.part, "/", l.name) == category;
    });
    absl::StrAppend(&text, "## ", parts.at(part), "\nWords.\n```\n- Dataset name\n  - Size:\n```\n#### ",
                    leaf->heading, " <a id=\"x01\"></a>\n\n- **", head, "**\n");
    for (const absl::string_view field : absl::StrSplit(fields, "; "))
      absl::StrAppend(&text, "  - ", field, "\n");
  }
  return text;
}

// The head of a record in the list's form, without links.
std::string head_of(const Record& record) {
  std::string head = record["name"] + "  " + record["release"];
  for (const char* dimension : {"public", "language", "construction"}) {
    if (!record[dimension].empty())
      absl::StrAppend(&head, " | ", absl::StrReplaceAll(record[dimension], {{"&", " & "}, {"(", " ("}}));
  }
  return head;
}

TEST(PublishedList, HeadsAndFieldsAreReadAndWrittenBack) {
  const auto list = parse_catalogue(published_list(), "README.md");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_TRUE(list->notes.empty()) << list->notes[0];
  ASSERT_EQ(list->records.size(), std::size(kHeads));
  for (size_t i = 0; i < std::size(kHeads); ++i) {
    const auto& [category, head, fields, size] = kHeads[i];
    const Record& record = list->records[i];
    EXPECT_EQ(record["category"], category);
    EXPECT_EQ(record["size"], size);
    std::string expected = std::string(head).substr(0, std::string(head).find(" | ["));
    if (const size_t date = expected.find("  "); date == expected.npos)  // the list's other way to part them
      expected.insert(expected.substr(0, expected.find(" |")).rfind(' '), " ");
    EXPECT_EQ(head_of(record), expected);
  }
  const Record &birch = list->records[1], &larch = list->records[11];
  EXPECT_EQ(birch["name"], "Birch Text 2.0");
  EXPECT_EQ(birch["publisher"], "B et al.");
  EXPECT_FALSE(birch.fields.contains("license"));
  EXPECT_EQ(larch["focus"], "Trees: of all kinds");
  EXPECT_EQ(larch["category_counts"], "4/57");
  EXPECT_EQ(list->records[9]["preference_method"], "VO-H&SC-H");
  EXPECT_EQ(list->records[17]["entity_types"], "4");
  // As JSON lines they are the same records.
  const auto again = parse_catalogue(to_json_lines(list->records), "catalogue.jsonl");
  ASSERT_TRUE(again.ok()) << again.status();
  for (size_t i = 0; i < std::size(kHeads); ++i) EXPECT_EQ(again->records[i].fields, list->records[i].fields);
}

TEST(PublishedList, WhatHasNoCodeIsLeftOutAndNamed) {
  const std::string text =
      "## Evaluation Datasets\n### Law\n"
      "- **Ash  2024-4 | Partical | EN | HG | [Paper](x)**\n  - Size: 40K\n  - Colour: red\n"
      "- **Ash  2024-4 | All | EN | HG**\n"
      "- **Elk  - | All | EN | HG**\n"
      "- **Box  Release Time | All | XX | HG**\n  - Evaluation Method: CE & XE\n"
      "### Gardening\n- **Yew  2024-4 | All | EN | HG**\n  - Size: 4 files\n"
      "## Images\n- **Fig  2024-4 | [Paper](x)**\n";
  const auto list = parse_catalogue(text, "README.md");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(
      list->notes,
      (std::vector<std::string>{
          "Ash: 'Partical' in the head is no code", "Ash: size '40K' has no unit that is known",
          "Ash: a field 'colour'", "Ash: twice in evaluation/law", "Box: 'Release Time' is no date",
          "Box: 'XX' in the head is no code", "Box: evaluation_method 'CE&XE' is not a code of the survey",
          "Yew: below 'gardening', which is no leaf of the taxonomy",
          "1 data sets below other headings than the five parts"}));
  ASSERT_EQ(list->records.size(), 3u);
  EXPECT_EQ(list->records[0]["language"], "EN");
  EXPECT_EQ(list->records[1]["name"], "Elk");
  EXPECT_EQ(list->records[2]["construction"], "HG");
  EXPECT_FALSE(list->records[2].fields.contains("release"));
}

}  // namespace
}  // namespace roux::llm_datasets_survey
