// Adapters in the folders of PEFT: adapter_config.json and adapter_model.safetensors, LoRA and DoRA.
//
//   ROUX_RETURN_IF_ERROR(load_peft(*model, "adapters/finance"));
//   ROUX_RETURN_IF_ERROR(save_peft(*model, "out/adapter", {.base_model = "HuggingFaceTB/SmolLM2-135M"}));
//
// Where a family's files have q, k and v in one module (GPT-2, GPT-NeoX), an adapter of that module becomes
// three which hold one tensor as lora_A, and so it trains; three that were attached here become one of the
// rank of all, with the same outputs.
//
// Embeddings and heads too, tied ones each with their own, as PEFT does without ensure_weight_tying. PEFT
// adds their base weights to the file: read, they take the place of the model's where they differ; they are
// not written.
#ifndef ROUX_NN_MODELS_PEFT_H_
#define ROUX_NN_MODELS_PEFT_H_

#include <string>

#include "absl/status/status.h"
#include "nn/models/language_model.h"

namespace roux {

// Attaches what the folder holds, as attach_lora() does, with its values: the adapters train, as do
// modules_to_save, which take the place of the model's weights (in memory of their own), and nothing else.
// All or nothing. Errors of the files, with the path; InvalidArgument where the adapter is one of another
// base or config and tensors do not fit each other; Unimplemented for what is not LoRA or DoRA of Linear
// layers, embeddings and heads (of embeddings of an EncoderDecoder, which PEFT has in three modules; a tied
// head among modules_to_save), and here and below for what is neither a Transformer nor an EncoderDecoder.
// Throws Error when a layer has an adapter of that name.
absl::Status load_peft(LanguageModel& model, const std::string& folder, const std::string& name = "default");

struct SavePeftOptions {
  std::string name = "default";  // of the adapter
  std::string base_model;        // what PEFT shall load beneath it: a folder or a name on the hub
};
// The adapter of that name, and as modules_to_save the modules that train beside it. Makes the folder if
// there is none. InvalidArgument when no layer has it, when its layers differ in what the config says once
// (DoRA, dropout, rank stabilisation), and for parameters that train but have no place in such a file.
absl::Status save_peft(const LanguageModel& model, const std::string& folder,
                       const SavePeftOptions& options = {});

}  // namespace roux

#endif  // ROUX_NN_MODELS_PEFT_H_
