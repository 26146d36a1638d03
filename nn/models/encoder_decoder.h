// Two Transformers: an encoder that reads a source both ways, and a decoder that sees what it made of it. T5,
// BART and mBART are configurations.
//
//   EncoderDecoder model(t5_style(), Init{&generator});
//   const Memory memory = model.encode({.ids = source, .lengths = source_lengths});
//   const Tensor loss = model.loss_sum({.ids = shifted, .memory = memory}, targets);
//
//   KVCache cache = model.make_cache(4 * sources, capacity);               // four beams a source, one memory
//   model.logits({.ids = first, .cache = &cache, .memory = memory});       // makes cross-attention's keys, once
//   model.logits({.ids = next, .cache = &cache});                          // reads them in the cache
#ifndef ROUX_NN_MODELS_ENCODER_DECODER_H_
#define ROUX_NN_MODELS_ENCODER_DECODER_H_

#include <memory>
#include <optional>
#include <string>

#include "nn/models/language_model.h"
#include "nn/models/transformer.h"

namespace roux {

// Whose files a model reads and writes.
enum class EncoderDecoderFamily : uint8_t { kT5, kBart, kMBart };

struct EncoderDecoderConfig {
  // Of one vocab_size, hidden_size and compute_dtype. Token embeddings are shared by both, and where
  // decoder.tie_word_embeddings says so by the head.
  TransformerConfig encoder, decoder;
  EncoderDecoderFamily family = EncoderDecoderFamily::kT5;
  bool scale_output = false;       // hidden states are divided by sqrt(hidden_size) before the output weight
  bool final_logits_bias = false;  // a buffer [V], not trained, is added to the logits

  // Throws Error naming the field when the two do not fit each other.
  void check() const;

  friend bool operator==(const EncoderDecoderConfig&, const EncoderDecoderConfig&) = default;
};

// Options and sizes of the smallest published model of a family.
EncoderDecoderConfig t5_style();       // T5 small: ReLU, scaled tied head
EncoderDecoderConfig t5_v1_1_style();  // T5 v1.1 small: gated GELU, a head of its own; Flan-T5 likewise
EncoderDecoderConfig bart_style();     // BART base: post-norm
EncoderDecoderConfig mbart_style();    // mBART large: pre-norm, scaled embeddings

class EncoderDecoder final : public LanguageModel {
 public:
  EncoderDecoder(const EncoderDecoderConfig& config, const Init& init);
  // A second model with from's weights, as Transformer has it.
  EncoderDecoder(const EncoderDecoder& from, Weights weights,
                 const std::optional<EncoderDecoderConfig>& config = {});

  const EncoderDecoderConfig& config() const { return config_; }
  const Block& decoder_block(int64_t layer) const { return decoder_.block(layer); }

  // The encoder's hidden states of [R, S] tokens, as LmInput::memory of decoder inputs takes them; padding
  // behind source.lengths is not seen, here and there. Throws Error for packed rows.
  Memory encode(const LmInput& source) const;

  Tensor embed(const Tensor& ids) const override { return decoder_.embed(ids); }
  const Tensor& embedding_weight() const override { return shared_->weight(); }
  OutputProjection output() const override;
  Tensor head_transform(const Tensor& hidden) const override;
  KVCache make_cache(int64_t rows, int64_t capacity) const override;  // of the decoder
  std::optional<int64_t> context_length() const override { return config_.decoder.context_length(); }
  std::string pretty_print() const override;

 protected:
  Tensor run(const LmInput& in) const override { return decoder_(in); }  // in.memory is needed
  Tensor output_logits(const Tensor& x) const override { return lm_head_.logits(x, final_logits_bias_); }

 private:
  EncoderDecoderConfig config_;
  std::shared_ptr<Embedding> shared_;
  TransformerModel encoder_, decoder_;
  LmHead lm_head_;
  Tensor final_logits_bias_;  // [V] or undefined
};

}  // namespace roux

#endif  // ROUX_NN_MODELS_ENCODER_DECODER_H_
