// The tokenizer inside a GGUF file (keys tokenizer.ggml.*): byte-level BPE ("gpt2"), SentencePiece-style BPE
// ("llama"), unigram pieces ("t5"), WordPiece ("bert"), with special tokens and the model's chat template.
#ifndef ROUX_RECIPES_KIT_TEXT_GGUF_TOKENIZER_H_
#define ROUX_RECIPES_KIT_TEXT_GGUF_TOKENIZER_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "recipes/kit/text/gguf_metadata.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::kit {

absl::StatusOr<std::shared_ptr<const Tokenizer>> gguf_tokenizer(const GgufMetadata& metadata);
absl::StatusOr<std::shared_ptr<const Tokenizer>> load_gguf_tokenizer(const std::string& path);

// Whether byte-level BPE of this tokenizer.ggml.pre takes pieces that are tokens as they are.
bool gguf_ignores_merges(std::string_view pre);

// Whether BOS and EOS stand around a text; `model` is tokenizer.ggml.model.
struct GgufEnds {
  bool bos = false, eos = false;
};
GgufEnds gguf_ends(const GgufMetadata& metadata, const std::string& model);
// The bytes of tokenizer.ggml.precompiled_charsmap; none without it.
absl::StatusOr<std::string> gguf_charsmap(const GgufMetadata& metadata);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_GGUF_TOKENIZER_H_
