// What config_json.cc is made of: readers and writers of config.json, a file for each group of families.
#ifndef ROUX_NN_MODELS_CONFIG_GROUPS_H_
#define ROUX_NN_MODELS_CONFIG_GROUPS_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/functional/function_ref.h"
#include "nn/models/config_fields.h"
#include "nn/transformer_config.h"

namespace roux {

// Readers leave errors in f. Writers add what config_json() has not written: all but the family, vocab_size,
// hidden_size and tie_word_embeddings.
TransformerConfig read_llama(Fields& f, Family family);  // Llama, Mistral, Qwen2, Qwen3
TransformerConfig read_phi3(Fields& f, Family family);
TransformerConfig read_olmo2(Fields& f, Family family);
TransformerConfig read_gemma(Fields& f, Family family);    // Gemma, Gemma 2, Gemma 3
TransformerConfig read_experts(Fields& f, Family family);  // Qwen2-MoE, Mixtral, OLMoE
TransformerConfig read_gpt2(Fields& f, Family family);
TransformerConfig read_gpt_neox(Fields& f, Family family);
TransformerConfig read_bloom(Fields& f, Family family);
TransformerConfig read_bert(Fields& f, Family family);  // BERT, RoBERTa
void write_llama(const TransformerConfig& c, nlohmann::ordered_json* json);
void write_phi3(const TransformerConfig& c, nlohmann::ordered_json* json);
void write_olmo2(const TransformerConfig& c, nlohmann::ordered_json* json);
void write_gemma(const TransformerConfig& c, nlohmann::ordered_json* json);
void write_experts(const TransformerConfig& c, nlohmann::ordered_json* json);
void write_gpt2(const TransformerConfig& c, nlohmann::ordered_json* json);
void write_gpt_neox(const TransformerConfig& c, nlohmann::ordered_json* json);
void write_bloom(const TransformerConfig& c, nlohmann::ordered_json* json);
void write_bert(const TransformerConfig& c, nlohmann::ordered_json* json);

// What groups share.
void read_activation(Fields& f, const char* field, const std::string& otherwise, bool gated,
                     TransformerConfig* c);
const char* activation_name(Activation activation);
// Sizes under the names that TransformerConfig has, all but those that config_json() writes.
void read_sizes(Fields& f, TransformerConfig* c);
void write_sizes(const TransformerConfig& c, nlohmann::ordered_json* json);
// num_key_value_heads and head_dim, of which the first is `kv_heads` where the file does not name it (null:
// as many as heads).
void read_heads(Fields& f, int64_t kv_heads, TransformerConfig* c);
void write_heads(const TransformerConfig& c, nlohmann::ordered_json* json);
// Which layers have a window of sliding_window tokens: what layer_types says, else what `windowed` does.
// Unimplemented but for all layers, or all but every n-th.
void read_window(Fields& f, int64_t otherwise, absl::FunctionRef<bool(int64_t layer)> windowed,
                 TransformerConfig* c);
void write_window(const TransformerConfig& c, nlohmann::ordered_json* json);
void write_layer_types(const TransformerConfig& c, nlohmann::ordered_json* json);
// rope_theta, rope_parameters and rope_scaling.
void write_rope(const TransformerConfig& c, nlohmann::ordered_json* json);

}  // namespace roux

#endif  // ROUX_NN_MODELS_CONFIG_GROUPS_H_
