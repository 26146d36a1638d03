#include "recipes/kit/text/word_level.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace roux::kit {

absl::StatusOr<std::shared_ptr<const WordLevelModel>> WordLevelModel::build(std::vector<std::string> tokens,
                                                                            const std::string& unknown) {
  std::shared_ptr<WordLevelModel> model(new WordLevelModel);
  model->tokens_ = std::move(tokens);
  for (size_t i = 0; i < model->tokens_.size(); ++i) {
    const std::string& token = model->tokens_[i];
    if (token.empty()) continue;
    if (const auto [at, fresh] = model->ids_.emplace(token, static_cast<int32_t>(i)); !fresh) {
      return absl::InvalidArgumentError(
          absl::StrCat("word_level: tokens ", at->second, " and ", i, " are both \"", token, "\""));
    }
  }
  const std::optional<int32_t> id = model->id(unknown);
  if (!id) {
    return absl::InvalidArgumentError(
        absl::StrCat("word_level: the unknown token \"", unknown, "\" is not in the vocabulary"));
  }
  model->unknown_ = *id;
  return std::shared_ptr<const WordLevelModel>(std::move(model));
}

std::optional<int32_t> WordLevelModel::id(std::string_view token) const {
  const auto at = ids_.find(absl::string_view(token.data(), token.size()));
  if (at == ids_.end()) return std::nullopt;
  return at->second;
}

void WordLevelModel::encode(std::string_view piece, std::vector<Piece>* out) const {
  if (piece.empty()) return;
  out->push_back({id(piece).value_or(unknown_), 0, static_cast<uint32_t>(piece.size())});
}

}  // namespace roux::kit
