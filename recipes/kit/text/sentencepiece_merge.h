// Growing a SentencePiece BPE model (Llama 2's, Mistral v1's) by the pieces of another one that it lacks, as
// Chinese-LLaMA's tokenizer is made: ids of the base stay, new pieces follow. The byte-level counterpart is
// merge_vocabulary.
//
//   ROUX_ASSIGN_OR_RETURN(std::string base, read_text("llama2/tokenizer.model"));
//   ROUX_ASSIGN_OR_RETURN(std::string extra, read_text("chinese.model"));
//   ROUX_ASSIGN_OR_RETURN(auto merged, merge_sentencepiece({"llama2", base}, {"chinese", extra}));
//   // merged.model is a .model file; merged.vocabulary as merge_vocabulary gives it
#ifndef ROUX_RECIPES_KIT_TEXT_SENTENCEPIECE_MERGE_H_
#define ROUX_RECIPES_KIT_TEXT_SENTENCEPIECE_MERGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/text/sentencepiece_model.h"
#include "recipes/kit/text/vocabulary_merge.h"

namespace roux::kit {

struct SentencepieceFile {
  std::string name;   // for messages
  std::string bytes;  // of a .model file
};

// The score of a new piece says when pairs are merged into it: the highest first.
enum class NewPieceScores {
  kZero,    // Chinese-LLaMA's: before all merges of the base, among themselves from left to right
  kBehind,  // after all of them, among themselves in the order of the extra model's scores
};

struct SentencepieceMergeOptions {
  NewPieceScores scores = NewPieceScores::kZero;
  int64_t limit = -1;              // new pieces at most, the first of the extra model; -1: all
  SentencepieceOptions tokenizer;  // of the grown tokenizer
};

struct MergedSentencepiece {
  // tokenizer, new_tokens [new] and parts [new], the piece's ids in the base; a character that the base can't
  // spell is its unknown token.
  MergedVocabulary vocabulary;
  std::vector<int32_t> extra_ids;  // [pieces of extra]: id in the grown model, kept or new; -1: left out
  // New ids that not even their own text becomes, as no chain of pairs leads there: 345 of the 17,187 that
  // Mistral v1 gains from Chinese-LLaMA's unigram model. Their embeddings are never trained.
  std::vector<int32_t> unreachable;
  std::string model;  // the grown .model file
};

// Adds the normal and user-defined pieces of `extra` whose text no piece of `base` has, in their order and
// with their type; other types only where the base has the text. Normalisation, space in front, byte fallback
// and special ids stay the base's. InvalidArgument names the file: damage, a base that is not BPE (a unigram
// model's scores are probabilities, which a union would have to estimate anew), a score that is not finite.
// Source: the merge script of https://github.com/ymcui/Chinese-LLaMA-Alpaca (arXiv 2304.08177), which makes
// normal pieces of all types.
absl::StatusOr<MergedSentencepiece> merge_sentencepiece(const SentencepieceFile& base,
                                                        const SentencepieceFile& extra,
                                                        const SentencepieceMergeOptions& options = {});

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_SENTENCEPIECE_MERGE_H_
