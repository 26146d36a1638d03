#include "nn/cross_attention.h"

#include "absl/strings/str_cat.h"
#include "nn/attention.h"
#include "tensor/ops/arrange.h"
#include "tensor/ops/view.h"

namespace roux {

CrossAttention::CrossAttention(const TransformerConfig& config, int64_t layer, const Init& init)
    : q_proj(config.hidden_size, config.num_attention_heads * config.head_size(), config.qkv_bias, init),
      k_proj(config.hidden_size, config.kv_heads() * config.head_size(), config.qkv_bias, init),
      v_proj(config.hidden_size, config.kv_heads() * config.head_size(), config.qkv_bias, init),
      o_proj(config.num_attention_heads * config.head_size(), config.hidden_size, config.output_bias,
             residual_init(config, init)),
      layer_(layer),
      heads_(config.num_attention_heads),
      kv_heads_(config.kv_heads()),
      scale_(config.attention_scale),
      dropout_(config.dropout.attention) {
  register_module("q_proj", q_proj);
  register_module("k_proj", k_proj);
  register_module("v_proj", v_proj);
  register_module("o_proj", o_proj);
}

std::pair<Tensor, Tensor> CrossAttention::keys(const Tensor& states, Generator* adapter_dropout) const {
  return {split_heads(k_proj(states, adapter_dropout), kv_heads_),
          split_heads(v_proj(states, adapter_dropout), kv_heads_)};
}

Tensor CrossAttention::forward(const Tensor& x, const Pass& pass) const {
  const auto index = static_cast<size_t>(layer_);
  const bool kept = pass.memory_keys.defined();
  const auto [k, v] = kept ? std::pair(pass.memory_keys.k[index], pass.memory_keys.v[index])
                           : keys(pass.memory.states, pass.generator);
  const Tensor& lengths = kept ? pass.memory_keys.lengths : pass.memory.lengths;
  AttentionOptions options{.scale = scale_};
  if (lengths.defined()) options.rules.end = unsqueeze(lengths, 1);
  options.dropout = dropout_rate(dropout_, training(), pass);
  options.generator = pass.generator;
  Tensor y = split_heads(q_proj(x, pass.generator), heads_);
  if (pass.cross_core) {
    const int64_t each = readers(x.size(0), k.size(0));
    const auto of_rows = [&](const Tensor& t) { return each == 1 ? t : repeat_interleave(t, each, 0); };
    y = pass.cross_core(y, of_rows(k), of_rows(v),
                        {layer_, pass, lengths.defined() ? of_rows(lengths) : Tensor()});
  } else {
    y = scaled_dot_product_attention(stack_rows(y, k.size(0)), k, v, options);
    y = unstack_rows(y, x.size(0), x.size(1));
  }
  y = pass.taps(Site::kCrossHeads, layer_, transpose(y, 1, 2));
  return o_proj(reshape(y, {y.size(0), y.size(1), y.size(2) * y.size(3)}), pass.generator);
}

std::string CrossAttention::pretty_print() const {
  return absl::StrCat("CrossAttention ", heads_, " heads, ", kv_heads_, " key-value heads");
}

}  // namespace roux
