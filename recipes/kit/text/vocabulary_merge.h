// Growing the vocabulary of a byte-level tokenizer by that of another one, as vocabulary expansion for new
// languages does: ids of the base stay, new tokens follow, and the base's merges keep their priority.
#ifndef ROUX_RECIPES_KIT_TEXT_VOCABULARY_MERGE_H_
#define ROUX_RECIPES_KIT_TEXT_VOCABULARY_MERGE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/text/bpe_trainer.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::kit {

struct MergedVocabulary {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::vector<std::string> new_tokens;  // as the vocabulary writes them; ids from the base's vocab_size() on
  // For each new token the base's ids of its bytes: what a mean initialisation of its embedding averages.
  std::vector<std::vector<int32_t>> parts;
};

// Adds up to `limit` (-1: all) tokens of `extra` that the base lacks, the earliest learned first, with the
// merges that lead to them. Fails if the base is not byte-level BPE; merge_sentencepiece grows SentencePiece
// BPE.
absl::StatusOr<MergedVocabulary> merge_vocabulary(const Tokenizer& base, const TrainedBpe& extra,
                                                  int64_t limit = -1);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_VOCABULARY_MERGE_H_
