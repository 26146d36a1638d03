// Names of an encoder-decoder's weights in the files of T5, BART and mBART, to ours and exactly back.
#ifndef ROUX_NN_MODELS_ENCODER_DECODER_NAMES_H_
#define ROUX_NN_MODELS_ENCODER_DECODER_NAMES_H_

#include <string>

#include "absl/status/statusor.h"
#include "nn/models/checkpoint_names.h"
#include "nn/models/encoder_decoder.h"

namespace roux {

// As from_checkpoint and to_checkpoint of a Transformer (checkpoint_names.h): BART's names with "model." or
// without; the embeddings of encoder, decoder and a tied head, where the file repeats them, must equal the
// shared ones, or stand in their place. A file without final_logits_bias has zeros, one without the head of
// an untied model (which transformers leaves out where it equals the embeddings) has these.
absl::StatusOr<NamedTensors> from_checkpoint(const EncoderDecoderConfig& c, const NamedTensors& file);
absl::StatusOr<NamedTensors> to_checkpoint(const EncoderDecoderConfig& c, const NamedTensors& model);
// Each module of ours is one of the file's.
FileModule file_module(const EncoderDecoderConfig& c, const std::string& ours);

}  // namespace roux

#endif  // ROUX_NN_MODELS_ENCODER_DECODER_NAMES_H_
