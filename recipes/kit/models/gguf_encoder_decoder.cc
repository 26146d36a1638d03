#include "recipes/kit/models/gguf_config.h"
#include "recipes/kit/models/gguf_keys.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using internal::GgufKeys;

void read_sizes(GgufKeys& k, TransformerConfig* c) {
  if (const GgufTensor* tokens = k.file().find("token_embd.weight");
      tokens != nullptr && tokens->shape.rank() == 2) {
    c->vocab_size = tokens->shape[0];
  } else {
    k.invalid("tensor token_embd.weight of two axes is missing");
  }
  c->hidden_size = k.integer("embedding_length");
  c->intermediate_size = k.integer("feed_forward_length");
  c->num_attention_heads = k.integer("attention.head_count");
  c->num_key_value_heads = c->num_attention_heads;
  c->head_dim = k.integer("attention.key_length");
  c->max_position_embeddings = k.integer("context_length");
  c->relative_attention_num_buckets = k.integer("attention.relative_buckets_count");
  c->norm_eps = k.number(k.has("attention.layer_norm_rms_epsilon") ? "attention.layer_norm_rms_epsilon"
                                                                   : "attention.layer_norm_epsilon");
  c->tie_word_embeddings = !k.has_tensor("output.weight");
  c->dropout = {};
}

// Each block has tensors, so a file of few tensors cannot ask for the memory of many blocks.
void read_layers(GgufKeys& k, const std::string& key, int64_t count, TransformerConfig* c) {
  const auto tensors = static_cast<int64_t>(k.file().tensors().size());
  if (count < 0 || count > tensors)
    k.invalid(absl::StrCat(k.key(key), " is ", count, " in a file of ", tensors, " tensors"));
  c->num_hidden_layers = count;
}

}  // namespace

bool is_gguf_encoder_decoder(const GgufFile& file) {
  const absl::StatusOr<std::string> architecture = file.metadata().text("general.architecture");
  return architecture.ok() && *architecture == "t5";
}

absl::StatusOr<EncoderDecoderConfig> gguf_encoder_decoder_config(const GgufFile& file) {
  GgufKeys k(file, "t5");
  ROUX_RETURN_IF_ERROR(k.whole());
  const bool gated = k.has_tensor("enc.blk.0.ffn_gate.weight");
  EncoderDecoderConfig config = gated ? t5_v1_1_style() : t5_style();
  read_sizes(k, &config.encoder);
  read_sizes(k, &config.decoder);
  const int64_t layers = k.integer("block_count");
  read_layers(k, "block_count", layers, &config.encoder);
  read_layers(k, "decoder_block_count", k.integer("decoder_block_count", layers), &config.decoder);
  config.scale_output = config.decoder.tie_word_embeddings;
  ROUX_RETURN_IF_ERROR(k.status());
  try {
    config.check();
  } catch (const Error& error) {
    return absl::InvalidArgumentError(absl::StrCat(file.path(), ": ", error.what()));
  }
  return config;
}

}  // namespace roux::kit
