#include "nn/transformer_config.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tensor/error.h"

namespace roux {

std::optional<int64_t> TransformerConfig::context_length() const {
  if (positions == Positions::kNone || distance_biased()) return std::nullopt;
  return max_position_embeddings - position_offset;
}

std::optional<int64_t> TransformerConfig::window(int64_t layer) const {
  const bool full = full_attention_every > 0 && (layer + 1) % full_attention_every == 0;
  return full ? std::nullopt : sliding_window;
}

bool TransformerConfig::has_experts(int64_t layer) const {
  return moe &&
         std::find(moe->dense_layers.begin(), moe->dense_layers.end(), layer) == moe->dense_layers.end();
}

void TransformerConfig::check() const {
  const auto positive = [](const char* name, int64_t value) {
    ROUX_CHECK(value > 0) << "transformer: " << name << " is " << value << ", needed at least 1";
  };
  positive("vocab_size", vocab_size);
  positive("hidden_size", hidden_size);
  positive("intermediate_size", intermediate_size);
  positive("num_attention_heads", num_attention_heads);
  positive("num_key_value_heads", kv_heads());
  positive("max_position_embeddings", max_position_embeddings);
  positive("sliding_window", sliding_window.value_or(1));
  const auto not_negative = [](const char* name, int64_t value) {
    ROUX_CHECK(value >= 0) << "transformer: " << name << " is " << value << ", needed at least 0";
  };
  not_negative("num_hidden_layers", num_hidden_layers);
  not_negative("full_attention_every", full_attention_every);
  not_negative("type_vocab_size", type_vocab_size);
  not_negative("position_offset", position_offset);
  ROUX_CHECK(position_offset < max_position_embeddings)
      << "transformer: position_offset is " << position_offset << ", needed below max_position_embeddings, "
      << max_position_embeddings;
  ROUX_CHECK(head_dim.has_value() || hidden_size % num_attention_heads == 0)
      << "transformer: hidden_size " << hidden_size << " is not a multiple of num_attention_heads "
      << num_attention_heads << ", and no head_dim is given";
  positive("head_dim", head_size());
  ROUX_CHECK(num_attention_heads % kv_heads() == 0)
      << "transformer: num_attention_heads " << num_attention_heads
      << " is not a multiple of num_key_value_heads " << kv_heads();
  if (moe) {
    positive("moe.experts", moe->experts);
    positive("moe.width", moe->width);
    not_negative("moe.shared_width", moe->shared_width);
    ROUX_CHECK(moe->per_token >= 1 && moe->per_token <= moe->experts)
        << "transformer: moe.per_token is " << moe->per_token << ", needed 1 to moe.experts, "
        << moe->experts;
    ROUX_CHECK(!moe->shared_gate || moe->shared_width > 0)
        << "transformer: moe.shared_gate needs moe.shared_width above 0";
    ROUX_CHECK(dropout.units == 0) << "transformer: dropout.units with experts is not supported";
    int64_t last = -1;
    for (const int64_t layer : moe->dense_layers) {
      ROUX_CHECK(last < layer && layer < num_hidden_layers)
          << "transformer: moe.dense_layers has " << layer << " behind " << last
          << ", needed ascending layers of " << num_hidden_layers;
      last = layer;
    }
  }
  const auto in_range = [](const char* name, double value, bool fits, const char* needed) {
    ROUX_CHECK(fits && std::isfinite(value))
        << "transformer: " << name << " is " << value << ", needed " << needed;
  };
  in_range("norm_eps", norm_eps, norm_eps >= 0, "at least 0");
  in_range("attention_scale", attention_scale.value_or(1), true, "a finite one");
  in_range("attention_softcap", attention_softcap.value_or(1), attention_softcap.value_or(1) > 0,
           "one above 0");
  in_range("logit_softcap", logit_softcap.value_or(1), logit_softcap.value_or(1) > 0, "one above 0");
  for (const auto& [name, rate] : {std::pair("dropout.embedding", dropout.embedding),
                                   {"dropout.attention", dropout.attention},
                                   {"dropout.hidden", dropout.hidden},
                                   {"dropout.units", dropout.units},
                                   {"dropout.output", dropout.output}}) {
    in_range(name, rate, rate >= 0 && rate < 1, "0 <= rate < 1");
  }
  ROUX_CHECK(is_floating(compute_dtype))
      << "transformer: compute_dtype is " << name(compute_dtype) << ", needed a floating one";
  ROUX_CHECK(!cross_attention || residual == Residual::kPreNorm || residual == Residual::kPostNorm)
      << "transformer: cross_attention needs blocks of kPreNorm or kPostNorm";
  const int64_t buckets = causal ? relative_attention_num_buckets : relative_attention_num_buckets / 2;
  ROUX_CHECK(positions != Positions::kBuckets ||
             (buckets >= 2 && relative_attention_max_distance > buckets / 2))
      << "transformer: relative_attention_num_buckets " << relative_attention_num_buckets
      << " and relative_attention_max_distance " << relative_attention_max_distance << ", needed at least "
      << (causal ? 2 : 4) << ", and more than " << buckets / 2;
  ROUX_CHECK(!local_rope || sliding_window) << "transformer: local_rope without a sliding_window";
  for (const Rope& each : {rope, local_rope.value_or(rope)}) {
    const auto rotated = static_cast<int64_t>(each.fraction * static_cast<double>(head_size()));
    ROUX_CHECK(positions != Positions::kRotary || (rotated > 0 && rotated % 2 == 0))
        << "transformer: rotary positions turn " << rotated << " of a head's " << head_size()
        << " units (rope.fraction " << each.fraction << "), needed an even number";
  }
}

Init residual_init(const TransformerConfig& config, const Init& init) {
  Init scaled = init;
  if (config.scale_residual_init) {
    scaled.std = init.std / std::sqrt(2.0 * static_cast<double>(config.num_hidden_layers));
  }
  return scaled;
}

TransformerConfig gpt2_style() {
  TransformerConfig c;
  c.vocab_size = 50257, c.hidden_size = 768, c.intermediate_size = 3072, c.num_hidden_layers = 12,
  c.num_attention_heads = 12, c.max_position_embeddings = 1024;
  c.family = Family::kGpt2;
  c.norm = NormKind::kLayer, c.norm_eps = 1e-5;
  c.activation = Activation::kGeluTanh;
  c.positions = Positions::kLearned;
  c.qkv_bias = c.output_bias = c.mlp_bias = true;
  c.tie_word_embeddings = true;
  c.scale_residual_init = true;
  return c;
}

TransformerConfig gpt_neox_style() {
  TransformerConfig c;
  c.vocab_size = 50304, c.hidden_size = 128, c.intermediate_size = 512, c.num_hidden_layers = 6,
  c.num_attention_heads = 4, c.max_position_embeddings = 2048;
  c.family = Family::kGptNeoX;
  c.residual = Residual::kParallel;
  c.norm = NormKind::kLayer, c.norm_eps = 1e-5;
  c.activation = Activation::kGelu;
  c.rope.fraction = 0.25;
  c.qkv_bias = c.output_bias = c.mlp_bias = true;
  return c;
}

TransformerConfig gemma_style() {
  TransformerConfig c;
  c.vocab_size = 256000, c.hidden_size = 2048, c.intermediate_size = 16384, c.num_hidden_layers = 18,
  c.num_attention_heads = 8, c.num_key_value_heads = 1, c.head_dim = 256, c.max_position_embeddings = 8192;
  c.family = Family::kGemma;
  c.norm = NormKind::kRmsPlusOne;
  c.activation = Activation::kGeglu;
  c.scale_embedding = true;
  c.tie_word_embeddings = true;
  return c;
}

TransformerConfig gemma2_style() {
  TransformerConfig c = gemma_style();
  c.hidden_size = 2304, c.intermediate_size = 9216, c.num_hidden_layers = 26, c.num_key_value_heads = 4;
  c.sliding_window = 4096, c.full_attention_every = 2;
  c.family = Family::kGemma2;
  c.residual = Residual::kSandwich;
  c.attention_softcap = 50, c.logit_softcap = 30;
  return c;
}

TransformerConfig bert_style() {
  TransformerConfig c;
  c.vocab_size = 30522, c.hidden_size = 768, c.intermediate_size = 3072, c.num_hidden_layers = 12,
  c.num_attention_heads = 12, c.max_position_embeddings = 512, c.type_vocab_size = 2;
  c.family = Family::kBert;
  c.residual = Residual::kPostNorm;
  c.norm = NormKind::kLayer, c.norm_eps = 1e-12;
  c.activation = Activation::kGelu;
  c.positions = Positions::kLearned;
  c.causal = false;
  c.qkv_bias = c.output_bias = c.mlp_bias = true;
  c.tie_word_embeddings = c.embedding_norm = c.head_transform = c.head_bias = true;
  return c;
}

TransformerConfig qwen2_moe_style() {
  TransformerConfig c;
  c.vocab_size = 151936, c.hidden_size = 2048, c.intermediate_size = 5632, c.num_hidden_layers = 24,
  c.num_attention_heads = 16, c.max_position_embeddings = 8192;
  c.family = Family::kQwen2Moe;
  c.qkv_bias = true;
  c.rope.theta = 1e6;
  c.moe = MoeConfig{.experts = 60, .per_token = 4, .width = 1408, .shared_width = 5632, .shared_gate = true};
  return c;
}

TransformerConfig qwen3_style() {
  TransformerConfig c;
  c.vocab_size = 151936, c.hidden_size = 1024, c.intermediate_size = 3072, c.num_hidden_layers = 28,
  c.num_attention_heads = 16, c.num_key_value_heads = 8, c.head_dim = 128, c.max_position_embeddings = 40960;
  c.family = Family::kQwen3;
  c.qk_norm = QkNorm::kPerHead;
  c.rope.theta = 1e6;
  c.tie_word_embeddings = true;
  return c;
}

TransformerConfig gemma3_style() {
  TransformerConfig c = gemma2_style();
  c.vocab_size = 262144, c.hidden_size = 640, c.intermediate_size = 2048, c.num_hidden_layers = 18,
  c.num_attention_heads = 4, c.num_key_value_heads = 1, c.max_position_embeddings = 32768;
  c.sliding_window = 512, c.full_attention_every = 6;
  c.family = Family::kGemma3;
  c.qk_norm = QkNorm::kPerHead;
  c.rope.theta = 1e6;
  c.local_rope = Rope();
  c.attention_softcap = c.logit_softcap = std::nullopt;
  return c;
}

TransformerConfig mixtral_style() {
  TransformerConfig c;
  c.intermediate_size = 14336, c.num_key_value_heads = 8, c.max_position_embeddings = 32768;
  c.family = Family::kMixtral;
  c.norm_eps = 1e-5;
  c.rope.theta = 1e6;
  c.moe = MoeConfig{.experts = 8, .per_token = 2, .width = 14336, .renormalise = true};
  return c;
}

TransformerConfig olmoe_style() {
  TransformerConfig c;
  c.vocab_size = 50304, c.hidden_size = 2048, c.intermediate_size = 1024, c.num_hidden_layers = 16,
  c.num_attention_heads = 16, c.max_position_embeddings = 4096;
  c.family = Family::kOlmoe;
  c.norm_eps = 1e-5;
  c.qk_norm = QkNorm::kJoined;
  c.moe = MoeConfig{.experts = 64, .per_token = 8, .width = 1024};
  return c;
}

TransformerConfig bloom_style() {
  TransformerConfig c;
  c.vocab_size = 250880, c.hidden_size = 1024, c.intermediate_size = 4096, c.num_hidden_layers = 24,
  c.num_attention_heads = 16;
  c.family = Family::kBloom;
  c.norm = NormKind::kLayer, c.norm_eps = 1e-5;
  c.activation = Activation::kGeluTanh;
  c.positions = Positions::kAlibi;
  c.qkv_bias = c.output_bias = c.mlp_bias = true;
  c.tie_word_embeddings = c.embedding_norm = true;
  return c;
}

TransformerConfig phi3_style() {
  TransformerConfig c;
  c.vocab_size = 32064, c.hidden_size = 3072, c.intermediate_size = 8192, c.max_position_embeddings = 4096;
  c.family = Family::kPhi3;
  c.norm_eps = 1e-5;
  c.sliding_window = 2047;
  return c;
}

TransformerConfig olmo2_style() {
  TransformerConfig c;
  c.vocab_size = 100352, c.hidden_size = 2048, c.intermediate_size = 8192, c.num_hidden_layers = 16,
  c.num_attention_heads = 16, c.max_position_embeddings = 4096;
  c.family = Family::kOlmo2;
  c.residual = Residual::kReorderedNorm;
  c.qk_norm = QkNorm::kJoined;
  c.rope.theta = 5e5;
  return c;
}

}  // namespace roux
