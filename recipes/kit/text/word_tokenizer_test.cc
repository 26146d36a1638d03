#include "recipes/kit/text/word_tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/text/tokenizer_json.h"
#include "recipes/kit/text/utf8.h"
#include "recipes/kit/text/word_level.h"

namespace roux::kit {
namespace {

using Ids = std::vector<int32_t>;

// The books of tests/golden/text_models.py; white space does not matter to words.
void add_books(WordTokenizerTrainer* trainer) {
  for (const char* name : {"austen_emma.txt", "goethe_werther.txt", "web_luke_john.txt"}) {
    const std::string all = *read_text(*find_runfile(std::string("recipes/data/excerpts/") + name));
    size_t end = 0;
    for (int i = 0; i < 60000; ++i) end += static_cast<size_t>(decode_utf8(all, end).length);
    trainer->add(std::string_view(all).substr(0, end));
  }
}

void expect_golden(const char* name, const WordTokenizerOptions& options) {
  const auto golden =
      nlohmann::json::parse(*read_text(*find_runfile("tests/golden/text_models.json")))["word_level"][name];
  WordTokenizerTrainer trainer(options);
  add_books(&trainer);
  const auto json = trainer.tokenizer_json();
  ASSERT_TRUE(json.ok()) << json.status();
  const auto tokenizer = *word_tokenizer(*json, options.special, name);
  ASSERT_EQ(tokenizer->vocab_size(), static_cast<int32_t>(golden["tokens"].size()));
  for (int32_t id = 0; id < tokenizer->vocab_size(); ++id)
    ASSERT_EQ(tokenizer->token(id), golden["tokens"][static_cast<size_t>(id)]) << id;
  ASSERT_GE(golden["samples"].size(), 10u);
  for (const auto& sample : golden["samples"]) {
    const Ids ids = tokenizer->encode(sample["text"].get<std::string>()).ids;
    EXPECT_EQ(ids, sample["ids"].get<Ids>()) << sample["text"];
    EXPECT_EQ(tokenizer->decode(ids), sample["decoded"].get<std::string>()) << sample["text"];
  }
}

TEST(WordTokenizer, EqualsTheReference) {
  expect_golden("words", {.vocab_size = 300});
  expect_golden("lowercase",
                {.vocab_size = 10000, .min_frequency = 30, .lowercase = true, .punctuation_apart = false});
}

TEST(WordTokenizer, KnowsItsSpecialTokensAndUnknownWords) {
  const WordTokenizerOptions options = {.more_special = {"<sep>"}};
  WordTokenizerTrainer trainer(options);
  trainer.add("the cat and the dog, \xFF");
  EXPECT_EQ(trainer.distinct_words(), 6);
  const auto tokenizer = *word_tokenizer(*trainer.tokenizer_json(), options.special, "words");
  EXPECT_EQ(tokenizer->special().padding, 0);
  EXPECT_EQ(tokenizer->special().unknown, 1);
  EXPECT_EQ(tokenizer->special().bos, 2);
  EXPECT_EQ(tokenizer->special().eos, 3);
  EXPECT_EQ(tokenizer->id("<sep>"), 4);
  EXPECT_EQ(tokenizer->token(5), "the");
  EncodeOptions offsets;
  offsets.offsets = true;
  const Encoding encoded = tokenizer->encode("the bird<sep>the dog", offsets);
  EXPECT_EQ(encoded.ids, (Ids{5, 1, 4, 5, *tokenizer->id("dog")}));
  EXPECT_EQ(encoded.offsets[1].begin, 4u);
  EXPECT_EQ(encoded.offsets[1].end, 8u);
  EXPECT_EQ(tokenizer->decode(encoded.ids, /*skip_special=*/true), "the the dog");
  EXPECT_EQ(tokenizer->decode({}), "");
  // Written by a user, the mark is text.
  const Span user{0, 5};
  const Ids literal = tokenizer->encode("<sep>", {.literal_ranges = {&user, 1}}).ids;
  EXPECT_EQ(std::count(literal.begin(), literal.end(), 4), 0);
}

TEST(WordTokenizer, RefusesSpecialTokensThatContradict) {
  const auto message = [](const WordTokenizerOptions& options) {
    WordTokenizerTrainer trainer(options);
    trainer.add("a b");
    const auto json = trainer.tokenizer_json();
    return json.ok() ? "ok" : std::string(json.status().message());
  };
  EXPECT_EQ(message({.special = {}}), "word_tokenizer: there is no unknown token");
  EXPECT_EQ(message({.more_special = {"<bos>"}}),
            "word_tokenizer: special token \"<bos>\" is empty or comes twice");
  EXPECT_EQ(message({.more_special = {""}}), "word_tokenizer: special token \"\" is empty or comes twice");
  EXPECT_EQ(message({.vocab_size = 3}), "word_tokenizer: vocab_size is 3, but there are 4 special tokens");
  EXPECT_EQ(message({.vocab_size = 4}), "ok");
  EXPECT_FALSE(word_tokenizer("{", {}, "damaged").ok());
  EXPECT_FALSE(WordLevelModel::build({"a", "a"}, "a").ok());
}

}  // namespace
}  // namespace roux::kit
