// config.json of GPT-2, GPT-NeoX and Bloom.
#include <nlohmann/json.hpp>

#include "nn/models/config_groups.h"
#include "nn/models/rope_json.h"

namespace roux {

TransformerConfig read_gpt2(Fields& f, Family /*family*/) {
  TransformerConfig c = gpt2_style();
  c.vocab_size = f.integer("vocab_size", c.vocab_size);
  c.hidden_size = f.integer("n_embd", c.hidden_size);
  c.intermediate_size = f.integer("n_inner", 4 * c.hidden_size);
  c.num_hidden_layers = f.integer("n_layer", c.num_hidden_layers);
  c.num_attention_heads = f.integer("n_head", c.num_attention_heads);
  c.max_position_embeddings = f.integer("n_positions", c.max_position_embeddings);
  c.norm_eps = f.number("layer_norm_epsilon", c.norm_eps);
  read_activation(f, "activation_function", "gelu_new", false, &c);
  c.tie_word_embeddings = f.boolean("tie_word_embeddings", true);
  c.dropout = {f.number("embd_pdrop", 0.1), f.number("attn_pdrop", 0.1), f.number("resid_pdrop", 0.1)};
  f.must_be("scale_attn_weights", true);
  f.must_be("scale_attn_by_inverse_layer_idx", false);
  f.must_be("add_cross_attention", false);
  return c;
}

void write_gpt2(const TransformerConfig& c, nlohmann::ordered_json* out) {
  nlohmann::ordered_json& json = *out;
  json["n_embd"] = c.hidden_size;
  json["n_inner"] = c.intermediate_size;
  json["n_layer"] = c.num_hidden_layers;
  json["n_head"] = c.num_attention_heads;
  json["n_positions"] = c.max_position_embeddings;
  json["activation_function"] = activation_name(c.activation);
  json["layer_norm_epsilon"] = c.norm_eps;
  json["embd_pdrop"] = c.dropout.embedding;
  json["attn_pdrop"] = c.dropout.attention;
  json["resid_pdrop"] = c.dropout.hidden;
}

TransformerConfig read_gpt_neox(Fields& f, Family /*family*/) {
  TransformerConfig c = gpt_neox_style();
  read_sizes(f, &c);
  c.norm_eps = f.number("layer_norm_eps", c.norm_eps);
  read_activation(f, "hidden_act", "gelu", false, &c);
  c.tie_word_embeddings = f.boolean("tie_word_embeddings", false);
  c.residual = f.boolean("use_parallel_residual", true) ? Residual::kParallel : Residual::kPreNorm;
  c.qkv_bias = c.output_bias = f.boolean("attention_bias", true);
  c.dropout.attention = f.number("attention_dropout", 0);
  c.dropout.hidden = c.dropout.embedding = f.number("hidden_dropout", 0);
  c.rope.theta = f.number("rotary_emb_base", 10000);
  c.rope.fraction = f.number("rotary_pct", 0.25);
  read_rope(f, c.max_position_embeddings, &c.rope);
  return c;
}

void write_gpt_neox(const TransformerConfig& c, nlohmann::ordered_json* out) {
  nlohmann::ordered_json& json = *out;
  write_sizes(c, out);
  json["hidden_act"] = activation_name(c.activation);
  json["layer_norm_eps"] = c.norm_eps;
  json["attention_bias"] = c.qkv_bias;
  json["attention_dropout"] = c.dropout.attention;
  json["hidden_dropout"] = c.dropout.hidden;
  json["use_parallel_residual"] = c.residual == Residual::kParallel;
  write_rope(c, out);
  json["rotary_pct"] = c.rope.fraction;
  json["rotary_emb_base"] = c.rope.theta;
}

TransformerConfig read_bloom(Fields& f, Family /*family*/) {
  TransformerConfig c = bloom_style();
  c.vocab_size = f.integer("vocab_size", c.vocab_size);
  c.hidden_size = f.integer(f.has("hidden_size") ? "hidden_size" : "n_embed");
  c.intermediate_size = 4 * c.hidden_size;
  c.num_hidden_layers = f.integer(f.has("num_hidden_layers") ? "num_hidden_layers" : "n_layer");
  c.num_attention_heads = f.integer(f.has("num_attention_heads") ? "num_attention_heads" : "n_head");
  c.norm_eps = f.number("layer_norm_epsilon", 1e-5);
  c.tie_word_embeddings = f.boolean("tie_word_embeddings", true);
  c.dropout.attention = f.number("attention_dropout", 0);
  c.dropout.hidden = f.number("hidden_dropout", 0);
  f.must_be("apply_residual_connection_post_layernorm", false);
  return c;
}

void write_bloom(const TransformerConfig& c, nlohmann::ordered_json* out) {
  nlohmann::ordered_json& json = *out;
  json["n_layer"] = c.num_hidden_layers;
  json["n_head"] = c.num_attention_heads;
  json["layer_norm_epsilon"] = c.norm_eps;
  json["attention_dropout"] = c.dropout.attention;
  json["hidden_dropout"] = c.dropout.hidden;
  json["apply_residual_connection_post_layernorm"] = false;
}

}  // namespace roux
