// Language models as their makers publish them, with all that belongs to them. save_language_model.h writes
// them back into a folder.
//
//   ROUX_ASSIGN_OR_RETURN(Pretrained smollm2, load_language_model("smollm2", {.source = run.source_options()}));
//   ROUX_RETURN_IF_ERROR(run.uses(smollm2.files.from));
//   const Encoding prompt = smollm2.tokenizer->encode("The capital of France is");
//   ... smollm2.model->logits(ids) ...
#ifndef ROUX_RECIPES_KIT_MODELS_LANGUAGE_MODEL_H_
#define ROUX_RECIPES_KIT_MODELS_LANGUAGE_MODEL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "nn/models/language_model.h"
#include "nn/models/pretrained.h"
#include "recipes/kit/data/sources/source.h"
#include "recipes/kit/models/generation_settings.h"
#include "recipes/kit/models/model_files.h"
#include "recipes/kit/text/chat_template.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::kit {

struct ModelOptions {
  PretrainedOptions weights = {};
  SourceOptions source = {};
};

struct Pretrained {
  std::unique_ptr<LanguageModel> model;  // a Transformer or an EncoderDecoder, in training mode
  std::shared_ptr<const Tokenizer> tokenizer;
  absl::StatusOr<ChatTemplate> chat;  // the model's own, or why there is none
  GenerationSettings generation;
  ModelFiles files;  // where it came from; files.from is what Run::uses() takes
};

// `path_or_name` as find_model_files takes it: a GGUF file (its architectures: gguf_config.h) or a folder of
// Hugging Face (load_pretrained's families; the tokenizer is tokenizer.json, else tokenizer.model). Errors
// name the file and what in it cannot be used, everything at once where several tensors or keys are wrong.
// InvalidArgument where tokens of the tokenizer that are not special have no embedding.
absl::StatusOr<Pretrained> load_language_model(const std::string& path_or_name,
                                               const ModelOptions& options = {});

// The tokenizer beside a model.
absl::StatusOr<std::shared_ptr<const Tokenizer>> load_model_tokenizer(const ModelFiles& files);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_MODELS_LANGUAGE_MODEL_H_
