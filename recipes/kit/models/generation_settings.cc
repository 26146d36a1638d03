#include "recipes/kit/models/generation_settings.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "nn/models/config_fields.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr int64_t kMaxId = std::numeric_limits<int32_t>::max();

void sort_ids(std::vector<int32_t>* ids) {
  std::sort(ids->begin(), ids->end());
  ids->erase(std::unique(ids->begin(), ids->end()), ids->end());
}

}  // namespace

absl::StatusOr<GenerationSettings> parse_generation_config(std::string_view json, const std::string& where) {
  ROUX_ASSIGN_OR_RETURN(const JsonValue value, parse_json_value(json, where));
  if (!value.is_object()) return absl::InvalidArgumentError(absl::StrCat(where, ": not an object"));
  Fields f(value, where);
  GenerationSettings settings;
  const auto id = [&](const char* name, const JsonValue& at) -> int32_t {
    if (at.is_integer() && at.integer() >= 0 && at.integer() <= kMaxId)
      return static_cast<int32_t>(at.integer());
    f.fail(absl::InvalidArgumentError(
        absl::StrCat(where, ": ", name, " is not an integer from 0 to ", kMaxId, " or a list of such")));
    return 0;
  };
  if (const JsonValue* eos = value.find("eos_token_id"); eos != nullptr && !eos->is_null()) {
    if (eos->is_array()) {
      for (const JsonValue& item : eos->items()) settings.stop_ids.push_back(id("eos_token_id", item));
    } else {
      settings.stop_ids.push_back(id("eos_token_id", *eos));
    }
  }
  if (f.has("decoder_start_token_id"))
    settings.decoder_start_id = id("decoder_start_token_id", *value.find("decoder_start_token_id"));
  settings.sample = f.boolean("do_sample", false);
  const auto number = [&](const char* name) -> std::optional<double> {
    if (!f.has(name)) return std::nullopt;
    return f.number(name, 1);
  };
  settings.temperature = number("temperature");
  settings.top_p = number("top_p");
  settings.repetition_penalty = number("repetition_penalty");
  settings.top_k = f.optional_integer("top_k");
  settings.max_new_tokens = f.optional_integer("max_new_tokens");
  ROUX_RETURN_IF_ERROR(f.status());
  sort_ids(&settings.stop_ids);
  return settings;
}

absl::StatusOr<GenerationSettings> gguf_generation_settings(const GgufMetadata& metadata) {
  GenerationSettings settings;
  for (const char* name : {"eos", "eot", "eom"}) {
    const std::string key = absl::StrCat("tokenizer.ggml.", name, "_token_id");
    if (!metadata.has(key)) continue;
    ROUX_ASSIGN_OR_RETURN(const int64_t id, metadata.integer(key));
    if (id == std::numeric_limits<uint32_t>::max() || id == -1) continue;  // written for "none"
    if (id < 0 || id > kMaxId)
      return absl::InvalidArgumentError(absl::StrCat(metadata.name(), ": ", key, " is ", id));
    settings.stop_ids.push_back(static_cast<int32_t>(id));
  }
  sort_ids(&settings.stop_ids);
  const absl::StatusOr<std::string> architecture = metadata.text("general.architecture");
  const std::string start = absl::StrCat(architecture.ok() ? *architecture : "", ".decoder_start_token_id");
  if (metadata.has(start)) {
    ROUX_ASSIGN_OR_RETURN(const int64_t id, metadata.integer(start));
    if (id < 0 || id > kMaxId)
      return absl::InvalidArgumentError(absl::StrCat(metadata.name(), ": ", start, " is ", id));
    settings.decoder_start_id = static_cast<int32_t>(id);
  }
  return settings;
}

}  // namespace roux::kit
