// What reading and writing a folder of PEFT share.
#ifndef ROUX_NN_MODELS_PEFT_FILE_H_
#define ROUX_NN_MODELS_PEFT_FILE_H_

#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nn/models/checkpoint_names.h"
#include "nn/models/encoder_decoder_names.h"
#include "tensor/tensor.h"

namespace roux::peft_file {

// Names of tensors are <prefix><module><end>; of modules_to_save <prefix><module>.weight and the like.
inline constexpr char kPrefix[] = "base_model.model.";
inline constexpr char kA[] = ".lora_A.weight", kB[] = ".lora_B.weight",
                      kMagnitude[] = ".lora_magnitude_vector";
inline constexpr char kEmbeddingA[] = ".lora_embedding_A", kEmbeddingB[] = ".lora_embedding_B";
// PEFT also writes the weights of embeddings and heads that have adapters, as <module>.base_layer.weight.
inline constexpr char kBaseLayer[] = ".base_layer";
inline constexpr char kConfig[] = "/adapter_config.json", kTensors[] = "/adapter_model.safetensors";

// Of one module of the file.
struct Adapter {
  Tensor a = {}, b = {}, magnitude = {};  // [r, in], [out, r], [out] of DoRA
  bool embeds = false;                    // in is the vocabulary
};

inline absl::Status located(const absl::Status& status, const std::string& folder) {
  if (status.ok() || absl::StrContains(status.message(), folder)) return status;
  return absl::Status(status.code(), absl::StrCat(folder, ": ", status.message()));
}

// Calls fn with the Transformer or the EncoderDecoder that the model, const or not, is.
template <class Model, class Fn>
absl::Status with_kind(Model& model, const std::string& folder, const Fn& fn) {
  using MayBeTransformer = std::conditional_t<std::is_const_v<Model>, const Transformer, Transformer>;
  using MayBeBoth = std::conditional_t<std::is_const_v<Model>, const EncoderDecoder, EncoderDecoder>;
  if (auto* decoder = dynamic_cast<MayBeTransformer*>(&model)) return located(fn(*decoder), folder);
  if (auto* both = dynamic_cast<MayBeBoth*>(&model)) return located(fn(*both), folder);
  return absl::UnimplementedError(absl::StrCat(folder, ": adapters of ", model.pretty_print(),
                                               ": only those of a Transformer or an EncoderDecoder are "
                                               "supported"));
}

// Whether the embeddings stand in several places, which PEFT would not keep alike.
inline bool ties_embeddings(const TransformerConfig& c) { return c.tie_word_embeddings; }
inline bool ties_embeddings(const EncoderDecoderConfig&) { return true; }
// Whether what embeds tokens is one module of the files, which an adapter can name.
inline bool has_one_embedding(const TransformerConfig&) { return true; }
inline bool has_one_embedding(const EncoderDecoderConfig&) { return false; }
// The Linear of the output layer stands one module lower in families with a transform before it.
inline bool has_decoder_in_head(const TransformerConfig& c) { return c.head_transform; }
inline bool has_decoder_in_head(const EncoderDecoderConfig&) { return false; }
inline const char* task_type(const TransformerConfig& c) { return c.causal ? "CAUSAL_LM" : ""; }
inline const char* task_type(const EncoderDecoderConfig&) { return "SEQ_2_SEQ_LM"; }
// Whether files have [in, out].
inline bool transposed(const TransformerConfig& c) { return c.family == Family::kGpt2; }
inline bool transposed(const EncoderDecoderConfig&) { return false; }

}  // namespace roux::peft_file

#endif  // ROUX_NN_MODELS_PEFT_FILE_H_
