// Word-level models as a tokenizer.json holds them: each piece is one token, or the unknown one.
#ifndef ROUX_RECIPES_KIT_TEXT_WORD_LEVEL_H_
#define ROUX_RECIPES_KIT_TEXT_WORD_LEVEL_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "recipes/kit/text/piece_model.h"

namespace roux::kit {

class WordLevelModel : public PieceModel {
 public:
  // tokens[id]; "" = unused id. Fails on duplicates and where `unknown` is no token.
  static absl::StatusOr<std::shared_ptr<const WordLevelModel>> build(std::vector<std::string> tokens,
                                                                     const std::string& unknown);

  int32_t vocab_size() const override { return static_cast<int32_t>(tokens_.size()); }
  void encode(std::string_view piece, std::vector<Piece>* out) const override;
  std::string token(int32_t id) const override { return tokens_[id]; }
  std::string bytes(int32_t id) const override { return tokens_[id]; }
  std::optional<int32_t> id(std::string_view token) const override;
  bool takes_any_bytes() const override { return false; }

 private:
  WordLevelModel() = default;
  std::vector<std::string> tokens_;
  absl::flat_hash_map<std::string, int32_t> ids_;
  int32_t unknown_ = 0;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_WORD_LEVEL_H_
