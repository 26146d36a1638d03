// Training of byte-level BPE vocabularies, with the same tokens and merges as Hugging Face's BpeTrainer on
// the same text.
//
//   BpeTrainer trainer(pre_tokenizer);
//   for (const std::string& document : documents) trainer.add(document);
//   ROUX_ASSIGN_OR_RETURN(TrainedBpe trained, trainer.train({.vocab_size = 8192}));
//   ROUX_ASSIGN_OR_RETURN(auto tokenizer, byte_level_tokenizer(trained, {kGpt2Pattern}, "trained here"));
#ifndef ROUX_RECIPES_KIT_TEXT_BPE_TRAINER_H_
#define ROUX_RECIPES_KIT_TEXT_BPE_TRAINER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::kit {

struct BpeTrainerOptions {
  int32_t vocab_size = 8192;                // special tokens and the alphabet included
  int64_t min_frequency = 0;                // pairs that occur less often are not merged
  bool full_alphabet = true;                // all 256 bytes, or only those that occur
  std::vector<std::string> special_tokens;  // get the first ids
};

struct TrainedBpe {
  std::vector<std::string> tokens;  // by id, in GPT-2's byte alphabet; the special tokens first, as they are
  std::vector<std::pair<std::string, std::string>> merges;
  std::vector<std::string> special_tokens;
};

class BpeTrainer {
 public:
  explicit BpeTrainer(PreTokenizer pre_tokenizer) : pre_tokenizer_(std::move(pre_tokenizer)) {}
  // Counts the pieces of a text. Invalid bytes count as U+FFFD.
  void add(std::string_view text);
  // Learns merges until vocab_size or until no pair is left. Ties go to the pair with the smaller ids. Fails
  // if special tokens and alphabet alone exceed vocab_size, or a special token comes twice or is empty.
  absl::StatusOr<TrainedBpe> train(const BpeTrainerOptions& options) const;

  size_t distinct_pieces() const { return counts_.size(); }

 private:
  PreTokenizer pre_tokenizer_;
  absl::flat_hash_map<std::string, int64_t> counts_;
};

// The patterns' pre-tokenizer, as pre_tokenizer_patterns gives them. Fails on an invalid pattern.
absl::StatusOr<PreTokenizer> pattern_pre_tokenizer(const std::vector<std::string>& patterns);

// A tokenizer from what was trained. The same patterns must have been used for training.
absl::StatusOr<std::shared_ptr<const Tokenizer>> byte_level_tokenizer(
    const TrainedBpe& trained, const std::vector<std::string>& patterns, const std::string& name);

// The same as the text of a tokenizer.json that Hugging Face's library reads.
std::string trained_tokenizer_json(const TrainedBpe& trained, const std::vector<std::string>& patterns);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_BPE_TRAINER_H_
