#include "recipes/kit/models/gguf_config.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "recipes/kit/models/gguf_keys.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using internal::GgufKeys;

// Numbers that are a tensor; empty without it.
std::vector<float> read_numbers(GgufKeys& k, const std::string& name) {
  const GgufTensor* found = k.file().find(name);
  if (found == nullptr) return {};
  const absl::StatusOr<Tensor> tensor = k.file().load(*found);
  if (tensor.ok() && tensor->dtype() == kF32) return tensor->to_vector<float>();
  k.unsupported(absl::StrCat(name, " of a type but F32"));
  return {};
}

// Llama 3's frequencies are not in the keys: the converter divides them itself and writes the divisors.
// They are recognised as those of its one formula, with the factor that they contain.
void read_frequency_factors(GgufKeys& k, TransformerConfig* c) {
  const std::vector<float> values = read_numbers(k, "rope_freqs.weight");
  if (values.empty()) return;
  RopeScaling scaling{.type = RopeType::kLlama3, .original_max_position_embeddings = 8192};
  for (const float value : values) scaling.factor = std::max<double>(scaling.factor, value);
  const auto length = static_cast<double>(scaling.original_max_position_embeddings);
  bool same = static_cast<int64_t>(values.size()) == c->head_size() / 2;
  for (size_t i = 0; same && i < values.size(); ++i) {
    const double pair = 2.0 * static_cast<double>(i) / static_cast<double>(c->head_size());
    const double turns = length / (2 * M_PI * std::pow(c->rope.theta, pair));
    const double low = scaling.low_freq_factor, high = scaling.high_freq_factor;
    const double kept = std::clamp((turns - low) / (high - low), 0.0, 1.0);  // share of the frequency
    const double divisor = 1 / ((1 - kept) / scaling.factor + kept);
    same = std::abs(values[i] - divisor) < 1e-4 * divisor;
  }
  if (!same) return k.unsupported("rope_freqs.weight that are not Llama 3's");
  c->rope.scaling = scaling;
}

// Phi-3's factors of frequencies, for short and for long texts.
void read_long_rope(GgufKeys& k, TransformerConfig* c) {
  const std::vector<float> all_short = read_numbers(k, "rope_factors_short.weight"),
                           all_long = read_numbers(k, "rope_factors_long.weight");
  if (all_short.empty() && all_long.empty()) return;
  RopeScaling& s = c->rope.scaling;
  s.type = RopeType::kLongRope;
  s.original_max_position_embeddings = k.integer("rope.scaling.original_context_length");
  s.short_factor.assign(all_short.begin(), all_short.end());
  s.long_factor.assign(all_long.begin(), all_long.end());
  s.factor = static_cast<double>(c->max_position_embeddings) /
             static_cast<double>(std::max<int64_t>(1, s.original_max_position_embeddings));
  if (k.has("rope.scaling.attn_factor")) s.attention_factor = k.number("rope.scaling.attn_factor");
}

void read_rope(GgufKeys& k, TransformerConfig* c) {
  c->rope.theta = k.number("rope.freq_base", c->rope.theta);
  const int64_t rotated = k.integer("rope.dimension_count", c->head_size());
  c->rope.fraction = static_cast<double>(rotated) / static_cast<double>(c->head_size());
  RopeScaling& s = c->rope.scaling;
  const std::string type = k.text("rope.scaling.type", "none");
  if (type == "linear") {
    s.type = RopeType::kLinear;
    s.factor = k.number("rope.scaling.factor", 1);
  } else if (type == "yarn") {
    s.type = RopeType::kYarn;
    s.factor = k.number("rope.scaling.factor", 1);
    s.original_max_position_embeddings = k.integer("rope.scaling.original_context_length");
    if (k.has("rope.scaling.yarn_log_multiplier")) k.unsupported(k.key("rope.scaling.yarn_log_multiplier"));
  } else if (type != "none") {
    k.unsupported(absl::StrCat(k.key("rope.scaling.type"), " \"", type, "\""));
  }
  read_frequency_factors(k, c);
  read_long_rope(k, c);
}

