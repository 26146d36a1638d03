// The tensors of a GGUF file under a model's own names and in its layouts.
#ifndef ROUX_RECIPES_KIT_MODELS_GGUF_WEIGHTS_H_
#define ROUX_RECIPES_KIT_MODELS_GGUF_WEIGHTS_H_

#include "absl/status/statusor.h"
#include "nn/models/encoder_decoder.h"
#include "nn/transformer_config.h"
#include "recipes/kit/models/gguf_file.h"

namespace roux::kit {

// A value for each of `wanted`, the state_dict() of a Transformer of config gguf_config(file) (on meta, as
// only names and shapes are looked at), in the file's dtypes. Renamed; q, k and v or a layer's experts apart
// where the file has them in one; the rows of q and k of `llama` files, which pair x[2i] with x[2i + 1], in
// the order in which our rotary positions pair them; 1 subtracted from Gemma's norms, which files hold with
// it. Whole rows move, so blocks of quantised weights stay as they are. Views of the mapping where nothing
// has moved.
//
// One error lists all tensors that are missing, unknown, of another shape (InvalidArgument), or of a type
// that cannot be read (Unimplemented), by the file's names.
absl::StatusOr<NamedTensors> gguf_weights(const GgufFile& file, const TransformerConfig& config,
                                          const NamedTensors& wanted);
// Of T5: config is gguf_encoder_decoder_config(file).
absl::StatusOr<NamedTensors> gguf_weights(const GgufFile& file, const EncoderDecoderConfig& config,
                                          const NamedTensors& wanted);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_MODELS_GGUF_WEIGHTS_H_
