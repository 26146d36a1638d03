#include "nn/models/config_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "nn/models/config_fields.h"
#include "nn/models/config_groups.h"
#include "tensor/error.h"

namespace roux {
namespace {

struct FamilyFile {  // in the order of Family
  const char* model_type;
  const char* architecture;
  TransformerConfig (*read)(Fields& f, Family family);
  void (*write)(const TransformerConfig& c, nlohmann::ordered_json* json);
};
constexpr FamilyFile kFamilies[] = {{"llama", "LlamaForCausalLM", read_llama, write_llama},
                                    {"mistral", "MistralForCausalLM", read_llama, write_llama},
                                    {"qwen2", "Qwen2ForCausalLM", read_llama, write_llama},
                                    {"gemma", "GemmaForCausalLM", read_gemma, write_gemma},
                                    {"gemma2", "Gemma2ForCausalLM", read_gemma, write_gemma},
                                    {"gpt2", "GPT2LMHeadModel", read_gpt2, write_gpt2},
                                    {"gpt_neox", "GPTNeoXForCausalLM", read_gpt_neox, write_gpt_neox},
                                    {"bert", "BertForMaskedLM", read_bert, write_bert},
                                    {"roberta", "RobertaForMaskedLM", read_bert, write_bert},
                                    {"qwen2_moe", "Qwen2MoeForCausalLM", read_experts, write_experts},
                                    {"qwen3", "Qwen3ForCausalLM", read_llama, write_llama},
                                    {"gemma3_text", "Gemma3ForCausalLM", read_gemma, write_gemma},
                                    {"mixtral", "MixtralForCausalLM", read_experts, write_experts},
                                    {"olmoe", "OlmoeForCausalLM", read_experts, write_experts},
                                    {"bloom", "BloomForCausalLM", read_bloom, write_bloom},
                                    {"phi3", "Phi3ForCausalLM", read_phi3, write_phi3},
                                    {"olmo2", "Olmo2ForCausalLM", read_olmo2, write_olmo2}};

// What a file does not say, and what it says in two ways.
TransformerConfig as_in_files(TransformerConfig c) {
  c.num_key_value_heads = c.kv_heads();
  c.head_dim = c.head_size();
  c.gradient_checkpointing = false;
  c.compute_dtype = kF32;
  c.scale_residual_init = false;
  if (c.family == Family::kBloom) c.max_position_embeddings = 0;
  if (!c.sliding_window || c.full_attention_every > c.num_hidden_layers) c.full_attention_every = 0;
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
  ROUX_DIFFERS(local_rope);
  ROUX_DIFFERS(causal);
  ROUX_DIFFERS(cross_attention);
  ROUX_DIFFERS(qkv_bias);
  ROUX_DIFFERS(output_bias);
  ROUX_DIFFERS(mlp_bias);
  ROUX_DIFFERS(qk_norm);
  ROUX_DIFFERS(key_smear);
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
  if (row == std::end(kFamilies)) {
    f.unimplemented(absl::StrCat("model_type \"", type, "\""));
  } else {
    c = row->read(f, static_cast<Family>(row - std::begin(kFamilies)));
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
  const FamilyFile& file = kFamilies[static_cast<size_t>(c.family)];
  nlohmann::ordered_json json;
  json["architectures"] = {file.architecture};
  json["model_type"] = file.model_type;
  json["vocab_size"] = c.vocab_size;
  if (c.family != Family::kGpt2) json["hidden_size"] = c.hidden_size;
  json["tie_word_embeddings"] = c.tie_word_embeddings;
  file.write(c, &json);
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
