// Mistral's Tekken vocabularies (tekken.json): tiktoken-style byte-level BPE whose file brings its own
// pattern and special tokens. Ids of special tokens come first.
#ifndef ROUX_RECIPES_KIT_TEXT_TEKKEN_H_
#define ROUX_RECIPES_KIT_TEXT_TEKKEN_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::kit {

// From the text of the file; `name` stands in messages. Of the vocabulary only as many tokens are used as the
// file's own sizes say. add_special puts BOS in front. Damage is InvalidArgument with the byte offset
// (syntax) or the path of the entry (content).
absl::StatusOr<std::shared_ptr<const Tokenizer>> parse_tekken(std::string_view json, const std::string& name);
absl::StatusOr<std::shared_ptr<const Tokenizer>> load_tekken(const std::string& path);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_TEKKEN_H_