// What all architectures say in the same way, over the options of `style`.
TransformerConfig read_sizes(GgufKeys& k, const TransformerConfig& style) {
  TransformerConfig c = style;
  if (const GgufTensor* tokens = k.file().find("token_embd.weight");
      tokens != nullptr && tokens->shape.rank() == 2) {
    c.vocab_size = tokens->shape[0];
  } else {
    k.invalid("tensor token_embd.weight of two axes is missing");
  }
  c.hidden_size = k.integer("embedding_length");
  c.intermediate_size = k.integer("feed_forward_length");
  c.num_hidden_layers = k.integer("block_count");
  c.num_attention_heads = k.integer("attention.head_count");
  c.num_key_value_heads = k.integer("attention.head_count_kv", c.num_attention_heads);
  c.max_position_embeddings = k.integer("context_length");
  c.head_dim = std::nullopt;
  if (k.has("attention.key_length")) {
    c.head_dim = k.integer("attention.key_length");
    if (k.integer("attention.value_length", *c.head_dim) != *c.head_dim)
      k.unsupported(absl::StrCat(k.key("attention.value_length"), " other than key_length"));
  } else if (c.num_attention_heads < 1 || c.hidden_size % c.num_attention_heads != 0) {
    k.invalid(absl::StrCat(k.key("embedding_length"), " ", c.hidden_size, " is not a multiple of ",
                           k.key("attention.head_count"), " ", c.num_attention_heads));
  }
  c.norm_eps = k.number(c.norm == NormKind::kLayer ? "attention.layer_norm_epsilon"
                                                   : "attention.layer_norm_rms_epsilon");
  c.tie_word_embeddings = !k.has_tensor("output.weight");
  c.qkv_bias = k.has_tensor("blk.0.attn_q.bias") || k.has_tensor("blk.0.attn_qkv.bias");
  c.output_bias = k.has_tensor("blk.0.attn_output.bias");
  c.mlp_bias = k.has_tensor("blk.0.ffn_up.bias");
  // Each block has tensors, so a file of few tensors cannot ask for the memory of many blocks.
  const auto tensors = static_cast<int64_t>(k.file().tensors().size());
  if (c.num_hidden_layers < 0 || c.num_hidden_layers > tensors) {
    k.invalid(absl::StrCat(k.key("block_count"), " is ", c.num_hidden_layers, " in a file of ", tensors,
                           " tensors"));
  }
  c.dropout = {};
  return c;
}

// Experts whose width is that of all layers' MLPs.
MoeConfig read_experts(GgufKeys& k, const TransformerConfig& c, bool renormalise) {
  return {.experts = k.integer("expert_count"),
          .per_token = k.integer("expert_used_count"),
          .width = k.integer("expert_feed_forward_length", c.intermediate_size),
          .renormalise = renormalise};
}

TransformerConfig read_llama(GgufKeys& k) {
  const bool mixtral = k.integer("expert_count", 0) > 0;
  TransformerConfig c = read_sizes(k, mixtral ? mixtral_style() : TransformerConfig());
  if (mixtral) c.moe = read_experts(k, c, /*renormalise=*/true);
  if (k.integer("attention.sliding_window", 0) > 0) {
    c.family = Family::kMistral;
    c.sliding_window = k.integer("attention.sliding_window");
  }
  return c;
}

TransformerConfig read_qwen2(GgufKeys& k) {
  TransformerConfig c = read_sizes(k, TransformerConfig());
  c.family = Family::kQwen2;
  return c;
}

TransformerConfig read_qwen2_moe(GgufKeys& k) {
  TransformerConfig c = read_sizes(k, qwen2_moe_style());
  c.moe = MoeConfig{.experts = k.integer("expert_count"),
                    .per_token = k.integer("expert_used_count"),
                    .width = k.integer("expert_feed_forward_length"),
                    .shared_width = k.integer("expert_shared_feed_forward_length"),
                    .shared_gate = true};
  return c;
}

TransformerConfig read_qwen3(GgufKeys& k) { return read_sizes(k, qwen3_style()); }

TransformerConfig read_phi3(GgufKeys& k) {
  TransformerConfig c = read_sizes(k, phi3_style());
  c.sliding_window = std::nullopt;
  if (k.integer("attention.sliding_window", 0) > 0) c.sliding_window = k.integer("attention.sliding_window");
  return c;
}

TransformerConfig read_olmoe(GgufKeys& k) {
  TransformerConfig c = read_sizes(k, olmoe_style());
  c.moe = read_experts(k, c, /*renormalise=*/false);
  return c;
}

TransformerConfig read_olmo2(GgufKeys& k) { return read_sizes(k, olmo2_style()); }

TransformerConfig read_gemma(GgufKeys& k) { return read_sizes(k, gemma_style()); }

TransformerConfig read_gemma2(GgufKeys& k) {
  TransformerConfig c = read_sizes(k, gemma2_style());
  c.sliding_window = k.integer("attention.sliding_window", 4096);
  c.attention_softcap = k.number("attn_logit_softcapping", 50);
  c.logit_softcap = k.number("final_logit_softcapping", 30);
  // No key says how scores are scaled; the model of 46 layers (27B) is the one that does not go by head_dim.
  if (c.num_hidden_layers == 46 && c.num_attention_heads > 0) {
    c.attention_scale = 1 / std::sqrt(static_cast<double>(c.hidden_size / c.num_attention_heads));
  }
  return c;
}

