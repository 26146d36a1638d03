// config.json of Hugging Face, in and out: the files of Llama, Mistral, Qwen2, Qwen3, Gemma (1 to 3), GPT-2,
// GPT-NeoX, Bloom, Phi-3, BERT, RoBERTa, OLMo 2, Qwen2-MoE, Mixtral and
// OLMoE.
#ifndef ROUX_NN_MODELS_CONFIG_JSON_H_
#define ROUX_NN_MODELS_CONFIG_JSON_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nn/transformer_config.h"

namespace roux {

// Fields that are missing have the family's defaults. InvalidArgument for text that is no such file, with
// `where` and the field; Unimplemented, with the field, where it asks for what Transformer does not compute.
// Fields without an effect on logits, loss and gradients are not looked at.
absl::StatusOr<TransformerConfig> parse_config_json(std::string_view text, const std::string& where);

// The text of a file that transformers reads as this model. InvalidArgument for a combination of options that
// the files of c.family cannot express, with the first field that they would change.
absl::StatusOr<std::string> config_json(const TransformerConfig& c, DType weights);

// For writers of other families.
const char* torch_dtype_name(DType weights);  // "float32"
// The first field in which two configurations differ, but for those that files do not say; "" for none.
std::string difference_in_files(const TransformerConfig& x, const TransformerConfig& y);

}  // namespace roux

#endif  // ROUX_NN_MODELS_CONFIG_JSON_H_
