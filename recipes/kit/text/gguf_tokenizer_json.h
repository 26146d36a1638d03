// The tokenizer of a GGUF file as the files that transformers reads.
#ifndef ROUX_RECIPES_KIT_TEXT_GGUF_TOKENIZER_JSON_H_
#define ROUX_RECIPES_KIT_TEXT_GGUF_TOKENIZER_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "recipes/kit/text/gguf_metadata.h"

namespace roux::kit {

// The texts of tokenizer.json and tokenizer_config.json, which name the same tokens for the same texts as
// gguf_tokenizer() does. Byte-level BPE (tokenizer.ggml.model "gpt2") without a space in front; Unimplemented
// for the others.
struct TokenizerFiles {
  std::string tokenizer_json, tokenizer_config_json;
};
absl::StatusOr<TokenizerFiles> gguf_tokenizer_files(const GgufMetadata& metadata);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_GGUF_TOKENIZER_JSON_H_
