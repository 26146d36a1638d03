// Language models in the folders of Hugging Face.
//
//   ROUX_ASSIGN_OR_RETURN(std::unique_ptr<LanguageModel> model, load_pretrained("models/SmolLM2-135M"));
//   ROUX_RETURN_IF_ERROR(save_pretrained(*model, "out/model"));
#ifndef ROUX_NN_MODELS_PRETRAINED_H_
#define ROUX_NN_MODELS_PRETRAINED_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nn/models/encoder_decoder.h"
#include "nn/models/transformer.h"

namespace roux {

struct PretrainedOptions {
  DType dtype = kF32;          // of the weights
  DType compute_dtype = kF32;  // TransformerConfig's
  Device device = kCpu;
  bool gradient_checkpointing = false;
  // Weights are those of the mapped file, in its dtypes, read when they are first used; `dtype` says nothing.
  // Writing to them changes this process's copy alone.
  bool map = false;
};

// A folder with config.json and model.safetensors, or its shards with their index: Llama, Mistral, Qwen2,
// Qwen3, Phi-3, OLMo 2, Gemma (1 to 3), GPT-2, GPT-NeoX, Bloom, BERT, RoBERTa, Qwen2-MoE, Mixtral and OLMoE
// are a Transformer, T5 (v1.0 and v1.1), BART and mBART an EncoderDecoder. In training mode, as every new
// module. Errors as parse_config_json, from_checkpoint, load_safetensors and load_state_dict, with the path.
//
// Model: LanguageModel for whichever the folder holds; Transformer or EncoderDecoder where only that will do,
// InvalidArgument for a folder with the other.
template <class Model = LanguageModel>
absl::StatusOr<std::unique_ptr<Model>> load_pretrained(const std::string& folder,
                                                       const PretrainedOptions& options = {});
template <>
absl::StatusOr<std::unique_ptr<LanguageModel>> load_pretrained(const std::string& folder,
                                                               const PretrainedOptions& options);
template <>
absl::StatusOr<std::unique_ptr<Transformer>> load_pretrained(const std::string& folder,
                                                             const PretrainedOptions& options);
template <>
absl::StatusOr<std::unique_ptr<EncoderDecoder>> load_pretrained(const std::string& folder,
                                                                const PretrainedOptions& options);

// config.json and model.safetensors, as transformers reads them, quantised blocks as f32; makes the folder if
// there is none. Errors as config_json, to_checkpoint and save_safetensors, with the path. Of a model that is
// neither a Transformer nor an EncoderDecoder InvalidArgument.
absl::Status save_pretrained(const LanguageModel& model, const std::string& folder);

}  // namespace roux

#endif  // ROUX_NN_MODELS_PRETRAINED_H_
