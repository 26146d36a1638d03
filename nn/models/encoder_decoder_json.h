// config.json of T5, BART and mBART, in and out.
#ifndef ROUX_NN_MODELS_ENCODER_DECODER_JSON_H_
#define ROUX_NN_MODELS_ENCODER_DECODER_JSON_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "nn/models/encoder_decoder.h"

namespace roux {

// As parse_config_json and config_json of a Transformer (config_json.h). A T5 whose file says that its
// embeddings are not tied, or its outputs not scaled, is a v1.1: its head is its own.
absl::StatusOr<EncoderDecoderConfig> parse_encoder_decoder_json(std::string_view text,
                                                                const std::string& where);
absl::StatusOr<std::string> encoder_decoder_json(const EncoderDecoderConfig& c, DType weights);

// Whether the file is of one of these families, by its model_type. InvalidArgument as parse_config_json.
absl::StatusOr<bool> is_encoder_decoder_json(std::string_view text, const std::string& where);

}  // namespace roux

#endif  // ROUX_NN_MODELS_ENCODER_DECODER_JSON_H_
