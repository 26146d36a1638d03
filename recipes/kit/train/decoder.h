// The sizes of a small decoder (Llama's blocks) as settings of a recipe.
//
//   struct Config {
//     DecoderConfig decoder;
//     template <class Visit> void visit(Visit&& visit) { decoder.visit(visit), visit("steps", steps); }
//     absl::Status check() const { return decoder.check(); }
//   };
//   Transformer model(config.decoder.transformer(tokenizer.vocab_size()), config.decoder.init(generator, device));
#ifndef ROUX_RECIPES_KIT_TRAIN_DECODER_H_
#define ROUX_RECIPES_KIT_TRAIN_DECODER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "nn/module.h"
#include "nn/transformer_config.h"
#include "recipes/kit/run/settings.h"
#include "tensor/generator.h"

namespace roux::kit {

struct DecoderConfig {
  int64_t layers = 2, hidden = 48, heads = 4, intermediate = 128, length = 64;
  double init_std = 0.14;  // about 1 / sqrt(hidden)

  template <class Visit>
  void visit(Visit&& visit) {
    visit("layers", layers, Range{1}), visit("hidden", hidden, Range{2}), visit("heads", heads, Range{1});
    visit("intermediate", intermediate, Range{1}), visit("length", length, Range{1});
    visit("init_std", init_std, Range{0});
  }
  // InvalidArgument unless hidden is heads times an even number, as rotary positions need it.
  absl::Status check() const;

  TransformerConfig transformer(int64_t vocab_size) const;
  Init init(Generator& generator, Device device) const { return {&generator, init_std, kF32, device}; }
  int64_t parameters(int64_t vocab_size) const;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TRAIN_DECODER_H_
