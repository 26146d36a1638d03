#include "nn/models/llama.h"

#include "absl/strings/str_cat.h"
#include "nn/attention.h"
#include "tensor/ops/activation.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/rotary.h"

namespace roux {

namespace {
int64_t positive(const char* name, int64_t value) {
  ROUX_CHECK(value > 0) << "llama: " << name << " is " << value << ", needed at least 1";
  return value;
}
}  // namespace

LlamaAttention::LlamaAttention(const LlamaConfig& config, const Init& init)
    : heads_(positive("num_attention_heads", config.num_attention_heads)),
      kv_heads_(positive("num_key_value_heads", config.num_key_value_heads)),
      q_proj(config.hidden_size, config.hidden_size, false, init),
      k_proj(config.hidden_size, config.hidden_size / heads_ * kv_heads_, false, init),
      v_proj(config.hidden_size, config.hidden_size / heads_ * kv_heads_, false, init),
      o_proj(config.hidden_size, config.hidden_size, false, init) {
  ROUX_CHECK(config.hidden_size % (2 * heads_) == 0)
      << "llama: hidden_size " << config.hidden_size << " is not an even multiple of num_attention_heads "
      << heads_;
  ROUX_CHECK(heads_ % kv_heads_ == 0)
      << "llama: num_attention_heads " << heads_ << " is not a multiple of num_key_value_heads " << kv_heads_;
  register_module("q_proj", q_proj);
  register_module("k_proj", k_proj);
  register_module("v_proj", v_proj);
  register_module("o_proj", o_proj);
}

Tensor LlamaAttention::forward(const Tensor& x, const Rotary& rotary, KVCache* cache,
                               const Tensor& mask) const {
  const Tensor q = rotary_embedding(split_heads(q_proj(x), heads_), rotary);
  const Tensor k = rotary_embedding(split_heads(k_proj(x), kv_heads_), rotary);
  const Tensor v = split_heads(v_proj(x), kv_heads_);
  return o_proj(merge_heads(causal_attention(q, k, v, cache, mask)));
}
std::string LlamaAttention::pretty_print() const {
  return absl::StrCat("LlamaAttention ", heads_, " heads, ", kv_heads_, " key-value heads");
}

LlamaMLP::LlamaMLP(const LlamaConfig& config, const Init& init)
    : gate_proj(config.hidden_size, config.intermediate_size, false, init),
      up_proj(config.hidden_size, config.intermediate_size, false, init),
      down_proj(config.intermediate_size, config.hidden_size, false, init) {
  register_module("gate_proj", gate_proj);
  register_module("up_proj", up_proj);
  register_module("down_proj", down_proj);
}
Tensor LlamaMLP::forward(const Tensor& x) const { return down_proj(swiglu(gate_proj(x), up_proj(x))); }
std::string LlamaMLP::pretty_print() const { return "LlamaMLP, SwiGLU"; }

LlamaDecoderLayer::LlamaDecoderLayer(const LlamaConfig& config, const Init& init)
    : input_layernorm(config.hidden_size, config.rms_norm_eps, init),
      post_attention_layernorm(config.hidden_size, config.rms_norm_eps, init),
      self_attn(config, init),
      mlp(config, init) {
  register_module("self_attn", self_attn);
  register_module("mlp", mlp);
  register_module("input_layernorm", input_layernorm);
  register_module("post_attention_layernorm", post_attention_layernorm);
}
Tensor LlamaDecoderLayer::forward(const Tensor& x, const Rotary& rotary, KVCache* cache,
                                  const Tensor& mask) const {
  const Tensor h = x + self_attn(input_layernorm(x), rotary, cache, mask);
  return h + mlp(post_attention_layernorm(h));
}
std::string LlamaDecoderLayer::pretty_print() const { return "LlamaDecoderLayer"; }

LlamaModel::LlamaModel(const LlamaConfig& config, const Init& init)
    : config_(config),
      embed_tokens(config.vocab_size, config.hidden_size, init),
      layers(config.num_hidden_layers, [&] { return std::make_unique<LlamaDecoderLayer>(config, init); }),
      norm(config.hidden_size, config.rms_norm_eps, init),
      rotary_({.theta = config.rope_theta}, config.hidden_size / config.num_attention_heads) {
  register_module("embed_tokens", embed_tokens);
  register_module("layers", layers);
  register_module("norm", norm);
}

Tensor LlamaModel::forward(const Tensor& ids, std::vector<KVCache>* cache, const Tensor& mask) const {
  ROUX_CHECK(ids.defined() && ids.dim() == 2) << "llama: ids must be [B, T]";
  if (cache != nullptr) cache->resize(layers.size());
  const int64_t seen = cache != nullptr && !cache->empty() ? cache->front().length() : 0;
  const int64_t length = ids.size(1);
  ROUX_CHECK(seen + length <= config_.max_position_embeddings)
      << "llama: " << seen + length << " tokens, max_position_embeddings is "
      << config_.max_position_embeddings;
  Tensor x = cast(embed_tokens(ids), config_.compute_dtype);
  const Rotary rotary = rotary_.range(seen, length, x.dtype(), x.device());
  for (size_t i = 0; i < layers.size(); ++i) {
    const LlamaDecoderLayer* const layer = &layers[i];
    KVCache* const layer_cache = cache != nullptr ? &(*cache)[i] : nullptr;
    x = run_layer(
        config_.gradient_checkpointing && cache == nullptr,
        [=](const Tensor& input) { return (*layer)(input, rotary, layer_cache, mask); }, x);
  }
  return norm(x);
}
std::string LlamaModel::pretty_print() const {
  return absl::StrCat("LlamaModel ", layers.size(), " layers, d ", config_.hidden_size);
}

LlamaForCausalLM::LlamaForCausalLM(const LlamaConfig& config, const Init& init)
    : config_(config), model(config, init) {
  register_module("model", model);
  if (config.tie_word_embeddings) return;
  lm_head = std::make_unique<Linear>(config.hidden_size, config.vocab_size, false, init);
  register_module("lm_head", *lm_head);
}

const Tensor& LlamaForCausalLM::output_weight() const {
  return lm_head ? lm_head->weight() : model.token_embedding();
}

Tensor LlamaForCausalLM::forward(const Tensor& ids, std::vector<KVCache>* cache, const Tensor& mask) const {
  const Tensor h = model(ids, cache, mask);
  return linear(h, cast(output_weight(), h.dtype()));
}

Tensor LlamaForCausalLM::loss_sum(const Tensor& ids, const Tensor& targets, const Tensor& mask) const {
  const Tensor h = model(ids, nullptr, mask);
  return linear_cross_entropy(h, cast(output_weight(), h.dtype()), targets, {.reduction = Reduction::kSum});
}
std::string LlamaForCausalLM::pretty_print() const {
  return absl::StrCat("LlamaForCausalLM, ", num_parameters(), " parameters");
}

}  // namespace roux
