// config.json of Qwen2-MoE, Mixtral and OLMoE.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "nn/models/config_groups.h"
#include "nn/models/rope_json.h"

namespace roux {
namespace {

std::optional<MoeConfig> read_qwen2_moe(Fields& f, int64_t layers) {
  MoeConfig moe{.experts = f.integer("num_experts", 60),
                .per_token = f.integer("num_experts_per_tok", 4),
                .width = f.integer("moe_intermediate_size", 1408),
                .shared_width = f.integer("shared_expert_intermediate_size", 5632),
                .shared_gate = true,
                .renormalise = f.boolean("norm_topk_prob", false)};
  if (moe.experts == 0) return std::nullopt;
  if (moe.shared_width == 0) f.unimplemented("shared_expert_intermediate_size 0");
  const int64_t step = std::max<int64_t>(1, f.integer("decoder_sparse_step", 1));
  const JsonValue* dense = f.array("mlp_only_layers");
  for (int64_t layer = 0; layer < layers; ++layer) {
    bool listed = false;
    for (size_t i = 0; dense != nullptr && i < dense->items().size(); ++i)
      listed |= dense->items()[i].is_integer() && dense->items()[i].integer() == layer;
    if (listed || (layer + 1) % step != 0) moe.dense_layers.push_back(layer);
  }
  return moe;
}

}  // namespace

TransformerConfig read_experts(Fields& f, Family family) {
  const bool qwen2 = family == Family::kQwen2Moe, mixtral = family == Family::kMixtral;
  TransformerConfig c = qwen2 ? qwen2_moe_style() : mixtral ? mixtral_style() : olmoe_style();
  c.max_position_embeddings = qwen2 ? 32768 : mixtral ? 131072 : 4096;
  read_sizes(f, &c);
  read_heads(f, qwen2 ? 16 : mixtral ? 8 : c.num_attention_heads, &c);
  c.norm_eps = f.number("rms_norm_eps", qwen2 ? 1e-6 : 1e-5);
  read_activation(f, "hidden_act", "silu", true, &c);
  c.tie_word_embeddings = f.boolean("tie_word_embeddings", false);
  c.dropout.attention = f.number("attention_dropout", 0);
  if (qwen2) {
    c.qkv_bias = f.boolean("qkv_bias", true);
    f.must_be("use_sliding_window", false);
    c.moe = read_qwen2_moe(f, c.num_hidden_layers);
  } else if (mixtral) {
    c.moe->experts = f.integer("num_local_experts", 8);
    c.moe->per_token = f.integer("num_experts_per_tok", 2);
    c.moe->width = c.intermediate_size;
    if (f.number("router_jitter_noise", 0) != 0) f.unimplemented("router_jitter_noise");
    if (f.has("sliding_window"))
      read_window(
          f, 4096, [](int64_t) { return true; }, &c);
  } else {
    c.qkv_bias = c.output_bias = f.boolean("attention_bias", false);
    c.moe->experts = f.integer("num_experts", 64);
    c.moe->per_token = f.integer("num_experts_per_tok", 8);
    c.moe->width = c.intermediate_size;
    c.moe->renormalise = f.boolean("norm_topk_prob", false);
    if (f.has("clip_qkv")) f.unimplemented("clip_qkv");
  }
  c.rope.theta = mixtral ? 1e6 : 10000;
  read_rope(f, c.max_position_embeddings, &c.rope);
  return c;
}

void write_experts(const TransformerConfig& c, nlohmann::ordered_json* out) {
  nlohmann::ordered_json& json = *out;
  const MoeConfig moe = c.moe.value_or(MoeConfig());
  write_sizes(c, out);
  write_heads(c, out);
  json["hidden_act"] = activation_name(c.activation);
  json["rms_norm_eps"] = c.norm_eps;
  json["attention_dropout"] = c.dropout.attention;
  write_rope(c, out);
  json["num_experts_per_tok"] = moe.per_token;
  if (c.family == Family::kMixtral) {
    json["num_local_experts"] = moe.experts;
    write_window(c, out);
    return;
  }
  json["num_experts"] = moe.experts;
  json["norm_topk_prob"] = moe.renormalise;
  json[c.family == Family::kQwen2Moe ? "qkv_bias" : "attention_bias"] = c.qkv_bias;
  if (c.family != Family::kQwen2Moe) return;
  json["moe_intermediate_size"] = moe.width;
  json["shared_expert_intermediate_size"] = moe.shared_width;
  json["decoder_sparse_step"] = 1;
  json["mlp_only_layers"] = moe.dense_layers;
}

}  // namespace roux
