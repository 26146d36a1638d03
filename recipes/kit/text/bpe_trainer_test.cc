#include "recipes/kit/text/bpe_trainer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/text/tokenizer_json.h"
#include "recipes/kit/text/utf8.h"
#include "tests/golden/text_strings.h"

namespace roux::kit {
namespace {

// training_text() of tests/golden/make_tokenizer_golden.py.
std::vector<std::string> golden_corpus() {
  std::string text;
  for (const char* name : {"austen_emma.txt", "goethe_werther.txt", "web_luke_john.txt"}) {
    const std::string all = *read_text(*find_runfile(std::string("recipes/data/excerpts/") + name));
    size_t end = 0;
    for (int i = 0; i < 60000 && end < all.size(); ++i) end += decode_utf8(all, end).length;
    text += (text.empty() ? "" : "\n") + all.substr(0, end);
  }
  std::vector<std::string> documents;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    documents.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  for (uint64_t i = 0; i < 300; ++i) documents.push_back(golden::make_string(20000 + i));
  return documents;
}

TEST(BpeTrainer, EqualsTheReference) {
  BpeTrainer trainer(*pattern_pre_tokenizer({kGpt2Pattern}));
  for (const std::string& document : golden_corpus()) trainer.add(document);
  BpeTrainerOptions options;
  options.vocab_size = 700;
  options.special_tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  const auto trained = trainer.train(options);
  ASSERT_TRUE(trained.ok()) << trained.status();
  const auto golden =
      nlohmann::json::parse(*read_text(*find_runfile("tests/golden/tokenizers/tiny_gpt2.json")))["model"];
  ASSERT_EQ(trained->tokens.size(), golden["vocab"].size());
  for (size_t i = 0; i < trained->tokens.size(); ++i) ASSERT_EQ(golden["vocab"][trained->tokens[i]], i);
  ASSERT_EQ(trained->merges.size(), golden["merges"].size());
  for (size_t i = 0; i < trained->merges.size(); ++i) {
    ASSERT_EQ(trained->merges[i].first, golden["merges"][i][0]) << i;
    ASSERT_EQ(trained->merges[i].second, golden["merges"][i][1]) << i;
  }
}

TEST(BpeTrainer, TiesGoToTheSmallerPair) {
  BpeTrainer trainer((PreTokenizer()));
  trainer.add("cd");
  trainer.add("ab");
  const auto trained = trainer.train({.vocab_size = 5, .full_alphabet = false});
  ASSERT_TRUE(trained.ok());
  EXPECT_EQ(trained->tokens, (std::vector<std::string>{"a", "b", "c", "d", "ab"}));
}

TEST(BpeTrainer, StopsWithoutPairsAndAtTheMinimumFrequency) {
  BpeTrainer trainer((PreTokenizer()));
  trainer.add("aaaa");
  trainer.add("bc");
  EXPECT_EQ(trainer.train({.vocab_size = 1000, .full_alphabet = false})->tokens.size(), 6u);
  EXPECT_EQ(trainer.train({.vocab_size = 1000, .min_frequency = 2, .full_alphabet = false})->tokens.size(),
            4u);
  EXPECT_FALSE(trainer.train({.vocab_size = 255}).ok());
  EXPECT_FALSE(trainer.train({.special_tokens = {"x", "x"}}).ok());
}

TEST(BpeTrainer, SavedFileGivesTheSameTokenizer) {
  BpeTrainer trainer(*pattern_pre_tokenizer({kGpt2Pattern}));
  trainer.add("low lower lowest newer newest wider <|end|> \"quoted\" \\");
  const auto trained = trainer.train({.vocab_size = 300, .special_tokens = {"<|end|>"}});
  const auto direct = byte_level_tokenizer(*trained, {kGpt2Pattern}, "direct");
  const auto loaded = parse_tokenizer_json(trained_tokenizer_json(*trained, {kGpt2Pattern}), "saved");
  ASSERT_TRUE(direct.ok() && loaded.ok()) << direct.status() << loaded.status();
  for (uint64_t i = 0; i < 500; ++i) {
    const std::string text = golden::make_string(i) + " lowest<|end|>";
    ASSERT_EQ((*direct)->encode(text).ids, (*loaded)->encode(text).ids);
    ASSERT_EQ((*direct)->decode((*direct)->encode(text).ids), text);
  }
}

}  // namespace
}  // namespace roux::kit
