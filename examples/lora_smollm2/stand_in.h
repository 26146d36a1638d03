// A model for runs without a network: random weights of two layers, and a tokenizer of characters.
#ifndef EXAMPLES_LORA_SMOLLM2_STAND_IN_H_
#define EXAMPLES_LORA_SMOLLM2_STAND_IN_H_

#include <memory>

#include "nn/models/transformer.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::lora_smollm2 {

// A token a character of ASCII, and of " act" and its like; EOS.
std::shared_ptr<const kit::Tokenizer> stand_in_tokenizer();
std::unique_ptr<Transformer> stand_in_model(const kit::Tokenizer& tokenizer, Device device);

}  // namespace roux::lora_smollm2

#endif  // EXAMPLES_LORA_SMOLLM2_STAND_IN_H_
