// What --model names: a file, a folder, or one of the models that recipes/data/fetch brings.
#ifndef ROUX_RECIPES_KIT_MODELS_MODEL_FILES_H_
#define ROUX_RECIPES_KIT_MODELS_MODEL_FILES_H_

#include <string>

#include "absl/status/statusor.h"
#include "recipes/kit/data/sources/source.h"

namespace roux::kit {

struct ModelFiles {
  std::string path;  // a .gguf file (the first of a split model), or a folder with config.json
  bool gguf = false;
  Provenance from;  // with the hash of all files that belong to the model
};

// `path_or_name`: a .gguf file, a folder that holds one or that holds config.json, or, where no file has that
// name, "smollm2", "minilm" or "gemma3": these come from the cache, or are downloaded with their size and the
// progress on stderr unless options.offline. NotFound says what there is, or names the command that brings
// the model; InvalidArgument for a folder without a model or with several.
absl::StatusOr<ModelFiles> find_model_files(const std::string& path_or_name, const SourceOptions& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_MODELS_MODEL_FILES_H_
