#include "nn/models/config_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "nn/models/config_fields.h"
#include "nn/models/rope_json.h"
#include "tensor/error.h"

namespace roux {
namespace {

struct FamilyFile {  // in the order of Family
  const char* model_type;
  const char* architecture;
  const char* headless;  // of a file without output projection, where we read that
};
constexpr FamilyFile kFamilies[] = {{"llama", "LlamaForCausalLM", nullptr},
                                    {"mistral", "MistralForCausalLM", nullptr},
                                    {"qwen2", "Qwen2ForCausalLM", nullptr},
                                    {"gemma", "GemmaForCausalLM", nullptr},
                                    {"gemma2", "Gemma2ForCausalLM", nullptr},
                                    {"gpt2", "GPT2LMHeadModel", nullptr},
                                    {"gpt_neox", "GPTNeoXForCausalLM", nullptr},
                                    {"bert", "BertForMaskedLM", "BertModel"},
                                    {"roberta", "RobertaForMaskedLM", "RobertaModel"},
                                    {"qwen2_moe", "Qwen2MoeForCausalLM", nullptr}};
const FamilyFile& file_of(Family family) { return kFamilies[static_cast<size_t>(family)]; }

void read_activation(Fields& f, const char* field, const std::string& otherwise, bool gated,
                     TransformerConfig* c) {
  const std::string act = f.text(field, otherwise);
  const bool tanh = act == "gelu_new" || act == "gelu_pytorch_tanh";
  if (gated && (act == "silu" || act == "swish")) {
    c->activation = Activation::kSwiglu;
  } else if (gated && tanh) {
    c->activation = Activation::kGeglu;
  } else if (!gated && tanh) {
    c->activation = Activation::kGeluTanh;
  } else if (!gated && act == "gelu") {
    c->activation = Activation::kGelu;
  } else if (!gated && act == "relu") {
    c->activation = Activation::kRelu;
  } else if (!gated && (act == "silu" || act == "swish")) {
    c->activation = Activation::kSilu;
  } else {
    f.unimplemented(absl::StrCat(field, " \"", act, "\""));
  }
}

const char* activation_name(Activation activation) {
  static constexpr const char* kNames[] = {"gelu", "gelu_new", "relu", "silu", "silu", "gelu_pytorch_tanh"};
  return kNames[static_cast<int>(activation)];
}

void read_sizes(Fields& f, TransformerConfig* c) {
  c->vocab_size = f.integer("vocab_size");
  c->hidden_size = f.integer("hidden_size");
  c->intermediate_size = f.integer("intermediate_size");
  c->num_hidden_layers = f.integer("num_hidden_layers");
  c->num_attention_heads = f.integer("num_attention_heads");
  c->max_position_embeddings = f.integer("max_position_embeddings", c->max_position_embeddings);
}

// Which layers have a window: all, or all but every second one (Gemma 2), or none.
void read_window(Fields& f, Family family, TransformerConfig* c) {
  const bool qwen2 = family == Family::kQwen2, gemma2 = family == Family::kGemma2;
  if ((!qwen2 && !gemma2 && family != Family::kMistral) || f.is_null("sliding_window")) return;
  if (qwen2 && !f.boolean("use_sliding_window", false)) return;
  const int64_t full_first = qwen2 ? f.integer("max_window_layers", 28) : 0;
  const auto full_attention = [&](int64_t layer) { return layer < full_first || (gemma2 && layer % 2 == 1); };
  int64_t windowed = 0;
  bool alternating = true;
  const JsonValue* types = f.array("layer_types");
  for (int64_t layer = 0; layer < c->num_hidden_layers; ++layer) {
    bool full = full_attention(layer);
    if (types != nullptr) {
      const auto index = static_cast<size_t>(layer);
      full = index >= types->items().size() || !types->items()[index].is_string() ||
             types->items()[index].string() != "sliding_attention";
    }
    windowed += !full;
    alternating &= full == (layer % 2 == 1);
  }
  if (windowed == 0) return;
  c->sliding_window = f.integer("sliding_window", 4096);
  if (gemma2 && alternating) {
    c->full_attention_every = 2;
  } else if (windowed != c->num_hidden_layers) {
    f.unimplemented("a window in some of the layers (max_window_layers, layer_types)");
  }
}

void read_experts(Fields& f, TransformerConfig* c) {
  MoeConfig moe{.experts = f.integer("num_experts", 60),
                .per_token = f.integer("num_experts_per_tok", 4),
                .width = f.integer("moe_intermediate_size", 1408),
                .shared_width = f.integer("shared_expert_intermediate_size", 5632),
                .shared_gate = true,
                .renormalise = f.boolean("norm_topk_prob", false)};
  if (moe.experts == 0) return;
  if (moe.shared_width == 0) f.unimplemented("shared_expert_intermediate_size 0");
  const int64_t step = std::max<int64_t>(1, f.integer("decoder_sparse_step", 1));
  const JsonValue* dense = f.array("mlp_only_layers");
  for (int64_t layer = 0; layer < c->num_hidden_layers; ++layer) {
    bool listed = false;
    for (size_t i = 0; dense != nullptr && i < dense->items().size(); ++i)
      listed |= dense->items()[i].is_integer() && dense->items()[i].integer() == layer;
    if (listed || (layer + 1) % step != 0) moe.dense_layers.push_back(layer);
  }
  c->moe = moe;
}

// Llama, Mistral, Qwen2, Qwen2-MoE, Gemma and Gemma 2.
TransformerConfig read_llama(Fields& f, Family family) {
  const bool gemma2 = family == Family::kGemma2, gemma = gemma2 || family == Family::kGemma;
  TransformerConfig c = gemma2 ? gemma2_style() : gemma ? gemma_style() : TransformerConfig();
  c.family = family;
  c.sliding_window = std::nullopt, c.full_attention_every = 0;
  if (family == Family::kMistral) c.max_position_embeddings = 131072;
  const bool qwen2_moe = family == Family::kQwen2Moe;
  if (family == Family::kQwen2 || qwen2_moe) c.max_position_embeddings = 32768;
  read_sizes(f, &c);
  c.num_key_value_heads = f.optional_integer("num_key_value_heads");
  if (family != Family::kLlama && !c.num_key_value_heads && !f.is_null("num_key_value_heads")) {
    c.num_key_value_heads = gemma2 ? 4 : gemma || qwen2_moe ? 16 : family == Family::kMistral ? 8 : 32;
  }
  c.head_dim = f.optional_integer("head_dim");
  if (gemma && !c.head_dim) c.head_dim = 256;
  c.norm_eps = f.number("rms_norm_eps", 1e-6);
  // Gemma's first files say "gelu" and were trained with its tanh form.
  const bool early_gemma = gemma && f.text("hidden_act", "gelu") == "gelu";
  read_activation(f, early_gemma ? "hidden_activation" : "hidden_act", gemma ? "gelu_pytorch_tanh" : "silu",
                  true, &c);
  c.tie_word_embeddings = f.boolean("tie_word_embeddings", gemma);
  c.qkv_bias = c.output_bias = f.boolean("attention_bias", false);
  if (family == Family::kQwen2) c.qkv_bias = true, c.output_bias = false;
  if (qwen2_moe) {
    c.qkv_bias = f.boolean("qkv_bias", true), c.output_bias = false;
    f.must_be("use_sliding_window", false);
    read_experts(f, &c);
  }
  c.mlp_bias = !qwen2_moe && f.boolean("mlp_bias", false);
  c.dropout.attention = f.number("attention_dropout", 0);
  if (gemma2) {
    const auto cap = [&](const char* name, double otherwise) -> std::optional<double> {
      if (f.is_null(name)) return std::nullopt;
      return f.number(name, otherwise);
    };
    c.attention_softcap = cap("attn_logit_softcapping", 50);
    c.logit_softcap = cap("final_logit_softcapping", 30);
    c.attention_scale = 1 / std::sqrt(f.number("query_pre_attn_scalar", 256));
  }
  read_window(f, family, &c);
  f.must_be("use_bidirectional_attention", false);
  f.must_be("rope_interleaved", false);
  read_rope(f, c.max_position_embeddings, &c.rope);
  return c;
}

TransformerConfig read_gpt2(Fields& f) {
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

TransformerConfig read_gpt_neox(Fields& f) {
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

// BERT and RoBERTa.
TransformerConfig read_bert(Fields& f, Family family) {
  TransformerConfig c = bert_style();
  c.family = family;
  read_sizes(f, &c);
  if (family == Family::kRoberta) c.position_offset = f.integer("pad_token_id", 1) + 1;
  c.type_vocab_size = f.integer("type_vocab_size", 2);
  c.norm_eps = f.number("layer_norm_eps", 1e-12);
  read_activation(f, "hidden_act", "gelu", false, &c);
  c.dropout.attention = f.number("attention_probs_dropout_prob", 0.1);
  c.dropout.hidden = c.dropout.embedding = f.number("hidden_dropout_prob", 0.1);
  c.causal = f.boolean("is_decoder", false);
  f.must_be("add_cross_attention", false);
  f.must_be("tie_word_embeddings", true);
  if (f.text("position_embedding_type", "absolute") != "absolute")
    f.unimplemented("position_embedding_type but \"absolute\"");
  const JsonValue* architectures = f.array("architectures");
  if (architectures != nullptr && !architectures->items().empty()) {
    const JsonValue& name = architectures->items().front();
    c.head_transform = c.head_bias = !name.is_string() || name.string() != file_of(family).headless;
  }
  return c;
}

// What a file does not say, and what it says in two ways.
TransformerConfig as_in_files(TransformerConfig c) {
  c.num_key_value_heads = c.kv_heads();
  c.head_dim = c.head_size();
  c.gradient_checkpointing = false;
  c.compute_dtype = kF32;
  c.scale_residual_init = false;
  return c;
}

// Readers go through the layers, so a damaged file must not have too many.
void check_layers(Fields& f, const std::string& where) {
  constexpr int64_t kMost = 1 << 16;
  for (const char* name : {"num_hidden_layers", "n_layer"}) {
    const int64_t layers = f.integer(name, 0);
    if (layers <= kMost) continue;
    f.fail(absl::InvalidArgumentError(absl::StrCat(where, ": ", name, " is ", layers, ", at most ", kMost)));
  }
}

}  // namespace

const char* torch_dtype_name(DType weights) {
  return weights == kF64    ? "float64"
         : weights == kBF16 ? "bfloat16"
         : weights == kF16  ? "float16"
                            : "float32";
}

std::string difference_in_files(const TransformerConfig& x, const TransformerConfig& y) {
  const TransformerConfig a = as_in_files(x), b = as_in_files(y);
#define ROUX_DIFFERS(field) \
  if (!(a.field == b.field)) return #field
  ROUX_DIFFERS(vocab_size);
  ROUX_DIFFERS(hidden_size);
  ROUX_DIFFERS(intermediate_size);
  ROUX_DIFFERS(num_hidden_layers);
  ROUX_DIFFERS(num_attention_heads);
  ROUX_DIFFERS(num_key_value_heads);
  ROUX_DIFFERS(head_dim);
  ROUX_DIFFERS(max_position_embeddings);
  ROUX_DIFFERS(sliding_window);
  ROUX_DIFFERS(full_attention_every);
  ROUX_DIFFERS(type_vocab_size);
  ROUX_DIFFERS(family);
  ROUX_DIFFERS(residual);
  ROUX_DIFFERS(norm);
  ROUX_DIFFERS(norm_eps);
  ROUX_DIFFERS(activation);
  ROUX_DIFFERS(moe);
  ROUX_DIFFERS(positions);
  ROUX_DIFFERS(position_offset);
  ROUX_DIFFERS(relative_attention_num_buckets);
  ROUX_DIFFERS(relative_attention_max_distance);
  ROUX_DIFFERS(rope);
  ROUX_DIFFERS(causal);
  ROUX_DIFFERS(cross_attention);
  ROUX_DIFFERS(qkv_bias);
  ROUX_DIFFERS(output_bias);
  ROUX_DIFFERS(mlp_bias);
  ROUX_DIFFERS(tie_word_embeddings);
  ROUX_DIFFERS(embedding_norm);
  ROUX_DIFFERS(head_transform);
  ROUX_DIFFERS(head_bias);
  ROUX_DIFFERS(scale_embedding);
  ROUX_DIFFERS(attention_scale);
  ROUX_DIFFERS(attention_softcap);
  ROUX_DIFFERS(logit_softcap);
  ROUX_DIFFERS(dropout);
#undef ROUX_DIFFERS
  return "";
}

absl::StatusOr<TransformerConfig> parse_config_json(std::string_view text, const std::string& where) {
  ROUX_ASSIGN_OR_RETURN(const JsonValue json, parse_json_value(text, where));
  if (!json.is_object()) return absl::InvalidArgumentError(absl::StrCat(where, ": not an object"));
  Fields f(json, where);
  check_layers(f, where);
  const std::string type = f.text("model_type", "");
  ROUX_RETURN_IF_ERROR(f.status());
  TransformerConfig c;
  const auto row = std::find_if(std::begin(kFamilies), std::end(kFamilies),
                                [&](const FamilyFile& file) { return type == file.model_type; });
  const auto family = static_cast<Family>(row - std::begin(kFamilies));
  if (row == std::end(kFamilies)) {
    f.unimplemented(absl::StrCat("model_type \"", type, "\""));
  } else if (family == Family::kGpt2) {
    c = read_gpt2(f);
  } else if (family == Family::kGptNeoX) {
    c = read_gpt_neox(f);
  } else if (family == Family::kBert || family == Family::kRoberta) {
    c = read_bert(f, family);
  } else {
    c = read_llama(f, family);
  }
  ROUX_RETURN_IF_ERROR(f.status());
  try {
    c.check();
  } catch (const Error& error) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": ", error.what()));
  }
  return c;
}

