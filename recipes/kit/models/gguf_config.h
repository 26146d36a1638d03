// What a GGUF file says a model computes, as a TransformerConfig.
#ifndef ROUX_RECIPES_KIT_MODELS_GGUF_CONFIG_H_
#define ROUX_RECIPES_KIT_MODELS_GGUF_CONFIG_H_

#include "absl/status/statusor.h"
#include "nn/transformer_config.h"
#include "recipes/kit/models/gguf_file.h"

namespace roux::kit {

// Reads general.architecture (llama, also with experts, qwen2, qwen2moe, qwen3, phi3, olmoe, gemma, gemma2,
// gemma3, gpt2, gptneox, bloom, bert, olmo2), the keys under its name, and from the tensors what no key says:
// the vocabulary, which layers have biases, whether the embeddings are tied, the stretched frequencies of
// Llama 3 and Phi-3. One error lists all keys that are missing or of another type (InvalidArgument), and all
// that ask for what Transformer does not compute (Unimplemented).
absl::StatusOr<TransformerConfig> gguf_config(const GgufFile& file);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_MODELS_GGUF_CONFIG_H_
