// One Transformer with typed options: GPT-2, Llama, Mistral, Qwen, Gemma, GPT-NeoX, Bloom, BERT, RoBERTa and
// their mixtures of experts are configurations of it. Parameters have Llama's names in all of them
// (model.layers.0.self_attn.q_proj.weight); a family's own names and layouts exist in its files only
// (pretrained.h).
//
//   Transformer model({.vocab_size = 256, .hidden_size = 64, .intermediate_size = 192,
//                      .num_hidden_layers = 2, .num_attention_heads = 4}, Init{&generator});
#ifndef ROUX_NN_MODELS_TRANSFORMER_H_
#define ROUX_NN_MODELS_TRANSFORMER_H_

#include <memory>
#include <optional>
#include <string>

#include "nn/alibi.h"
#include "nn/block.h"
#include "nn/models/language_model.h"
#include "nn/relative_buckets.h"
#include "nn/rotary.h"
#include "nn/weights.h"

namespace roux {

// All but the output projection: hidden states of tokens.
class TransformerModel final : public ModuleOf<TransformerModel> {
 public:
  // With `embedding`, tokens are embedded by that one, which stays another module's.
  TransformerModel(const TransformerConfig& config, const Init& init, const MakeMixer& mixer = {},
                   const std::shared_ptr<Embedding>& embedding = nullptr);
  Tensor forward(const LmInput& in) const;
  Tensor embed(const Tensor& ids) const;
  const Embedding& embedding() const { return *embed_tokens_; }
  const Block& block(int64_t layer) const;
  std::string pretty_print() const override;

 private:
  // Sizes of one call, checked.
  struct Call {
    int64_t rows, tokens, first_layer, end_layer;
    int64_t seen;  // of the prefix and the longest row of the cache
    bool ragged;   // rows have seen different numbers
  };
  Call check(const LmInput& in) const;
  void check_prefix(const KeyValues& prefix) const;
  void check_memory(const LmInput& in, const Call& call) const;
  void check_taps(const Taps& taps, const Call& call) const;
  KeyValues memory_keys(const LmInput& in) const;
  LmInput with_bounds(LmInput in) const;
  Tensor bucket_bias(int64_t reach, KVCache* cache) const;
  Tensor slots(const LmInput& in, const Call& call, Device device) const;
  Pass pass_of(const LmInput& in, const Call& call, const Tensor& slots, Device device) const;

  TransformerConfig config_;
  std::shared_ptr<Embedding> embed_tokens_;
  std::unique_ptr<Embedding> embed_positions_, embed_token_types_;  // where the config has them
  std::unique_ptr<Norm> embedding_norm_;
  ModuleList<Block> layers_;
  std::unique_ptr<Norm> norm_;                          // none behind post-norm blocks
  std::unique_ptr<RotaryCache> rotary_, local_rotary_;  // rotary positions
  std::unique_ptr<RelativeBuckets> buckets_;
  std::unique_ptr<AlibiTable> alibi_;
};

// The output weight [V, D], that of `embedding` where it is tied, and what stands around it.
class LmHead final : public ModuleOf<LmHead, AdaptedLayer> {
 public:
  LmHead(const TransformerConfig& config, const Init& init, const Embedding& embedding);
  Tensor forward(const Tensor& hidden) const;  // norm(gelu(dense(hidden))), or hidden
  // [..., D] behind that -> logits [..., V], adapters and softcap included. bias: [V] or undefined.
  Tensor logits(const Tensor& x, const Tensor& bias) const {
    return softcapped(adapted_linear(x, bias, nullptr), softcap_);
  }
  // The weight that gives the same alone: weight() itself without adapters, else in their dtype.
  Tensor adapted_weight() const;
  const Tensor& weight() const override { return tied_ != nullptr ? tied_->weight() : weight_; }
  const Tensor& bias() const { return bias_; }  // [V] or undefined
  LoraPlace place() const override { return LoraPlace::kOutput; }
  const AdaptedLayer* tied_to() const override { return tied_; }
  std::string pretty_print() const override;

 private:
  const Embedding* tied_;  // or null
  std::optional<double> softcap_;
  std::unique_ptr<Linear> dense_;
  std::unique_ptr<Norm> norm_;
  Tensor weight_, bias_;
};

class Transformer final : public LanguageModel {
 public:
  // Weights are drawn from init in the order of parameters of a Llama. `mixer` makes other mixers than
  // attention, for the layers in which it returns one. Throws Error when sizes do not fit.
  Transformer(const TransformerConfig& config, const Init& init, const MakeMixer& mixer = {});
  // A second model with from's weights and adapters: aliases, which take no tensor memory (a reference, a
  // teacher, a base of adapters), or copies (an arm of an experiment), as take_weights() of nn/weights.h
  // makes them. `config` may differ from from's in all that has no weights (rope, window, dropout, dtype,
  // checkpointing); else throws Error. In training mode, as every new module. Other mixers are made again, by
  // from's function. Models that share weights and do not train them may run on a thread each.
  Transformer(const Transformer& from, Weights weights, const std::optional<TransformerConfig>& config = {});

  const TransformerConfig& config() const { return config_; }
  const MakeMixer& make_mixer() const { return make_mixer_; }
  const Block& block(int64_t layer) const { return model_.block(layer); }

  Tensor embed(const Tensor& ids) const override { return model_.embed(ids); }
  const Tensor& embedding_weight() const override { return model_.embedding().weight(); }
  OutputProjection output() const override;
  Tensor head_transform(const Tensor& hidden) const override { return lm_head_(hidden); }
  KVCache make_cache(int64_t rows, int64_t capacity) const override;
  std::optional<int64_t> context_length() const override { return config_.context_length(); }
  std::string pretty_print() const override;

 protected:
  Tensor run(const LmInput& in) const override { return model_(in); }
  Tensor output_logits(const Tensor& x) const override { return lm_head_.logits(x, lm_head_.bias()); }

 private:
  TransformerConfig config_;
  MakeMixer make_mixer_;
  TransformerModel model_;
  LmHead lm_head_;
};

}  // namespace roux

#endif  // ROUX_NN_MODELS_TRANSFORMER_H_