// The positions of layers with a window are those of a theta that no key says, without scaling.
TransformerConfig read_gemma3(GgufKeys& k) {
  TransformerConfig c = read_sizes(k, gemma3_style());
  c.sliding_window = k.integer("attention.sliding_window");
  c.full_attention_every = k.integer("attention.sliding_window_pattern", 6);
  c.local_rope = Rope{.theta = k.number("rope.freq_base_swa", 10000)};
  if (c.num_hidden_layers == 62 && c.num_attention_heads > 0) {  // 27B, as of Gemma 2
    c.attention_scale = 1 / std::sqrt(static_cast<double>(c.hidden_size / c.num_attention_heads));
  }
  return c;
}

TransformerConfig read_bloom(GgufKeys& k) { return read_sizes(k, bloom_style()); }

TransformerConfig read_gpt2(GgufKeys& k) { return read_sizes(k, gpt2_style()); }

TransformerConfig read_gpt_neox(GgufKeys& k) {
  TransformerConfig c = read_sizes(k, gpt_neox_style());
  c.residual = k.boolean("use_parallel_residual", true) ? Residual::kParallel : Residual::kPreNorm;
  return c;
}

TransformerConfig read_bert(GgufKeys& k) {
  TransformerConfig c = read_sizes(k, bert_style());
  c.causal = k.boolean("attention.causal", false);
  c.head_transform = c.head_bias = false;  // the format has no head for masked tokens
  c.tie_word_embeddings = true;
  const GgufTensor* types = k.file().find("token_types.weight");
  c.type_vocab_size = types == nullptr || types->shape.rank() != 2 ? 0 : types->shape[0];
  return c;
}

// Experts stand in one tensor a layer, which is looked at before there are modules for each of them.
void check_experts(GgufKeys& k, const TransformerConfig& c) {
  constexpr int64_t kMost = 1024;
  if (c.moe->experts > kMost) k.unsupported(absl::StrCat(k.key("expert_count"), " above ", kMost));
  for (int64_t layer = 0; layer < c.num_hidden_layers; ++layer) {
    const std::string name = absl::StrCat("blk.", layer, ".ffn_gate_exps.weight");
    const GgufTensor* experts = k.file().find(name);
    const Shape needed{c.moe->experts, c.moe->width, c.hidden_size};
    if (experts != nullptr && experts->shape == needed) continue;
    return k.invalid(absl::StrCat("tensor ", name, " is ",
                                  experts == nullptr ? "missing" : to_string(experts->shape), ", needed ",
                                  to_string(needed)));
  }
}

struct Architecture {
  const char* name;
  TransformerConfig (*read)(GgufKeys& keys);
};
constexpr Architecture kArchitectures[] = {
    {"llama", read_llama},   {"qwen2", read_qwen2}, {"qwen2moe", read_qwen2_moe}, {"qwen3", read_qwen3},
    {"phi3", read_phi3},     {"olmoe", read_olmoe}, {"gemma", read_gemma},        {"gemma2", read_gemma2},
    {"gemma3", read_gemma3}, {"gpt2", read_gpt2},   {"gptneox", read_gpt_neox},   {"bloom", read_bloom},
    {"bert", read_bert},     {"olmo2", read_olmo2}};

}  // namespace

absl::StatusOr<TransformerConfig> gguf_config(const GgufFile& file) {
  ROUX_ASSIGN_OR_RETURN(const std::string name, file.metadata().text("general.architecture"));
  const auto architecture = std::find_if(std::begin(kArchitectures), std::end(kArchitectures),
                                         [&](const Architecture& row) { return row.name == name; });
  if (architecture == std::end(kArchitectures)) {
    const std::string known =
        absl::StrJoin(kArchitectures, ", ",
                      [](std::string* out, const Architecture& row) { absl::StrAppend(out, row.name); });
    return absl::UnimplementedError(absl::StrCat(file.path(), ": general.architecture \"", name,
                                                 "\" is not supported; these are: ", known, ", t5"));
  }
  GgufKeys keys(file, name);
  ROUX_RETURN_IF_ERROR(keys.whole());
  TransformerConfig c = architecture->read(keys);
  ROUX_RETURN_IF_ERROR(keys.status());
  if (c.moe) check_experts(keys, c);
  if (c.positions == Positions::kRotary) read_rope(keys, &c);
  ROUX_RETURN_IF_ERROR(keys.status());
  try {
    c.check();
  } catch (const Error& error) {
    return absl::InvalidArgumentError(absl::StrCat(file.path(), ": ", error.what()));
  }
  return c;
}

}  // namespace roux::kit
