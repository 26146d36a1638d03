#include "recipes/kit/text/word_piece.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/utf8.h"

namespace roux::kit {

absl::StatusOr<std::shared_ptr<const WordPieceModel>> WordPieceModel::build(std::vector<std::string> tokens,
                                                                            WordPieceOptions options) {
  std::shared_ptr<WordPieceModel> model(new WordPieceModel);
  model->options_ = std::move(options);
  model->tokens_ = std::move(tokens);
  for (size_t i = 0; i < model->tokens_.size(); ++i) {
    const std::string& token = model->tokens_[i];
    if (token.empty()) continue;
    model->longest_ = std::max(model->longest_, token.size());
    if (const auto [at, fresh] = model->ids_.emplace(token, static_cast<int32_t>(i)); !fresh) {
      return absl::InvalidArgumentError(
          absl::StrCat("word_piece: tokens ", at->second, " and ", i, " are both \"", token, "\""));
    }
  }
  const std::optional<int32_t> unknown = model->id(model->options_.unknown);
  if (!unknown) {
    return absl::InvalidArgumentError(absl::StrCat("word_piece: the unknown token \"",
                                                   model->options_.unknown, "\" is not in the vocabulary"));
  }
  model->unknown_ = *unknown;
  return std::shared_ptr<const WordPieceModel>(std::move(model));
}

std::optional<int32_t> WordPieceModel::id(std::string_view token) const {
  const auto at = ids_.find(absl::string_view(token.data(), token.size()));
  if (at == ids_.end()) return std::nullopt;
  return at->second;
}

void WordPieceModel::encode(std::string_view piece, std::vector<Piece>* out) const {
  if (piece.empty()) return;
  const auto size = static_cast<uint32_t>(piece.size());
  const size_t first = out->size();
  if (static_cast<int64_t>(count_chars(piece)) > options_.max_chars) {
    out->push_back({unknown_, 0, size});
    return;
  }
  std::string key;
  for (uint32_t begin = 0; begin < size;) {
    key = begin > 0 ? options_.prefix : "";
    const size_t prefix = key.size();
    key.append(piece.substr(begin, longest_ > prefix ? longest_ - prefix : 0));
    std::optional<int32_t> found;
    for (; key.size() > prefix; key.pop_back()) {
      if ((found = id(key))) break;
    }
    if (!found) {  // one unknown part makes the whole word unknown
      out->resize(first);
      out->push_back({unknown_, 0, size});
      return;
    }
    const auto length = static_cast<uint32_t>(key.size() - prefix);
    out->push_back({*found, begin, begin + length});
    begin += length;
  }
}

}  // namespace roux::kit
