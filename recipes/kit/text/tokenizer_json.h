// Hugging Face's tokenizer.json.
//
// Models: BPE (byte-level or with byte fallback), WordPiece, Unigram, WordLevel. Normalisers, pre-tokenisers
// and decoders: those that models of these kinds use. What is not supported is an Unimplemented error that
// names it, never ignored; `truncation` and `padding` are no part of a Tokenizer: callers cut and pad.
#ifndef ROUX_RECIPES_KIT_TEXT_TOKENIZER_JSON_H_
#define ROUX_RECIPES_KIT_TEXT_TOKENIZER_JSON_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::kit {

// From the text of the file; `name` stands in messages. Damage is InvalidArgument with the byte offset
// (syntax) or the path of the entry (content).
absl::StatusOr<std::shared_ptr<const Tokenizer>> parse_tokenizer_json(std::string_view json,
                                                                      const std::string& name);

// From a tokenizer.json, or a folder with one. A tokenizer_config.json beside it supplies the names of the
// special tokens and the chat template: a text, or a list of {"name", "template"}, of which "default" is
// taken; without a default the names are kept and recognise_chat_template's error lists them. As in
// transformers, a chat_template.jinja beside it goes before.
absl::StatusOr<std::shared_ptr<const Tokenizer>> load_tokenizer_json(const std::string& path);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_TOKENIZER_JSON_H_
