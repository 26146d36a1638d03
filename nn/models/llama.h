// Llama: a decoder with rotary positions, RMSNorm before each part, SwiGLU and grouped key-value heads.
// Parameter names are those of Hugging Face checkpoints.                    [Touvron et al. 2023]
#ifndef ROUX_NN_MODELS_LLAMA_H_
#define ROUX_NN_MODELS_LLAMA_H_

#include <vector>

#include "nn/layers.h"
#include "nn/rotary.h"

namespace roux {

struct LlamaConfig {  // field names of Hugging Face's config.json
  int64_t vocab_size = 32000, hidden_size = 4096, intermediate_size = 11008, num_hidden_layers = 32;
  int64_t num_attention_heads = 32, num_key_value_heads = 32, max_position_embeddings = 2048;
  double rms_norm_eps = 1e-6, rope_theta = 10000, initializer_range = 0.02;
  bool tie_word_embeddings = false;
  bool gradient_checkpointing = false;  // keep one tensor a layer for backward, compute the rest again
  DType compute_dtype = kF32;
};

class LlamaAttention final : public ModuleOf<LlamaAttention> {
 public:
  LlamaAttention(const LlamaConfig& config, const Init& init);
  // x: [B, T, D]; mask as in AttentionRules, beside the causal one.
  Tensor forward(const Tensor& x, const Rotary& rotary, KVCache* cache, const Tensor& mask) const;
  std::string pretty_print() const override;

 private:
  int64_t heads_, kv_heads_;
  Linear q_proj, k_proj, v_proj, o_proj;
};

class LlamaMLP final : public ModuleOf<LlamaMLP> {
 public:
  LlamaMLP(const LlamaConfig& config, const Init& init);
  Tensor forward(const Tensor& x) const;
  std::string pretty_print() const override;

 private:
  Linear gate_proj, up_proj, down_proj;
};

class LlamaDecoderLayer final : public ModuleOf<LlamaDecoderLayer> {
 public:
  LlamaDecoderLayer(const LlamaConfig& config, const Init& init);
  Tensor forward(const Tensor& x, const Rotary& rotary, KVCache* cache, const Tensor& mask) const;
  std::string pretty_print() const override;

 private:
  RMSNorm input_layernorm, post_attention_layernorm;
  LlamaAttention self_attn;
  LlamaMLP mlp;
};

class LlamaModel final : public ModuleOf<LlamaModel> {
 public:
  LlamaModel(const LlamaConfig& config, const Init& init);
  Tensor forward(const Tensor& ids, std::vector<KVCache>* cache, const Tensor& mask) const;
  std::string pretty_print() const override;
  const Tensor& token_embedding() const { return embed_tokens.weight(); }

 private:
  LlamaConfig config_;
  Embedding embed_tokens;
  ModuleList<LlamaDecoderLayer> layers;
  RMSNorm norm;
  RotaryCache rotary_;
};

class LlamaForCausalLM final : public ModuleOf<LlamaForCausalLM> {
 public:
  LlamaForCausalLM(const LlamaConfig& config, const Init& init);

  // ids: [B, T] i32 or i64. Logits [B, T, V]. With a cache (one entry a layer, grown as needed) ids continue
  // it. `mask` narrows the causal attention of every layer: same_document_mask(document) for packed rows
  // (rotary positions are relative, so they need no reset).
  Tensor forward(const Tensor& ids, std::vector<KVCache>* cache = nullptr, const Tensor& mask = {}) const;
  // Cross-entropy of targets: [B, T] (-100 is ignored), summed; the logits are never held at once.
  Tensor loss_sum(const Tensor& ids, const Tensor& targets, const Tensor& mask = {}) const;
  std::string pretty_print() const override;
  const LlamaConfig& config() const { return config_; }

 private:
  const Tensor& output_weight() const;
  LlamaConfig config_;
  LlamaModel model;
  std::unique_ptr<Linear> lm_head;  // none when tied
};

}  // namespace roux

#endif  // ROUX_NN_MODELS_LLAMA_H_
