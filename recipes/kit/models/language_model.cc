#include "recipes/kit/models/language_model.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/models/gguf_model.h"
#include "recipes/kit/text/gguf_tokenizer.h"
#include "recipes/kit/text/sentencepiece_model.h"
#include "recipes/kit/text/tokenizer_json.h"
#include "tensor/error.h"
#include "tensor/io/atomic_file.h"

namespace roux::kit {
namespace {

bool exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

absl::StatusOr<GenerationSettings> folder_settings(const std::string& folder) {
  std::string path = folder + "/generation_config.json";
  if (!exists(path)) path = folder + "/config.json";
  ROUX_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  return parse_generation_config(text, path);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Tokenizer>> load_model_tokenizer(const ModelFiles& files) {
  if (files.gguf) return load_gguf_tokenizer(files.path);
  if (exists(files.path + "/tokenizer.json")) return load_tokenizer_json(files.path);
  if (exists(files.path + "/tokenizer.model")) return load_sentencepiece(files.path + "/tokenizer.model");
  return absl::NotFoundError(absl::StrCat(files.path, ": neither tokenizer.json nor tokenizer.model"));
}

absl::StatusOr<Pretrained> load_language_model(const std::string& path_or_name, const ModelOptions& options) {
  Pretrained loaded{.chat = absl::UnknownError("")};
  ROUX_ASSIGN_OR_RETURN(loaded.files, find_model_files(path_or_name, options.source));
  const ModelFiles& files = loaded.files;
  ROUX_ASSIGN_OR_RETURN(loaded.tokenizer, load_model_tokenizer(files));  // before the larger part
  if (files.gguf) {
    ROUX_ASSIGN_OR_RETURN(const GgufFile file, GgufFile::open(files.path));
    ROUX_ASSIGN_OR_RETURN(loaded.generation, gguf_generation_settings(file.metadata()));
    ROUX_ASSIGN_OR_RETURN(loaded.model, load_gguf_language_model(file, options.weights));
  } else {
    ROUX_ASSIGN_OR_RETURN(loaded.generation, folder_settings(files.path));
    ROUX_ASSIGN_OR_RETURN(loaded.model, load_pretrained(files.path, options.weights));
  }
  if (loaded.generation.stop_ids.empty() && loaded.tokenizer->special().eos)
    loaded.generation.stop_ids = {*loaded.tokenizer->special().eos};
  loaded.chat = recognise_chat_template(*loaded.tokenizer);
  return loaded;
}

}  // namespace roux::kit
