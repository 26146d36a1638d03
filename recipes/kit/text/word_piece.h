// WordPiece (BERT): greedy longest match from the left inside each word.
#ifndef ROUX_RECIPES_KIT_TEXT_WORD_PIECE_H_
#define ROUX_RECIPES_KIT_TEXT_WORD_PIECE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "recipes/kit/text/piece_model.h"

namespace roux::kit {

struct WordPieceOptions {
  std::string unknown = "[UNK]";
  std::string prefix = "##";  // of tokens that continue a word
  int64_t max_chars = 100;    // longer words are unknown
};

class WordPieceModel : public PieceModel {
 public:
  // tokens[id]; "" = unused id. Fails on duplicates and on a missing unknown token.
  static absl::StatusOr<std::shared_ptr<const WordPieceModel>> build(std::vector<std::string> tokens,
                                                                     WordPieceOptions options);

  int32_t vocab_size() const override { return static_cast<int32_t>(tokens_.size()); }
  void encode(std::string_view piece, std::vector<Piece>* out) const override;
  std::string token(int32_t id) const override { return tokens_[id]; }
  std::string bytes(int32_t id) const override { return tokens_[id]; }
  std::optional<int32_t> id(std::string_view token) const override;
  bool takes_any_bytes() const override { return false; }

 private:
  WordPieceModel() = default;
  WordPieceOptions options_;
  std::vector<std::string> tokens_;
  absl::flat_hash_map<std::string, int32_t> ids_;
  int32_t unknown_ = 0;
  size_t longest_ = 0;  // bytes of the longest token, prefix included
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_WORD_PIECE_H_
