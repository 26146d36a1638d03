// GPT-2: a decoder with learned positions, LayerNorm before each part, GELU and tied output weights.
// Parameter names and layouts are those of Hugging Face checkpoints.        [Radford et al. 2019]
#ifndef ROUX_NN_MODELS_GPT2_H_
#define ROUX_NN_MODELS_GPT2_H_

#include <vector>

#include "absl/status/status.h"
#include "nn/layers.h"

namespace roux {

struct GPT2Config {  // field names of Hugging Face's config.json
  int64_t vocab_size = 50257, n_positions = 1024, n_embd = 768, n_layer = 12, n_head = 12;
  double layer_norm_epsilon = 1e-5, initializer_range = 0.02;
  double resid_pdrop = 0, attn_pdrop = 0, embd_pdrop = 0;  // attn_pdrop is not supported: must be 0
  bool gradient_checkpointing = false;  // keep one tensor a layer for backward, compute the rest again
  DType compute_dtype = kF32;
};

class GPT2Attention final : public ModuleOf<GPT2Attention> {
 public:
  GPT2Attention(const GPT2Config& config, const Init& init);
  Tensor forward(const Tensor& x, KVCache* cache) const;  // [B, T, D]
  std::string pretty_print() const override;

 private:
  int64_t heads_;
  Conv1D c_attn, c_proj;
};

class GPT2MLP final : public ModuleOf<GPT2MLP> {
 public:
  GPT2MLP(const GPT2Config& config, const Init& init);
  Tensor forward(const Tensor& x) const;
  std::string pretty_print() const override;

 private:
  Conv1D c_fc, c_proj;
};

class GPT2Block final : public ModuleOf<GPT2Block> {
 public:
  GPT2Block(const GPT2Config& config, const Init& init);
  // dropout draws from generator when training and the probability is above 0.
  Tensor forward(const Tensor& x, KVCache* cache, Generator* generator) const;
  std::string pretty_print() const override;

 private:
  double dropout_;
  LayerNorm ln_1, ln_2;
  GPT2Attention attn;
  GPT2MLP mlp;
};

class GPT2Model final : public ModuleOf<GPT2Model> {
 public:
  GPT2Model(const GPT2Config& config, const Init& init);
  Tensor forward(const Tensor& ids, std::vector<KVCache>* cache, Generator* generator) const;
  std::string pretty_print() const override;
  const Tensor& token_embedding() const { return wte.weight(); }

 private:
  GPT2Config config_;
  Embedding wte, wpe;
  ModuleList<GPT2Block> h_;
  LayerNorm ln_f;
};

class GPT2LMHeadModel final : public ModuleOf<GPT2LMHeadModel> {
 public:
  GPT2LMHeadModel(const GPT2Config& config, const Init& init);

  // ids: [B, T] i32 or i64. Logits [B, T, V]. With a cache (one entry a layer, grown as needed) ids continue
  // it.
  Tensor forward(const Tensor& ids, std::vector<KVCache>* cache = nullptr,
                 Generator* generator = nullptr) const;
  // Cross-entropy of targets: [B, T] (-100 is ignored), summed; the logits are never held at once.
  Tensor loss_sum(const Tensor& ids, const Tensor& targets, Generator* generator = nullptr) const;
  // Loads a checkpoint under any of the names in which GPT-2 is published: with the prefix "transformer." or
  // without (the official files), with lm_head.weight or without (it is tied: it must equal wte.weight, or
  // stands in for it), with the causal mask as buffers h.N.attn.bias and masked_bias (ignored). Errors as
  // load_state_dict; then nothing is changed.
  absl::Status load_pretrained(const NamedTensors& checkpoint);
  std::string pretty_print() const override;
  const GPT2Config& config() const { return config_; }

 private:
  GPT2Config config_;
  GPT2Model transformer;
};

}  // namespace roux

#endif  // ROUX_NN_MODELS_GPT2_H_
