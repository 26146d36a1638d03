#include "recipes/kit/models/language_model.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
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

// Tokens of text need an embedding; special ones without are known of published models (Gemma 3's image
// token) and matter only where they are used.
absl::Status check_fit(const Tokenizer& tokenizer, const LanguageModel& model, const std::string& path) {
  const int64_t rows = model.embedding_weight().size(0);
  for (int64_t id = rows; id < tokenizer.vocab_size(); ++id) {
    const std::string token = tokenizer.token(static_cast<int32_t>(id));
    if (token.empty() || tokenizer.is_special(static_cast<int32_t>(id))) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": the tokenizer has ", tokenizer.vocab_size(), " tokens, among them \"", absl::CEscape(token),
        "\" (", id, "), and the model ", rows, " embeddings: they do not belong together"));
  }
  return absl::OkStatus();
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
  ROUX_RETURN_IF_ERROR(check_fit(*loaded.tokenizer, *loaded.model, files.path));
  if (loaded.generation.stop_ids.empty() && loaded.tokenizer->special().eos)
    loaded.generation.stop_ids = {*loaded.tokenizer->special().eos};
  loaded.chat = recognise_chat_template(*loaded.tokenizer);
  return loaded;
}

}  // namespace roux::kit
