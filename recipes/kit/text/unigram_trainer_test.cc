#include "recipes/kit/text/unigram_trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_split.h"
#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/text/utf8.h"

namespace roux::kit {
namespace {

// The lines of tests/golden/text_models.py but for their white space.
std::vector<std::string> books() {
  std::vector<std::string> lines;
  for (const char* name : {"austen_emma.txt", "goethe_werther.txt", "web_luke_john.txt"}) {
    const std::string all = *read_text(*find_runfile(std::string("recipes/data/excerpts/") + name));
    size_t end = 0;
    for (int i = 0; i < 60000; ++i) end += static_cast<size_t>(decode_utf8(all, end).length);
    for (const absl::string_view line : absl::StrSplit(all.substr(0, end), '\n')) lines.emplace_back(line);
  }
  return lines;
}

TEST(UnigramTrainer, AgreesWithSentencePiece) {
  const auto golden =
      nlohmann::json::parse(*read_text(*find_runfile("tests/golden/text_models.json")))["unigram"];
  const auto pieces = golden["pieces"].get<std::vector<std::string>>();
  const auto scores = golden["scores"].get<std::vector<double>>();
  UnigramTrainer trainer;
  for (const std::string& line : books()) trainer.add(line);
  const auto trained = trainer.train({.vocab_size = static_cast<int64_t>(pieces.size())});
  ASSERT_TRUE(trained.ok()) << trained.status();
  ASSERT_EQ(trained->tokens.size(), pieces.size());
  std::map<std::string, double> theirs;
  for (size_t i = 0; i < pieces.size(); ++i) theirs[pieces[i]] = scores[i];
  int64_t shared = 0;
  double furthest = 0;
  for (size_t i = 3; i < pieces.size(); ++i) {
    const auto at = theirs.find(trained->tokens[i]);
    if (at == theirs.end()) continue;
    ++shared;
    furthest = std::max(furthest, std::fabs(at->second - trained->scores[i]));
  }
  const auto tokenizer = *unigram_tokenizer(*trained, "trained");
  double likelihood = 0;
  int64_t tokens = 0;
  for (const std::string& line : books()) {
    for (const int32_t id : tokenizer->encode(line).ids) {
      likelihood += trained->scores[static_cast<size_t>(id)];
      ++tokens;
    }
  }
  EXPECT_EQ(shared, static_cast<int64_t>(pieces.size()) - 3);
  EXPECT_LT(furthest, 1e-4);
  EXPECT_NEAR(likelihood / golden["log_likelihood"].get<double>(), 1, 1e-5);
  EXPECT_EQ(tokens, golden["tokens"].get<int64_t>());
}

TEST(UnigramTrainer, LearnsTheWordsThatATextIsMadeOf) {
  UnigramTrainer trainer;
  for (int i = 0; i < 40; ++i) trainer.add("walking  talking\twalked talked\nwalks talks walk talk");
  EXPECT_EQ(trainer.distinct_words(), 8);
  const auto trained = *trainer.train({.vocab_size = 17});  // two more than characters
  const auto tokenizer = *unigram_tokenizer(trained, "trained");
  EXPECT_EQ(tokenizer->vocab_size(), 17);
  for (const char* piece : {"\xE2\x96\x81walk", "\xE2\x96\x81talk"})
    EXPECT_TRUE(tokenizer->id(piece).has_value()) << piece;
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("walking  talks").ids), "walking talks");
  const auto unseen = tokenizer->encode("walqed").ids;
  EXPECT_EQ(std::count(unseen.begin(), unseen.end(), trained.unknown), 1);
  EXPECT_EQ(tokenizer->encode("<s>").ids, (std::vector<int32_t>{1}));
  // Each piece but the special ones has a log probability, in order.
  for (size_t i = 4; i < trained.scores.size(); ++i) EXPECT_LE(trained.scores[i], trained.scores[i - 1]);
  UnigramTrainer again;
  for (int i = 0; i < 40; ++i) again.add("talks walk talked walking walks walked talking talk");
  EXPECT_EQ(again.train({.vocab_size = 17})->scores, trained.scores) << "the order of words does not matter";
}

TEST(UnigramTrainer, RareCharactersAreUnknown) {
  UnigramTrainer trainer;
  for (int i = 0; i < 999; ++i) trainer.add("ab ba");
  trainer.add("q");
  EXPECT_FALSE((*unigram_tokenizer(*trainer.train({.vocab_size = 6}), "t"))->id("q").has_value());
  EXPECT_TRUE((*unigram_tokenizer(*trainer.train({.vocab_size = 7, .character_coverage = 1}), "t"))
                  ->id("q")
                  .has_value());
}

TEST(UnigramTrainer, RefusesWhatCannotBe) {
  const auto message = [](const UnigramTrainerOptions& options, const char* text = "ab ba abba") {
    UnigramTrainer trainer;
    trainer.add(text);
    const auto trained = trainer.train(options);
    return trained.ok() ? "ok" : std::string(trained.status().message());
  };
  EXPECT_EQ(message({.vocab_size = 8}, " \n"), "unigram_trainer: there is no text");
  EXPECT_EQ(message({.vocab_size = 5}),
            "unigram_trainer: vocab_size is 5, needed at least 3 special tokens and 3 characters");
  EXPECT_EQ(message({.vocab_size = 500}).find("unigram_trainer: vocab_size is 500, but the text has only "),
            0u);
  EXPECT_EQ(message({.character_coverage = 0}),
            "unigram_trainer: character_coverage is 0, needed above 0 and at most 1");
  EXPECT_EQ(message({.character_coverage = std::nan("")}),
            "unigram_trainer: character_coverage is nan, needed above 0 and at most 1");
  EXPECT_EQ(message({.shrinking_factor = 1}), "unigram_trainer: shrinking_factor is 1, needed inside (0, 1)");
  EXPECT_EQ(
      message({.max_piece_length = 0}),
      "unigram_trainer: max_piece_length is 0, num_sub_iterations 2, seed_size 1000000, needed 1 or more");
  EXPECT_EQ(message({.special_tokens = {"<unk>", "<unk>"}}),
            "unigram_trainer: special token \"<unk>\" is empty or comes twice");
  EXPECT_EQ(message({.special_tokens = {"<s>"}}),
            "unigram_trainer: the unknown token \"<unk>\" is no special token");
}

}  // namespace
}  // namespace roux::kit
