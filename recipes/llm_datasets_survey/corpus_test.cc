#include "recipes/llm_datasets_survey/corpus.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "recipes/kit/data/corpus.h"
#include "recipes/kit/eval/ranking.h"
#include "tensor/fresh_directory.h"
#include "tensor/io/json_value.h"

namespace roux::llm_datasets_survey {
namespace {

std::vector<std::string> prose() {
  return documents_of(kit::read_excerpt("austen_emma")->substr(0, 60000), 400);
}

TEST(Documents, AreWholeParagraphs) {
  EXPECT_EQ(documents_of("a\n\nb c\n\n\n\ndddd\n\ne", 4), (std::vector<std::string>{"a\nb c", "dddd", "e"}));
  EXPECT_EQ(documents_of("a list\nof five\nlines\n\nb", 5),
            (std::vector<std::string>{"a list", "of five", "lines", "b"}));
  EXPECT_TRUE(documents_of("\n\n \n\n", 4).empty());
}

TEST(Plant, EverythingIsWhatItSaysItIs) {
  const std::vector<std::string> clean = prose();
  const PlantedCorpus corpus = plant(clean, {.seed = 3});
  int64_t canaries = 0, kept = 0;
  for (const Document& document : corpus.documents) {
    if (document.kind == Kind::kCopy) {
      const Document& origin = corpus.documents[static_cast<size_t>(document.origin)];
      EXPECT_EQ(origin.kind, Kind::kClean);
      if (document.edits == 0 || document.edits >= 0.2) {  // in between all words may stay by chance
        EXPECT_EQ(document.edits == 0, normalised(origin.text) == normalised(document.text));
      }
    }
    canaries += document.kind == Kind::kCanary, kept += document.kind == Kind::kClean;
  }
  EXPECT_EQ(kept, static_cast<int64_t>(clean.size()));
  EXPECT_EQ(canaries, 4 * (1 + 16 + 64));
  EXPECT_EQ(plant(clean, {.seed = 3}).texts(), corpus.texts());
  EXPECT_NE(plant(clean, {.seed = 4}).texts(), corpus.texts());
}

TEST(Process, TheStagesRemoveWhatTheyAreFor) {
  const std::vector<std::string> clean = prose();
  const PlantedCorpus corpus = plant(clean, {});
  const LetterPairs pairs(kit::read_excerpt("web_luke_john")->substr(0, 60000));
  double kept_clean = 0, kept_noise = 0, noise = 0;
  for (const Document& document : corpus.documents) {
    const bool kept = drop_reason(document.text, {}, &pairs).empty();
    if (document.kind == Kind::kClean) kept_clean += kept;
    if (document.kind == Kind::kGibberish || document.kind == Kind::kBoilerplate) ++noise, kept_noise += kept;
  }
  EXPECT_GT(kept_clean / static_cast<double>(clean.size()), 0.97);
  EXPECT_LT(kept_noise / noise, 0.05);
  kit::Funnel funnel;
  const auto both = process(corpus.texts(), {true, true}, pairs, funnel);
  EXPECT_EQ(funnel["documents out"], static_cast<int64_t>(both.size()));
  int64_t dropped = 0;
  for (const std::string& reason : funnel.reasons) {
    if (!reason.starts_with("documents") && !reason.starts_with("bytes")) dropped += funnel[reason];
  }
  EXPECT_EQ(funnel["documents in"], dropped + funnel["documents out"]);
  kit::Funnel none;
  EXPECT_EQ(process(corpus.texts(), {}, pairs, none), corpus.texts());
  const Clusters exact = exact_duplicates(corpus.texts());
  for (size_t i = 0; i < exact.size(); ++i) {
    const Document& document = corpus.documents[i];
    if (document.kind == Kind::kCopy && document.edits == 0) {
      EXPECT_EQ(exact[i], exact[static_cast<size_t>(document.origin)]);
    }
  }
  size_t bytes = 0;
  for (const std::string& text : random_share(corpus.texts(), 20000, 1)) bytes += text.size();
  EXPECT_NEAR(static_cast<double>(bytes), 20000, 3000);
}

TEST(Duplicates, CopiesAreFoundAsTheCurveSays) {
  const std::vector<std::string> clean = prose();
  const Copies same = find_copies(clean, 0, 1, kPipelineBands);
  EXPECT_EQ(std::accumulate(same.found.begin(), same.found.end(), 0.0), static_cast<double>(clean.size()));
  const Copies edited = find_copies(clean, 0.1, 8, kPipelineBands);
  double found = 0, expected = 0, variance = 0;
  for (size_t i = 0; i < edited.found.size(); ++i) {
    found += edited.found[i], expected += edited.expected[i];
    variance += edited.expected[i] * (1 - edited.expected[i]);
  }
  EXPECT_NEAR(found, expected, 4 * std::sqrt(variance) + 0.01 * expected);
}

TEST(Leaks, AreFoundWhereARunOfWordsIsLeft) {
  const std::vector<std::string> clean = prose();
  const std::vector<std::string> items = {"a1 a2 a3 a4 a5 a6 a7 a8",
                                          "b1 b2 b3 b4 b5 b6 b7 b8 b9 b10 b11 b12 b13 b14 b15 b16 b17",
                                          "too short to count"};
  EXPECT_EQ(find_leaks(clean, items, 0, 8), (std::vector<bool>{true, true}));
  EXPECT_EQ(find_leaks(clean, items, 1, 8), (std::vector<bool>{false, true}));  // one side of it has 8 words
  EXPECT_EQ(find_leaks(clean, items, 17, 8), (std::vector<bool>{false, false}));
}

TEST(Duplicates, RemovalsAreRightOrWrong) {
  PlantedCorpus corpus;
  corpus.documents = {{"a"}, {"b", Kind::kCopy, 0}, {"c"}, {"d", Kind::kCopy, 0}, {"d", Kind::kCopy, 0}};
  EXPECT_EQ(removals(corpus, {0, 0, 0, 0, 0}, {0, 1, 2, 3, 3}), (std::vector<double>{1, 0, 1}));
  EXPECT_EQ(removals(corpus, {0, 1, 2, 1, 1}, {0, 1, 2, 3, 3}), (std::vector<double>{1}));
}

TEST(Quality, ReferenceTextOfAnotherBookScoresAboveNoise) {
  const std::vector<std::string> clean = prose();
  stats::RandomStream random(5);
  std::vector<std::string> raw,
      unseen = documents_of(kit::read_excerpt("web_luke_john")->substr(0, 20000), 400);
  std::vector<int64_t> labels(unseen.size(), 1);
  for (const std::string& document : clean) raw.push_back(gibberish_of(document, random));
  for (int i = 0; i < 30; ++i)
    unseen.push_back(gibberish_of(unseen[static_cast<size_t>(i)], random)), labels.push_back(0);
  EXPECT_GT(kit::roc_auc(labels, QualityClassifier(clean, raw)(unseen)), 0.95);
}

TEST(Table, OfASmallCorpus) {
  const std::string folder = fresh_directory();
  std::ofstream(folder + "/c.jsonl") << "{\"id\": \"a\", \"text\": \"One two three four five six\"}\n"
                                     << "{\"text\": \"one two  three four FIVE six\"}\n"
                                     << "{\"id\": \"c\", \"text\": "
                                     << "\"* home\\n* about us\\n* a@b.org is ours\"}\n";
  const auto documents = read_documents(folder + "/c.jsonl");
  ASSERT_TRUE(documents.ok()) << documents.status();
  EXPECT_EQ(documents->ids, (std::vector<std::string>{"a", "2", "c"}));
  const auto table = parse_json_value(table_json(*documents, prose()), "table");
  ASSERT_TRUE(table.ok()) << table.status();
  const JsonValue& statistics = *table->find("statistics");
  EXPECT_EQ(statistics.find("documents")->integer(), 3);
  EXPECT_EQ(statistics.find("words")->integer(), 6 + 6 + 9);
  EXPECT_EQ(statistics.find("without_exact_duplicates")->integer(), 2);
  EXPECT_EQ(statistics.find("with_personal_data")->integer(), 1);
  EXPECT_EQ(table->find("duplicates")->find("exact")->items()[0].items()[1].string(), "2");
  EXPECT_EQ(table->find("dropped")->find("bullet lines")->integer(), 1);
  std::ofstream(folder + "/bad.jsonl") << "{\"txt\": \"a\"}\n";
  std::ofstream(folder + "/one.txt") << "one document\n";
  std::ofstream(folder + "/type.jsonl") << "{\"text\": 5}\n";
  for (const auto& [file, error] : {std::pair{"bad.jsonl", "line 1"}, std::pair{"one.txt", "not 1"},
                                    std::pair{"type.jsonl", "text"}, std::pair{"none.txt", "none.txt"}}) {
    const auto read = read_documents(absl::StrCat(folder, "/", file));
    EXPECT_NE(std::string(read.status().message()).find(error), std::string::npos) << file << read.status();
  }
}

}  // namespace
}  // namespace roux::llm_datasets_survey
