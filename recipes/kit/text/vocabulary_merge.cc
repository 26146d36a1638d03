#include "recipes/kit/text/vocabulary_merge.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/text/bpe.h"
#include "tensor/error.h"

namespace roux::kit {

absl::StatusOr<MergedVocabulary> merge_vocabulary(const Tokenizer& base, const TrainedBpe& extra,
                                                  int64_t limit) {
  const auto* model = dynamic_cast<const BpeModel*>(&base.model());
  if (model == nullptr || !model->options().byte_level) {
    return absl::InvalidArgumentError(absl::StrCat(
        base.name(),
        ": only byte-level BPE vocabularies can be merged (SentencePiece: merge_sentencepiece)"));
  }
  // Slots of added tokens stay empty in the model, as before.
  std::vector<std::string> tokens(base.vocab_size());
  absl::flat_hash_map<std::string, int32_t> known;
  for (int32_t id = 0; id < model->vocab_size(); ++id) {
    tokens[id] = model->token(id);
    if (!tokens[id].empty()) known.emplace(tokens[id], id);
  }
  std::vector<BpeMerge> merges = model->merges();
  absl::flat_hash_set<std::pair<int32_t, int32_t>> known_merges;
  int32_t rank = 0;  // of the next new merge
  for (const BpeMerge& merge : merges) {
    known_merges.insert({merge.left, merge.right});
    rank = merge.rank + 1;
  }
  MergedVocabulary merged;
  // Merges of the extra vocabulary in the order they were learned: a token is taken once both halves are
  // there.
  for (const auto& [left_token, right_token] : extra.merges) {
    const auto left = known.find(left_token), right = known.find(right_token);
    if (left == known.end() || right == known.end()) continue;
    const std::pair<int32_t, int32_t> pair(left->second, right->second);
    if (known_merges.contains(pair)) continue;
    std::string token = left_token + right_token;
    auto at = known.find(token);
    if (at == known.end()) {
      const std::optional<std::string> bytes = byte_level_from_text(token);
      if (!bytes || (limit >= 0 && static_cast<int64_t>(merged.new_tokens.size()) >= limit)) continue;
      at = known.emplace(token, static_cast<int32_t>(tokens.size())).first;
      tokens.push_back(token);
      // By the model alone: no prefix, no normalisation, no added token may come between.
      std::vector<Piece> pieces;
      model->encode(*bytes, &pieces);
      merged.parts.emplace_back();
      for (const Piece& piece : pieces) merged.parts.back().push_back(piece.id);
      merged.new_tokens.push_back(std::move(token));
    }
    known_merges.insert(pair);
    merges.push_back({pair.first, pair.second, at->second, rank++});
  }
  ROUX_ASSIGN_OR_RETURN(auto grown,
                        BpeModel::from_ranked_merges(std::move(tokens), merges, model->options()));
  ROUX_ASSIGN_OR_RETURN(merged.tokenizer, base.with_model(std::move(grown)));
  return merged;
}

}  // namespace roux::kit
