#include "recipes/kit/models/save_language_model.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/gguf_tokenizer_json.h"
#include "tensor/error.h"
#include "tensor/io/atomic_file.h"
#include "tensor/io/atomic_folder.h"

namespace roux::kit {
namespace {

constexpr const char* kTokenizerFiles[] = {"tokenizer.json",      "tokenizer_config.json",
                                           "tokenizer.model",     "special_tokens_map.json",
                                           "chat_template.jinja", "vocab.txt"};
constexpr const char* kGenerationFile = "generation_config.json";

// Whether it was there.
absl::StatusOr<bool> copy_file(const std::string& name, const std::string& from, const std::string& to) {
  const absl::StatusOr<std::string> content = read_file(absl::StrCat(from, "/", name));
  if (absl::IsNotFound(content.status())) return false;
  ROUX_RETURN_IF_ERROR(content.status());
  ROUX_RETURN_IF_ERROR(write_file_atomically(absl::StrCat(to, "/", name), *content));
  return true;
}

std::string generation_config(const GenerationSettings& settings) {
  nlohmann::ordered_json json = {{"eos_token_id", settings.stop_ids}, {"do_sample", settings.sample}};
  const auto add = [&](const char* name, const auto& value) {
    if (value) json[name] = *value;
  };
  add("decoder_start_token_id", settings.decoder_start_id);
  add("temperature", settings.temperature);
  add("top_p", settings.top_p);
  add("top_k", settings.top_k);
  add("repetition_penalty", settings.repetition_penalty);
  add("max_new_tokens", settings.max_new_tokens);
  return json.dump(2) + "\n";
}

absl::Status save_to(const Pretrained& model, const std::string& folder) {
  ROUX_RETURN_IF_ERROR(save_pretrained(*model.model, folder));
  if (model.files.gguf) {
    ROUX_ASSIGN_OR_RETURN(const GgufMetadata metadata, load_gguf_metadata(model.files.path));
    ROUX_ASSIGN_OR_RETURN(const TokenizerFiles files, gguf_tokenizer_files(metadata));
    ROUX_RETURN_IF_ERROR(write_file_atomically(folder + "/tokenizer.json", files.tokenizer_json));
    ROUX_RETURN_IF_ERROR(
        write_file_atomically(folder + "/tokenizer_config.json", files.tokenizer_config_json));
  } else {
    for (const char* name : kTokenizerFiles)
      ROUX_RETURN_IF_ERROR(copy_file(name, model.files.path, folder).status());
    ROUX_ASSIGN_OR_RETURN(const bool copied, copy_file(kGenerationFile, model.files.path, folder));
    if (copied) return absl::OkStatus();
  }
  return write_file_atomically(absl::StrCat(folder, "/", kGenerationFile),
                               generation_config(model.generation));
}

}  // namespace

absl::Status save_language_model(const Pretrained& model, const std::string& folder) {
  return write_folder_atomically(folder, [&](const std::string& partial) { return save_to(model, partial); });
}

}  // namespace roux::kit
