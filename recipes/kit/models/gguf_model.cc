#include "recipes/kit/models/gguf_model.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "nn/weights.h"
#include "recipes/kit/models/gguf_config.h"
#include "recipes/kit/models/gguf_weights.h"
#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/quantize.h"

namespace roux::kit {
namespace {

Tensor copy_in(const Tensor& x, DType dtype) {
  if (is_block(x.dtype())) return dequantize(x, dtype);
  Tensor copy = empty({dtype, x.shape()});
  copy_(copy, x);
  return copy;
}

void set_options(const PretrainedOptions& options, TransformerConfig* config) {
  config->compute_dtype = options.compute_dtype;
  config->gradient_checkpointing = options.gradient_checkpointing;
}

template <class Model, class Config>
absl::StatusOr<std::unique_ptr<Model>> load_of(const GgufFile& file, const Config& config,
                                               const PretrainedOptions& options) {
  std::unique_ptr<Model> model;
  try {  // sizes of a damaged file may overflow
    model =
        std::make_unique<Model>(config, Init{.generator = nullptr, .dtype = options.dtype, .device = kMeta});
  } catch (const Error& error) {
    return absl::InvalidArgumentError(absl::StrCat(file.path(), ": ", error.what()));
  }
  ROUX_ASSIGN_OR_RETURN(NamedTensors weights, gguf_weights(file, config, model->state_dict()));
  for (auto& [name, value] : weights) {
    if (!options.map) value = copy_in(value, options.dtype);
    value = to_device(value, options.device);
  }
  ROUX_RETURN_IF_ERROR(load(*model, weights, {.map = true}).status());
  return model;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Transformer>> load_gguf_model(const GgufFile& file,
                                                             const PretrainedOptions& options) {
  ROUX_ASSIGN_OR_RETURN(TransformerConfig config, gguf_config(file));
  set_options(options, &config);
  return load_of<Transformer>(file, config, options);
}

absl::StatusOr<std::unique_ptr<EncoderDecoder>> load_gguf_encoder_decoder(const GgufFile& file,
                                                                          const PretrainedOptions& options) {
  ROUX_ASSIGN_OR_RETURN(EncoderDecoderConfig config, gguf_encoder_decoder_config(file));
  set_options(options, &config.encoder);
  set_options(options, &config.decoder);
  return load_of<EncoderDecoder>(file, config, options);
}

absl::StatusOr<std::unique_ptr<LanguageModel>> load_gguf_language_model(const GgufFile& file,
                                                                        const PretrainedOptions& options) {
  if (is_gguf_encoder_decoder(file)) return load_gguf_encoder_decoder(file, options);
  return load_gguf_model(file, options);
}

}  // namespace roux::kit
