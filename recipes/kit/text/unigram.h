// Unigram language models of SentencePiece as a tokenizer.json holds them (T5, XLM-R, ALBERT): the tokens of
// a piece are its most probable cut, found by Viterbi's algorithm. Scores add up in double precision and ties
// go to the earlier start, as in Hugging Face's library; libsentencepiece (sentencepiece_model.h) adds
// floats.
#ifndef ROUX_RECIPES_KIT_TEXT_UNIGRAM_H_
#define ROUX_RECIPES_KIT_TEXT_UNIGRAM_H_

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "recipes/kit/text/piece_model.h"

namespace roux::kit {

struct UnigramOptions {
  std::optional<int32_t> unknown;
  bool byte_fallback = false;  // unknown text becomes <0x00>..<0xFF> where those exist
};

class UnigramModel : public PieceModel {
 public:
  // tokens[id] with log probabilities scores[id]. Fails on sizes that differ, an empty token, a score that is
  // not finite, an unknown id outside of the vocabulary. Of equal tokens the last counts.
  static absl::StatusOr<std::shared_ptr<const UnigramModel>> build(std::vector<std::string> tokens,
                                                                   std::vector<double> scores,
                                                                   UnigramOptions options);

  int32_t vocab_size() const override { return static_cast<int32_t>(tokens_.size()); }
  // Neighbouring unknown characters become one token. The piece must be valid UTF-8.
  void encode(std::string_view piece, std::vector<Piece>* out) const override;
  std::string token(int32_t id) const override { return tokens_[id]; }
  std::string bytes(int32_t id) const override;
  std::optional<int32_t> id(std::string_view token) const override;
  bool takes_any_bytes() const override { return false; }

 private:
  struct Node {  // the best path to a position
    double score = 0;
    int32_t start = -1;
    int32_t id = -1;
  };
  UnigramModel() = default;
  // Calls visit(length, id) for every token at the start of text, shortest first.
  template <class Visit>
  void prefixes(std::string_view text, Visit visit) const;
  std::vector<Node> best_paths(std::string_view piece) const;
  void append(std::string_view piece, uint32_t begin, uint32_t end, std::vector<Piece>* out) const;

  std::vector<std::string> tokens_;
  std::vector<double> scores_;
  UnigramOptions options_;
  double unknown_score_ = 0;
  absl::flat_hash_map<std::string, int32_t> ids_;
  std::vector<int32_t> sorted_;  // one id for each distinct token, by the token's bytes
  std::array<uint32_t, 257> first_byte_ =
      {};  // sorted_[first_byte_[b], first_byte_[b + 1]) begin with byte b
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_UNIGRAM_H_
