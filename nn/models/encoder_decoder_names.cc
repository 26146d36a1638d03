#include "nn/models/encoder_decoder_names.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nn/models/checkpoint_tools.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

constexpr const char* kBias = "final_logits_bias";
constexpr const char* kEmbedding = "shared.weight";

// Each module of ours, and its name in files.
using Modules = std::vector<std::pair<std::string, std::string>>;

void t5_stack(const TransformerConfig& c, const std::string& stack, Modules* out) {
  const bool gated = c.activation == Activation::kGeglu || c.activation == Activation::kSwiglu;
  const auto add = [&](const std::string& ours, const std::string& file) {
    out->emplace_back(absl::StrCat(stack, ".", ours), absl::StrCat(stack, ".", file));
  };
  add("relative_attention.bias", "block.0.layer.0.SelfAttention.relative_attention_bias");
  add("norm", "final_layer_norm");
  for (int64_t i = 0; i < c.num_hidden_layers; ++i) {
    const std::string ours = absl::StrCat("layers.", i, "."), file = absl::StrCat("block.", i, ".layer.");
    const auto attention = [&](const char* our_name, const char* their_name) {
      for (const std::string letter : {"q", "k", "v", "o"}) {
        add(absl::StrCat(ours, our_name, ".", letter, "_proj"), absl::StrCat(file, their_name, ".", letter));
      }
    };
    attention("self_attn", "0.SelfAttention");
    add(ours + "input_layernorm", file + "0.layer_norm");
    if (c.cross_attention) {
      attention("cross_attn", "1.EncDecAttention");
      add(ours + "cross_attn_layernorm", file + "1.layer_norm");
    }
    const std::string mlp = absl::StrCat(file, c.cross_attention ? 2 : 1, ".");
    add(ours + "mlp.gate_proj", mlp + "DenseReluDense.wi_0");
    add(ours + "mlp.up_proj", mlp + (gated ? "DenseReluDense.wi_1" : "DenseReluDense.wi"));
    add(ours + "mlp.down_proj", mlp + "DenseReluDense.wo");
    add(ours + "post_attention_layernorm", mlp + "layer_norm");
  }
}

void bart_stack(const TransformerConfig& c, const std::string& stack, Modules* out) {
  const auto add = [&](const std::string& ours, const std::string& file) {
    out->emplace_back(absl::StrCat(stack, ".", ours), absl::StrCat("model.", stack, ".", file));
  };
  add("embed_positions", "embed_positions");
  add("embedding_norm", "layernorm_embedding");
  add("norm", "layer_norm");
  for (int64_t i = 0; i < c.num_hidden_layers; ++i) {
    const std::string layer = absl::StrCat("layers.", i, ".");
    for (const auto& [ours, file] :
         {std::pair("self_attn.", "self_attn."), {"cross_attn.", "encoder_attn."}}) {
      for (const std::string name : {"q_proj", "k_proj", "v_proj"})
        add(layer + ours + name, layer + file + name);
      add(absl::StrCat(layer, ours, "o_proj"), absl::StrCat(layer, file, "out_proj"));
    }
    add(layer + "input_layernorm", layer + "self_attn_layer_norm");
    add(layer + "cross_attn_layernorm", layer + "encoder_attn_layer_norm");
    add(layer + "mlp.up_proj", layer + "fc1");
    add(layer + "mlp.down_proj", layer + "fc2");
    add(layer + "post_attention_layernorm", layer + "final_layer_norm");
  }
}

Modules modules_of(const EncoderDecoderConfig& c) {
  const bool t5 = c.family == EncoderDecoderFamily::kT5;
  Modules modules = {{"shared", t5 ? "shared" : "model.shared"}, {"lm_head", "lm_head"}};
  const auto add = t5 ? t5_stack : bart_stack;
  add(c.encoder, "encoder", &modules);
  add(c.decoder, "decoder", &modules);
  return modules;
}

