// config.json of Llama, Mistral, Qwen2, Qwen3, Phi-3 and OLMo 2.
#include <nlohmann/json.hpp>

#include "nn/models/config_groups.h"
#include "nn/models/rope_json.h"

namespace roux {

TransformerConfig read_llama(Fields& f, Family family) {
  const bool mistral = family == Family::kMistral, qwen3 = family == Family::kQwen3,
             qwen = qwen3 || family == Family::kQwen2;
  TransformerConfig c = qwen3 ? qwen3_style() : TransformerConfig();
  c.family = family;
  if (mistral) c.max_position_embeddings = 131072;
  if (qwen) c.max_position_embeddings = 32768;
  read_sizes(f, &c);
  read_heads(f, mistral ? 8 : qwen ? 32 : c.num_attention_heads, &c);
  if (qwen3 && !c.head_dim) c.head_dim = 128;
  c.norm_eps = f.number("rms_norm_eps", 1e-6);
  read_activation(f, "hidden_act", "silu", true, &c);
  c.tie_word_embeddings = f.boolean("tie_word_embeddings", false);
  // Mistral has no bias, Qwen2 those of q, k and v, whatever is written.
  c.qkv_bias = family == Family::kQwen2 || (!mistral && f.boolean("attention_bias", false));
  c.output_bias = family != Family::kQwen2 && c.qkv_bias;
  c.mlp_bias = family == Family::kLlama && f.boolean("mlp_bias", false);
  c.dropout.attention = f.number("attention_dropout", 0);
  if (mistral || (qwen && f.boolean("use_sliding_window", false))) {
    const int64_t full_first = qwen ? f.integer("max_window_layers", 28) : 0;
    read_window(
        f, 4096, [&](int64_t layer) { return layer >= full_first; }, &c);
  }
  f.must_be("rope_interleaved", false);
  c.rope.theta = 10000;
  read_rope(f, c.max_position_embeddings, &c.rope);
  return c;
}

void write_llama(const TransformerConfig& c, nlohmann::ordered_json* out) {
  nlohmann::ordered_json& json = *out;
  const bool qwen = c.family == Family::kQwen2 || c.family == Family::kQwen3;
  write_sizes(c, out);
  write_heads(c, out);
  json["hidden_act"] = activation_name(c.activation);
  json["rms_norm_eps"] = c.norm_eps;
  json["attention_dropout"] = c.dropout.attention;
  if (c.family == Family::kLlama || c.family == Family::kQwen3) json["attention_bias"] = c.qkv_bias;
  if (c.family == Family::kLlama) json["mlp_bias"] = c.mlp_bias;
  if (c.family != Family::kLlama) write_window(c, out);
  if (qwen) {
    json["use_sliding_window"] = c.sliding_window.has_value();
    json["max_window_layers"] = 0;
    write_layer_types(c, out);
  }
  write_rope(c, out);
}

TransformerConfig read_phi3(Fields& f, Family /*family*/) {
  TransformerConfig c = phi3_style();
  read_sizes(f, &c);
  read_heads(f, c.num_attention_heads, &c);
  c.norm_eps = f.number("rms_norm_eps", 1e-5);
  read_activation(f, "hidden_act", "silu", true, &c);
  c.tie_word_embeddings = f.boolean("tie_word_embeddings", false);
  c.dropout.attention = f.number("attention_dropout", 0);
  c.dropout.hidden = f.number("resid_pdrop", 0);  // embd_pdrop has no effect there
  c.sliding_window = f.optional_integer("sliding_window");
  read_rope(f, c.max_position_embeddings, &c.rope);
  return c;
}

void write_phi3(const TransformerConfig& c, nlohmann::ordered_json* out) {
  nlohmann::ordered_json& json = *out;
  write_sizes(c, out);
  write_heads(c, out);
  json["hidden_act"] = activation_name(c.activation);
  json["rms_norm_eps"] = c.norm_eps;
  json["attention_dropout"] = c.dropout.attention;
  json["resid_pdrop"] = c.dropout.hidden;
  write_window(c, out);
  write_rope(c, out);
  const RopeScaling& s = c.rope.scaling;
  json["original_max_position_embeddings"] =
      s.original_max_position_embeddings > 0 ? s.original_max_position_embeddings : c.max_position_embeddings;
}

TransformerConfig read_olmo2(Fields& f, Family /*family*/) {
  TransformerConfig c = olmo2_style();
  c.max_position_embeddings = 2048;
  read_sizes(f, &c);
  read_heads(f, c.num_attention_heads, &c);
  c.norm_eps = f.number("rms_norm_eps", 1e-5);
  read_activation(f, "hidden_act", "silu", true, &c);
  c.tie_word_embeddings = f.boolean("tie_word_embeddings", false);
  c.qkv_bias = c.output_bias = f.boolean("attention_bias", false);
  c.dropout.attention = f.number("attention_dropout", 0);
  c.rope.theta = 10000;
  read_rope(f, c.max_position_embeddings, &c.rope);
  return c;
}

void write_olmo2(const TransformerConfig& c, nlohmann::ordered_json* out) {
  nlohmann::ordered_json& json = *out;
  write_sizes(c, out);
  write_heads(c, out);
  json["hidden_act"] = activation_name(c.activation);
  json["rms_norm_eps"] = c.norm_eps;
  json["attention_bias"] = c.qkv_bias;
  json["attention_dropout"] = c.dropout.attention;
  write_rope(c, out);
}

}  // namespace roux
