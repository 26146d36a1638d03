// The same two phases on a published model, SmolLM2 or Mistral-7B, and on the user's conversations.
#ifndef ROUX_RECIPES_LORA_EDUCATION_PRETRAINED_H_
#define ROUX_RECIPES_LORA_EDUCATION_PRETRAINED_H_

#include "absl/status/status.h"
#include "recipes/kit/run/run.h"
#include "recipes/lora_education/config.h"

namespace roux::lora_education {

// --model (smollm2 where it is not given) in NF4, --data (dialogues of the small world where it is not
// given). A finished seed has left its adapter as adapter-seed<N>/, in PEFT's form.
absl::Status tune_pretrained(const Config& config, kit::Run& run);

}  // namespace roux::lora_education

#endif  // ROUX_RECIPES_LORA_EDUCATION_PRETRAINED_H_