absl::StatusOr<std::string> config_json(const TransformerConfig& c, DType weights) {
  const FamilyFile& file = file_of(c.family);
  const bool gpt2 = c.family == Family::kGpt2, neox = c.family == Family::kGptNeoX;
  const bool bert = c.family == Family::kBert || c.family == Family::kRoberta;
  const bool llama = !gpt2 && !neox && !bert, gemma2 = c.family == Family::kGemma2,
             qwen2_moe = c.family == Family::kQwen2Moe;
  nlohmann::ordered_json json;
  json["architectures"] = {bert && !c.head_bias ? file.headless : file.architecture};
  json["model_type"] = file.model_type;
  json["vocab_size"] = c.vocab_size;
  json[gpt2 ? "n_embd" : "hidden_size"] = c.hidden_size;
  json[gpt2 ? "n_inner" : "intermediate_size"] = c.intermediate_size;
  json[gpt2 ? "n_layer" : "num_hidden_layers"] = c.num_hidden_layers;
  json[gpt2 ? "n_head" : "num_attention_heads"] = c.num_attention_heads;
  json[gpt2 ? "n_positions" : "max_position_embeddings"] = c.max_position_embeddings;
  json[gpt2     ? "activation_function"
       : gemma2 ? "hidden_activation"
                : "hidden_act"] = activation_name(c.activation);
  json[gpt2 ? "layer_norm_epsilon" : llama ? "rms_norm_eps" : "layer_norm_eps"] = c.norm_eps;
  json["tie_word_embeddings"] = c.tie_word_embeddings;
  json[gpt2   ? "attn_pdrop"
       : bert ? "attention_probs_dropout_prob"
              : "attention_dropout"] = c.dropout.attention;
  if (!llama) json[gpt2 ? "resid_pdrop" : bert ? "hidden_dropout_prob" : "hidden_dropout"] = c.dropout.hidden;
  if (gpt2) json["embd_pdrop"] = c.dropout.embedding;
  if (llama || neox) {
    json["rope_theta"] = c.rope.theta;
    json["rope_parameters"] = rope_json(c.rope);
    if (c.rope.scaling.type != RopeType::kDefault) json["rope_scaling"] = json["rope_parameters"];
    if (c.family != Family::kQwen2) json[qwen2_moe ? "qkv_bias" : "attention_bias"] = c.qkv_bias;
  }
  if (neox) {
    json["use_parallel_residual"] = c.residual == Residual::kParallel;
    json["rotary_pct"] = c.rope.fraction;
    json["rotary_emb_base"] = c.rope.theta;
  }
  if (llama) {
    json["num_key_value_heads"] = c.kv_heads();
    if (c.head_dim || c.norm == NormKind::kRmsPlusOne) json["head_dim"] = c.head_size();
    json["mlp_bias"] = c.mlp_bias;
    json["sliding_window"] = nullptr;
    if (c.sliding_window) json["sliding_window"] = *c.sliding_window;
  }
  if (c.family == Family::kQwen2) {
    json["use_sliding_window"] = c.sliding_window.has_value();
    json["max_window_layers"] = 0;
  }
  if (qwen2_moe) {
    const MoeConfig moe = c.moe.value_or(MoeConfig());
    json["num_experts"] = moe.experts;
    json["num_experts_per_tok"] = moe.per_token;
    json["moe_intermediate_size"] = moe.width;
    json["shared_expert_intermediate_size"] = moe.shared_width;
    json["norm_topk_prob"] = moe.renormalise;
    json["decoder_sparse_step"] = 1;
    json["mlp_only_layers"] = moe.dense_layers;
  }
  if (gemma2) {
    const auto or_null = [](const std::optional<double>& x) {
      return x ? nlohmann::ordered_json(*x) : nlohmann::ordered_json();
    };
    json["attn_logit_softcapping"] = or_null(c.attention_softcap);
    json["final_logit_softcapping"] = or_null(c.logit_softcap);
    const double scale = c.attention_scale.value_or(1 / std::sqrt(static_cast<double>(c.head_size())));
    const double scalar = 1 / (scale * scale);
    const double whole = std::round(scalar);  // which transformers wants
    json["query_pre_attn_scalar"] = scalar;
    if (std::abs(whole - scalar) < 1e-9 * scalar) json["query_pre_attn_scalar"] = static_cast<int64_t>(whole);
  }
  if (bert) {
    json["type_vocab_size"] = c.type_vocab_size;
    json["is_decoder"] = c.causal;
    json["pad_token_id"] = c.family == Family::kRoberta ? c.position_offset - 1 : 0;
  }
  json["torch_dtype"] = torch_dtype_name(weights);
  const std::string text = json.dump(2) + "\n";
  ROUX_ASSIGN_OR_RETURN(const TransformerConfig read, parse_config_json(text, "config.json"));
  const std::string field = difference_in_files(c, read);
  if (!field.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("config.json: the files of ", file.model_type,
                                                   " models cannot express this model's ", field));
  }
  return text;
}

}  // namespace roux
