// The model of a GGUF file.
#ifndef ROUX_RECIPES_KIT_MODELS_GGUF_MODEL_H_
#define ROUX_RECIPES_KIT_MODELS_GGUF_MODEL_H_

#include <memory>

#include "absl/status/statusor.h"
#include "nn/models/pretrained.h"
#include "recipes/kit/models/gguf_file.h"

namespace roux::kit {

// As load_pretrained() of a folder: with options.map the weights are those of the mapped file, in its dtypes
// (quantised blocks too), else copies in options.dtype. Errors as gguf_config and gguf_weights.
absl::StatusOr<std::unique_ptr<Transformer>> load_gguf_model(const GgufFile& file,
                                                             const PretrainedOptions& options = {});
// T5 likewise.
absl::StatusOr<std::unique_ptr<EncoderDecoder>> load_gguf_encoder_decoder(
    const GgufFile& file, const PretrainedOptions& options = {});
// Whichever the file has.
absl::StatusOr<std::unique_ptr<LanguageModel>> load_gguf_language_model(
    const GgufFile& file, const PretrainedOptions& options = {});

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_MODELS_GGUF_MODEL_H_
