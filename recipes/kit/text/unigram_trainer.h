// Training of unigram vocabularies as SentencePiece does it [Kudo 2018]: frequent parts of words as a seed,
// then by turns EM for the probabilities of the pieces and removal of those whose loss costs the likelihood
// least, down to the size asked for.
//
//   UnigramTrainer trainer;
//   for (const std::string& line : lines) trainer.add(line);
//   ROUX_ASSIGN_OR_RETURN(const TrainedUnigram trained, trainer.train({.vocab_size = 3000}));
//   ROUX_ASSIGN_OR_RETURN(auto tokenizer, unigram_tokenizer(trained, "trained here"));
//
// Words are what stands between white space; each gets a "▁" in front and is cut alone. Nothing else is
// normalised: give the text in the form that will be encoded. The pieces are those of spm_train 0.1.99 with
// --normalization_rule_name=identity --split_by_unicode_script=false --split_by_number=false on the same
// lines, but for ties: its sums are in f32.
#ifndef ROUX_RECIPES_KIT_TEXT_UNIGRAM_TRAINER_H_
#define ROUX_RECIPES_KIT_TEXT_UNIGRAM_TRAINER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::kit {

// Names and defaults are SentencePiece's.
struct UnigramTrainerOptions {
  int64_t vocab_size = 8000;           // special tokens included
  double character_coverage = 0.9995;  // of the characters by occurrence; rarer ones are unknown. (0, 1]
  int64_t max_piece_length = 16;       // characters, "▁" included
  int64_t seed_size = 1000000;
  double shrinking_factor = 0.75;  // of the pieces that a round of removal leaves; inside (0, 1)
  int64_t num_sub_iterations = 2;  // of EM between two rounds
  // Get the first ids; `unknown` is one of them. Written in a text they are found as added tokens.
  std::vector<std::string> special_tokens = {"<unk>", "<s>", "</s>"};
  std::string unknown = "<unk>";
};

struct TrainedUnigram {
  std::vector<std::string> tokens;  // by id: the special tokens, then pieces by score, equal ones by bytes
  std::vector<double> scores;       // log probabilities; 0 for special tokens
  std::vector<std::string> special_tokens;
  int32_t unknown = 0;
};

// Adding is not thread-safe.
class UnigramTrainer {
 public:
  // Counts the words of a text, for spm_train a line. Invalid bytes count as U+FFFD.
  void add(std::string_view text);
  // A pure function of the words and their counts. InvalidArgument for options out of range, for special
  // tokens that are empty, come twice or lack `unknown`, for a vocab_size without room for every character
  // that is covered, and where the text has not so many pieces.
  absl::StatusOr<TrainedUnigram> train(const UnigramTrainerOptions& options) const;

  int64_t distinct_words() const { return static_cast<int64_t>(counts_.size()); }

 private:
  struct Count {
    int64_t all = 0, last = 0;  // last: ended its text
  };
  absl::flat_hash_map<std::string, Count> counts_;  // of words with their "▁"
};

// The tokenizer: texts are cut at white space and at "▁".
absl::StatusOr<std::shared_ptr<const Tokenizer>> unigram_tokenizer(const TrainedUnigram& trained,
                                                                   const std::string& name);
// The same as the text of a tokenizer.json that Hugging Face's library reads.
std::string trained_unigram_json(const TrainedUnigram& trained);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_UNIGRAM_TRAINER_H_
