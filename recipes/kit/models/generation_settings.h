// How the makers of a model generate with it: generation_config.json, or the keys of a GGUF file.
#ifndef ROUX_RECIPES_KIT_MODELS_GENERATION_SETTINGS_H_
#define ROUX_RECIPES_KIT_MODELS_GENERATION_SETTINGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/text/gguf_metadata.h"

namespace roux::kit {

struct GenerationSettings {
  std::vector<int32_t> stop_ids;                 // tokens that end an answer, ascending
  std::optional<int32_t> decoder_start_id = {};  // the first token of the decoder (T5, BART)
  bool sample = false;                           // do_sample; else the most likely token
  std::optional<double> temperature = {}, top_p = {}, repetition_penalty = {};
  std::optional<int64_t> top_k = {}, max_new_tokens = {};
};

// The text of generation_config.json, or of a config.json, which holds the ids where there is no other file.
// InvalidArgument with `where` and the field for one of another type.
absl::StatusOr<GenerationSettings> parse_generation_config(std::string_view json, const std::string& where);

// tokenizer.ggml.eos_token_id, eot_token_id and eom_token_id; of T5 decoder_start_token_id. InvalidArgument
// for an id that is none.
absl::StatusOr<GenerationSettings> gguf_generation_settings(const GgufMetadata& metadata);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_MODELS_GENERATION_SETTINGS_H_