// Without an effect in these models.
bool unused(const std::string& name) {
  return absl::EndsWith(name, "EncDecAttention.relative_attention_bias.weight") ||
         absl::EndsWith(name, "coder.version");
}

}  // namespace

absl::StatusOr<NamedTensors> from_checkpoint(const EncoderDecoderConfig& c, const NamedTensors& file) {
  const bool t5 = c.family == EncoderDecoderFamily::kT5, tied = c.decoder.tie_word_embeddings;
  absl::flat_hash_map<std::string, std::string> ours;
  for (const auto& [our_name, their_name] : modules_of(c)) ours.emplace(their_name, our_name);
  NoGradGuard no_grad;
  NamedTensors model;
  absl::flat_hash_map<std::string, std::pair<std::string, Tensor>> origin;  // of each name of ours
  for (const auto& [name, value] : file) {
    if (unused(name)) continue;
    const bool bare = !t5 && !absl::StartsWith(name, "model.") && !absl::StartsWith(name, "lm_head.");
    const auto [module, leaf] = split_leaf(bare ? absl::StrCat("model.", name) : name);
    const std::string stem = absl::StartsWith(module, "model.") ? module.substr(6) : module;
    const bool repeat =
        stem == "encoder.embed_tokens" || stem == "decoder.embed_tokens" || (tied && stem == "lm_head");
    const auto found = ours.find(module);
    const bool bias = c.final_logits_bias && name == kBias;
    const std::string our_name = bias                  ? kBias
                                 : repeat              ? kEmbedding
                                 : found != ours.end() ? absl::StrCat(found->second, ".", leaf)
                                                       : name;
    const Tensor x = bias && value.dim() == 2 && value.size(0) == 1 ? squeeze(value, 0) : value;
    const auto [earlier, added] = origin.emplace(our_name, std::pair(name, x));
    if (added) {
      model.emplace_back(our_name, x);
    } else if (our_name != kEmbedding) {
      return absl::InvalidArgumentError(
          absl::StrCat("checkpoint: ", earlier->second.first, " and ", name, " are both ", our_name));
    } else if (!same_values(x, earlier->second.second)) {
      return absl::InvalidArgumentError(
          absl::StrCat("checkpoint: ", name, ", ", to_string(x.spec()), ", is not ", earlier->second.first,
                       ", ", to_string(earlier->second.second.spec()), ": this model ties them"));
    }
  }
  const auto shared = origin.find(kEmbedding);
  if (shared != origin.end()) {
    const Tensor& embedding = shared->second.second;
    if (!tied && !origin.contains("lm_head.weight")) model.emplace_back("lm_head.weight", embedding);
    if (c.final_logits_bias && !origin.contains(kBias)) {
      model.emplace_back(kBias, zeros({c.decoder.vocab_size}, embedding.dtype()));
    }
  }
  return model;
}

absl::StatusOr<NamedTensors> to_checkpoint(const EncoderDecoderConfig& c, const NamedTensors& model) {
  absl::flat_hash_map<std::string, std::string> files;
  for (const auto& [our_name, their_name] : modules_of(c)) files.emplace(our_name, their_name);
  NoGradGuard no_grad;
  NamedTensors file;
  for (const auto& [name, value] : model) {
    if (name == kBias) {
      file.emplace_back(name, unsqueeze(value, 0));
      continue;
    }
    const auto [module, leaf] = split_leaf(name);
    const auto found = files.find(module);
    if (found == files.end() || (leaf != "weight" && leaf != "bias")) {
      return absl::InvalidArgumentError(
          absl::StrCat("checkpoint: ", name, " has no place in the files of this family"));
    }
    file.emplace_back(absl::StrCat(found->second, ".", leaf), value);
  }
  return file;
}

FileModule file_module(const EncoderDecoderConfig& c, const std::string& ours) {
  for (const auto& [our_name, their_name] : modules_of(c)) {
    if (our_name == ours) return {their_name, {ours}};
  }
  return {ours, {ours}};
}

}  // namespace roux
