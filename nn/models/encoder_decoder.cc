#include "nn/models/encoder_decoder.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "nn/lora.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"

namespace roux {
namespace {

const EncoderDecoderConfig& checked(const EncoderDecoderConfig& config) {
  config.check();
  return config;
}

// The same options for both, as an encoder and as a decoder.
EncoderDecoderConfig both(const TransformerConfig& c) {
  EncoderDecoderConfig config{.encoder = c, .decoder = c};
  config.encoder.causal = config.encoder.cross_attention = false;
  config.decoder.causal = config.decoder.cross_attention = true;
  return config;
}

}  // namespace

void EncoderDecoderConfig::check() const {
  encoder.check();
  decoder.check();
  const auto equal = [](const char* name, int64_t of_encoder, int64_t of_decoder) {
    ROUX_CHECK(of_encoder == of_decoder) << "encoder-decoder: " << name << " is " << of_encoder
                                         << " in the encoder, " << of_decoder << " in the decoder";
  };
  equal("vocab_size", encoder.vocab_size, decoder.vocab_size);
  equal("hidden_size", encoder.hidden_size, decoder.hidden_size);
  ROUX_CHECK(encoder.compute_dtype == decoder.compute_dtype)
      << "encoder-decoder: compute_dtype is " << name(encoder.compute_dtype) << " in the encoder, "
      << name(decoder.compute_dtype) << " in the decoder";
  ROUX_CHECK(!encoder.cross_attention && decoder.cross_attention)
      << "encoder-decoder: cross_attention is the decoder's, and needed there";
  ROUX_CHECK(!decoder.head_transform && !decoder.head_bias)
      << "encoder-decoder: head_transform and head_bias are not supported";
}

EncoderDecoderConfig t5_style() {
  TransformerConfig c;
  c.vocab_size = 32128, c.hidden_size = 512, c.intermediate_size = 2048, c.num_hidden_layers = 6,
  c.num_attention_heads = 8, c.head_dim = 64, c.max_position_embeddings = 512;
  c.activation = Activation::kRelu;
  c.positions = Positions::kBuckets;
  c.attention_scale = 1;
  c.tie_word_embeddings = true;
  EncoderDecoderConfig config = both(c);
  config.scale_output = true;
  return config;
}

EncoderDecoderConfig t5_v1_1_style() {
  EncoderDecoderConfig config = t5_style();
  for (TransformerConfig* c : {&config.encoder, &config.decoder}) {
    c->intermediate_size = 1024, c->num_hidden_layers = 8, c->num_attention_heads = 6;
    c->activation = Activation::kGeglu;
    c->tie_word_embeddings = false;
  }
  config.scale_output = false;
  return config;
}

EncoderDecoderConfig bart_style() {
  TransformerConfig c;
  c.vocab_size = 50265, c.hidden_size = 768, c.intermediate_size = 3072, c.num_hidden_layers = 6,
  c.num_attention_heads = 12, c.max_position_embeddings = 1026, c.position_offset = 2;
  c.residual = Residual::kPostNorm;
  c.norm = NormKind::kLayer, c.norm_eps = 1e-5;
  c.activation = Activation::kGelu;
  c.positions = Positions::kLearned;
  c.qkv_bias = c.output_bias = c.mlp_bias = true;
  c.tie_word_embeddings = c.embedding_norm = true;
  EncoderDecoderConfig config = both(c);
  config.family = EncoderDecoderFamily::kBart;
  config.final_logits_bias = true;
  return config;
}

EncoderDecoderConfig mbart_style() {
  EncoderDecoderConfig config = bart_style();
  config.family = EncoderDecoderFamily::kMBart;
  for (TransformerConfig* c : {&config.encoder, &config.decoder}) {
    c->vocab_size = 250027, c->hidden_size = 1024, c->intermediate_size = 4096, c->num_hidden_layers = 12,
    c->num_attention_heads = 16;
    c->residual = Residual::kPreNorm;
    c->scale_embedding = true;
  }
  return config;
}

EncoderDecoder::EncoderDecoder(const EncoderDecoderConfig& config, const Init& init)
    : config_(checked(config)),
      shared_(std::make_shared<Embedding>(config.decoder.vocab_size, config.decoder.hidden_size, init)),
      encoder_(config.encoder, init, {}, shared_),
      decoder_(config.decoder, init, {}, shared_),
      lm_head_(config.decoder, init, *shared_) {
  register_module("shared", *shared_);
  register_module("encoder", encoder_);
  register_module("decoder", decoder_);
  register_module("lm_head", lm_head_);
  if (config.final_logits_bias) {
    register_buffer("final_logits_bias", &final_logits_bias_,
                    zeros({config.decoder.vocab_size}, init.dtype, init.device));
  }
}

EncoderDecoder::EncoderDecoder(const EncoderDecoder& from, Weights weights,
                               const std::optional<EncoderDecoderConfig>& config)
    : EncoderDecoder(config.value_or(from.config_), Init{.generator = nullptr, .device = kMeta}) {
  attach_lora_like(from, *this);
  take_weights(from, *this, weights);
}

Memory EncoderDecoder::encode(const LmInput& source) const {
  try {
    ROUX_CHECK(!source.document_begin.defined() && !source.document_end.defined() &&
               !source.documents.defined())
        << "encode: a row of a source holds one document";
    return {encoder_(source), source.lengths};
  } catch (Error& error) {
    error.add_context(context());
    throw;
  }
}

OutputProjection EncoderDecoder::output() const {
  return {lm_head_.adapted_weight(), final_logits_bias_, config_.decoder.logit_softcap};
}

Tensor EncoderDecoder::head_transform(const Tensor& hidden) const {
  if (!config_.scale_output) return hidden;
  return hidden / std::sqrt(static_cast<double>(config_.decoder.hidden_size));
}

KVCache EncoderDecoder::make_cache(int64_t rows, int64_t capacity) const {
  const TransformerConfig& c = config_.decoder;
  return KVCache({c.num_hidden_layers, rows, capacity, c.kv_heads(), c.head_size(), c.compute_dtype,
                  embedding_weight().device(), c.key_smear});
}

std::string EncoderDecoder::pretty_print() const {
  return absl::StrCat("EncoderDecoder, ", num_parameters(), " parameters");
}

}  // namespace roux
