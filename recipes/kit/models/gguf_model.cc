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

}  // namespace

absl::StatusOr<std::unique_ptr<Transformer>> load_gguf_model(const GgufFile& file,
                                                             const PretrainedOptions& options) {
  ROUX_ASSIGN_OR_RETURN(TransformerConfig config, gguf_config(file));
  config.compute_dtype = options.compute_dtype;
  config.gradient_checkpointing = options.gradient_checkpointing;
  std::unique_ptr<Transformer> model;
  try {  // sizes of a damaged file may overflow
    model = std::make_unique<Transformer>(
        config, Init{.generator = nullptr, .dtype = options.dtype, .device = kMeta});
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

}  // namespace roux::kit
