// What a GGUF file says a model computes, as a configuration.
#ifndef ROUX_RECIPES_KIT_MODELS_GGUF_CONFIG_H_
#define ROUX_RECIPES_KIT_MODELS_GGUF_CONFIG_H_

#include "absl/status/statusor.h"
#include "nn/models/encoder_decoder.h"
#include "nn/transformer_config.h"
#include "recipes/kit/models/gguf_file.h"

namespace roux::kit {

// Reads general.architecture (llama, also with experts, qwen2, qwen2moe, qwen3, phi3, olmoe, gemma, gemma2,
// gemma3, gpt2, gptneox, bloom, bert, olmo2), the keys under its name, and from the tensors what no key says:
// the vocabulary, which layers have biases, whether the embeddings are tied, the stretched frequencies of
// Llama 3 and Phi-3. One error lists all keys that are missing or of another type (InvalidArgument), and all
// that ask for what Transformer does not compute (Unimplemented).
absl::StatusOr<TransformerConfig> gguf_config(const GgufFile& file);

// Whether general.architecture is t5, whose models are read by the next.
bool is_gguf_encoder_decoder(const GgufFile& file);
// Of T5, v1.1 and Flan-T5, likewise. What no key says: tied embeddings are those without output.weight, and
// scaled then; an MLP with a gate has the tanh form of GELU, another ReLU; distances reach to 128.
absl::StatusOr<EncoderDecoderConfig> gguf_encoder_decoder_config(const GgufFile& file);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_MODELS_GGUF_CONFIG_H_
