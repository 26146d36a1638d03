// A language model for runs without a network: smoke presets and tests of what takes a real one.
//
//   const Pretrained model = stand_in_model({.seed = 1, .device = run.device()});
//
// Random weights of two layers; a token a byte, and ChatML's control tokens. What it writes has no sense.
#ifndef ROUX_RECIPES_KIT_MODELS_STAND_IN_H_
#define ROUX_RECIPES_KIT_MODELS_STAND_IN_H_

#include <cstdint>

#include "recipes/kit/models/language_model.h"
#include "tensor/device.h"

namespace roux::kit {

struct StandInOptions {
  uint64_t seed = 1;  // of the weights
  int64_t hidden_size = 32;
  int64_t context = 1024;  // tokens
  Device device = kCpu;
};

// A Transformer (Llama) with its tokenizer, ChatML and <|im_end|> as stop token; `files` is empty.
Pretrained stand_in_model(const StandInOptions& options = {});

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_MODELS_STAND_IN_H_
