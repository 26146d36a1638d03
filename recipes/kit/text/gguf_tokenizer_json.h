// The tokenizer of a GGUF file as the files that transformers reads.
#ifndef ROUX_RECIPES_KIT_TEXT_GGUF_TOKENIZER_JSON_H_
#define ROUX_RECIPES_KIT_TEXT_GGUF_TOKENIZER_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "recipes/kit/text/gguf_metadata.h"

namespace roux::kit {

// The texts of tokenizer.json and tokenizer_config.json, which name the same tokens for the same texts as
// gguf_tokenizer() does: byte-level BPE (tokenizer.ggml.model "gpt2") without a space in front,
// SentencePiece's BPE ("llama") and unigram pieces ("t5"). Behind a special token inside of a text Hugging
// Face's library puts SentencePiece's space in front once more, as with Llama 2's own file. Unimplemented for
// the others. BPE with both that space and user-defined pieces has those as ordinary tokens behind a pattern;
// a text between two of them that is written like a byte ("<0x0A>") then is that byte. Unimplemented where a
// piece is there twice or is none that merges lead to.
struct TokenizerFiles {
  std::string tokenizer_json, tokenizer_config_json;
};
absl::StatusOr<TokenizerFiles> gguf_tokenizer_files(const GgufMetadata& metadata);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_GGUF_TOKENIZER_JSON_H_
