// The steps of a tokenizer.json: normaliser, pre-tokeniser, decoder, post-processor. Part of
// tokenizer_json.cc.
#ifndef ROUX_RECIPES_KIT_TEXT_TOKENIZER_JSON_STEPS_H_
#define ROUX_RECIPES_KIT_TEXT_TOKENIZER_JSON_STEPS_H_

#include "absl/status/status.h"
#include "recipes/kit/text/json_field.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::kit {

absl::Status read_normalizer(const JsonField& field, Normalizer* out);
// *byte_level: the pieces are written in GPT-2's byte alphabet.
absl::Status read_pre_tokenizer(const JsonField& field, PreTokenizer* out, bool* byte_level);
absl::Status read_decoder(const JsonField& field, DecodeRules* out);
absl::Status read_post_processor(const JsonField& field, TokenizerParts* out);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_TOKENIZER_JSON_STEPS_H_
