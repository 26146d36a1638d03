// config.json of Gemma, Gemma 2 and Gemma 3.
#include <cmath>
#include <nlohmann/json.hpp>

#include "nn/models/config_groups.h"
#include "nn/models/rope_json.h"

namespace roux {
namespace {

nlohmann::ordered_json or_null(const std::optional<double>& x) {
  return x ? nlohmann::ordered_json(*x) : nlohmann::ordered_json();
}

// Where layers with a window have positions of their own: rope_parameters by the type of layer, which
// transformers 5 writes, or the fields of its predecessors.
void read_two_ropes(Fields& f, TransformerConfig* c) {
  c->local_rope = Rope();
  c->local_rope->theta = f.number("rope_local_base_freq", 10000);
  const std::optional<Fields> by_type = f.object("rope_parameters");
  if (!by_type || !by_type->has("full_attention")) {
    read_rope(f, c->max_position_embeddings, &c->rope);
  } else {
    Fields full = *by_type, local = *by_type;
    read_rope_type(full, "full_attention", c->max_position_embeddings, &c->rope);
    read_rope_type(local, "sliding_attention", c->max_position_embeddings, &*c->local_rope);
    f.fail(full.status());
    f.fail(local.status());
  }
  if (!c->sliding_window) c->local_rope = std::nullopt;
}

}  // namespace

TransformerConfig read_gemma(Fields& f, Family family) {
  const bool gemma = family == Family::kGemma, gemma2 = family == Family::kGemma2,
             gemma3 = family == Family::kGemma3;
  TransformerConfig c = gemma3 ? gemma3_style() : gemma2 ? gemma2_style() : gemma_style();
  if (gemma3) c.max_position_embeddings = 131072;
  read_sizes(f, &c);
  read_heads(f, gemma ? 16 : 4, &c);
  if (!c.head_dim) c.head_dim = 256;
  c.norm_eps = f.number("rms_norm_eps", 1e-6);
  // Gemma's first files say "gelu" and were trained with its tanh form.
  const bool early = f.text("hidden_act", "gelu") == "gelu";
  read_activation(f, early ? "hidden_activation" : "hidden_act", "gelu_pytorch_tanh", true, &c);
  c.tie_word_embeddings = f.boolean("tie_word_embeddings", true);
  c.qkv_bias = c.output_bias = f.boolean("attention_bias", false);
  c.dropout.attention = f.number("attention_dropout", 0);
  f.must_be("use_bidirectional_attention", false);
  if (gemma) {
    read_rope(f, c.max_position_embeddings, &c.rope);
    return c;
  }
  const auto cap = [&](const char* name, const std::optional<double>& otherwise) -> std::optional<double> {
    return f.has(name) ? std::optional(f.number(name, 0)) : f.is_null(name) ? std::nullopt : otherwise;
  };
  c.attention_softcap = cap("attn_logit_softcapping", c.attention_softcap);
  c.logit_softcap = cap("final_logit_softcapping", c.logit_softcap);
  c.attention_scale = 1 / std::sqrt(f.number("query_pre_attn_scalar", 256));
  const int64_t pattern = gemma3 ? std::max<int64_t>(1, f.integer("sliding_window_pattern", 6)) : 2;
  read_window(
      f, 4096, [&](int64_t layer) { return (layer + 1) % pattern != 0; }, &c);
  if (gemma3) {
    read_two_ropes(f, &c);
  } else {
    read_rope(f, c.max_position_embeddings, &c.rope);
  }
  return c;
}

void write_gemma(const TransformerConfig& c, nlohmann::ordered_json* out) {
  nlohmann::ordered_json& json = *out;
  write_sizes(c, out);
  write_heads(c, out);
  json["head_dim"] = c.head_size();
  json[c.family == Family::kGemma ? "hidden_act" : "hidden_activation"] = activation_name(c.activation);
  json["rms_norm_eps"] = c.norm_eps;
  json["attention_bias"] = c.qkv_bias;
  json["attention_dropout"] = c.dropout.attention;
  write_rope(c, out);
  if (c.family == Family::kGemma) return;
  write_window(c, out);
  write_layer_types(c, out);
  json["attn_logit_softcapping"] = or_null(c.attention_softcap);
  json["final_logit_softcapping"] = or_null(c.logit_softcap);
  const double scale = c.attention_scale.value_or(1 / std::sqrt(static_cast<double>(c.head_size())));
  const double scalar = 1 / (scale * scale);
  const double whole = std::round(scalar);  // which transformers wants
  json["query_pre_attn_scalar"] = scalar;
  if (std::abs(whole - scalar) < 1e-9 * scalar) json["query_pre_attn_scalar"] = static_cast<int64_t>(whole);
  if (c.family != Family::kGemma3) return;
  const Rope local = c.local_rope.value_or(c.rope);
  json["rope_local_base_freq"] = local.theta;
  json["rope_parameters"] = {{"full_attention", rope_json(c.rope)}, {"sliding_attention", rope_json(local)}};
}

}  // namespace roux
