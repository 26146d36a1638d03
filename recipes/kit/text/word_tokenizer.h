// Word-level tokenizers made in a recipe: words are counted, the most frequent ones get ids, all others are
// the unknown token. They are saved as a tokenizer.json, which Hugging Face's library reads too, and loaded
// by load_tokenizer_json.
//
//   WordTokenizerTrainer trainer({.vocab_size = 1000, .lowercase = true});
//   for (const std::string& sentence : sentences) trainer.add(sentence);
//   ROUX_ASSIGN_OR_RETURN(const std::string json, trainer.tokenizer_json());
//   ROUX_ASSIGN_OR_RETURN(auto tokenizer, word_tokenizer(json, trainer.options().special, "words"));
//   tokenizer->decode(tokenizer->encode("the cat sat").ids);                               // "the cat sat"
//
// Tokens are decoded with a space between them.
#ifndef ROUX_RECIPES_KIT_TEXT_WORD_TOKENIZER_H_
#define ROUX_RECIPES_KIT_TEXT_WORD_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::kit {

struct WordTokenizerOptions {
  int64_t vocab_size = 10000;  // special tokens included; fewer where there are no more words
  int64_t min_frequency = 0;   // rarer words are unknown
  bool lowercase = false;
  // How a text is cut: runs of word characters and runs of other ones (\w+|[^\w\s]+), or at white space
  // alone.
  bool punctuation_apart = true;
  // Get the first ids in the order padding, unknown, bos, eos, without those that are empty; `unknown` is
  // needed. Then the further ones.
  SpecialNames special = {.bos = "<bos>", .eos = "<eos>", .unknown = "<unk>", .padding = "<pad>"};
  std::vector<std::string> more_special;
};

// Adding is not thread-safe.
class WordTokenizerTrainer {
 public:
  explicit WordTokenizerTrainer(WordTokenizerOptions options);
  // Counts the words of a text. Invalid bytes count as U+FFFD. Special tokens written in it are no words.
  void add(std::string_view text);
  // Words by frequency, equal ones by their bytes, behind the special tokens: the order of Hugging Face's
  // WordLevelTrainer. InvalidArgument where `unknown` is empty, a special token comes twice or is empty, or
  // the special tokens alone exceed vocab_size.
  absl::StatusOr<std::string> tokenizer_json() const;

  const WordTokenizerOptions& options() const { return options_; }
  int64_t distinct_words() const { return static_cast<int64_t>(counts_.size()); }

 private:
  WordTokenizerOptions options_;
  Normalizer normalizer_;
  PreTokenizer pre_tokenizer_;
  absl::flat_hash_map<std::string, int64_t> counts_;
};

// The tokenizer of that text, with the ids of its special tokens; `name` stands in messages.
absl::StatusOr<std::shared_ptr<const Tokenizer>> word_tokenizer(std::string_view json,
                                                                const SpecialNames& special,
                                                                const std::string& name);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_WORD_TOKENIZER_H_
