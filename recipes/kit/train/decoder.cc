#include "recipes/kit/train/decoder.h"

#include "absl/strings/str_cat.h"
#include "nn/models/transformer.h"

namespace roux::kit {

absl::Status DecoderConfig::check() const {
  if (hidden % heads == 0 && hidden / heads % 2 == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("hidden=", hidden, ", heads=", heads,
                   ": hidden must be heads times an even number (rotary positions)"));
}

TransformerConfig DecoderConfig::transformer(int64_t vocab_size) const {
  TransformerConfig config;
  config.vocab_size = vocab_size;
  config.hidden_size = hidden;
  config.intermediate_size = intermediate;
  config.num_hidden_layers = layers;
  config.num_attention_heads = heads;
  config.max_position_embeddings = length;
  return config;
}

int64_t DecoderConfig::parameters(int64_t vocab_size) const {
  Generator unused;
  return Transformer(transformer(vocab_size), init(unused, kMeta)).num_parameters();
}

}  // namespace roux::kit
