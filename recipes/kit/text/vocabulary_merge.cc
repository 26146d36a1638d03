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
    return absl::InvalidArgumentError(
        absl::StrCat(base.name(), ": only byte-level BPE vocabularies can be merged"));
  }
  // Slots of added tokens stay empty in the model, as before.
  std::vector<std::string> tokens(base.vocab_size());
  absl::flat_hash_set<std::string> known;
  for (int32_t id = 0; id < model->vocab_size(); ++id) {
    tokens[id] = model->token(id);
    known.insert(tokens[id]);
  }
  std::vector<std::pair<std::string, std::string>> merges;
  absl::flat_hash_set<std::pair<std::string, std::string>> known_merges;
  for (const BpeMerge& merge : model->merges()) {
    merges.emplace_back(model->token(merge.left), model->token(merge.right));
    known_merges.insert(merges.back());
  }
  MergedVocabulary merged;
  // Merges of the extra vocabulary in the order they were learned: a token is taken once both halves are
  // there.
  for (const auto& merge : extra.merges) {
    if (known_merges.contains(merge) || !known.contains(merge.first) || !known.contains(merge.second))
      continue;
    std::string token = merge.first + merge.second;
    if (!known.contains(token)) {
      if (limit >= 0 && static_cast<int64_t>(merged.new_tokens.size()) >= limit) continue;
      known.insert(token);
      tokens.push_back(token);
      merged.parts.push_back(base.encode(*byte_level_from_text(token)).ids);
      merged.new_tokens.push_back(std::move(token));
    }
    known_merges.insert(merge);
    merges.push_back(merge);
  }
  ROUX_ASSIGN_OR_RETURN(auto grown, BpeModel::from_merges(std::move(tokens), merges, model->options()));
  ROUX_ASSIGN_OR_RETURN(merged.tokenizer, base.with_model(std::move(grown)));
  return merged;
}

}  // namespace roux::kit
