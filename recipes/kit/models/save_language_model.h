// A language model as a folder that transformers and load_language_model() read.
#ifndef ROUX_RECIPES_KIT_MODELS_SAVE_LANGUAGE_MODEL_H_
#define ROUX_RECIPES_KIT_MODELS_SAVE_LANGUAGE_MODEL_H_

#include <string>

#include "absl/status/status.h"
#include "recipes/kit/models/language_model.h"

namespace roux::kit {

// config.json and model.safetensors of the weights as they are now, generation_config.json, and the tokenizer
// that the model came with: its files, or of a GGUF file tokenizer.json and tokenizer_config.json with the
// chat template. Makes the folder if there is none. Errors as save_pretrained and gguf_tokenizer_files.
absl::Status save_language_model(const Pretrained& model, const std::string& folder);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_MODELS_SAVE_LANGUAGE_MODEL_H_
