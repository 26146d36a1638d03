#include "nn/models/peft_config.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nn/models/config_fields.h"
#include "tensor/error.h"

namespace roux {
namespace {

// Fields that are read below, or have no effect on what a finished adapter computes.
constexpr const char* kKnown[] = {"r", "lora_alpha", "lora_dropout", "use_rslora", "use_dora",
                                  "fan_in_fan_out", "rank_pattern", "alpha_pattern", "target_modules",
                                  "modules_to_save", "base_model_name_or_path", "task_type", "peft_type",
                                  "bias", "init_lora_weights",
                                  // how the adapter was attached and begun
                                  "exclude_modules", "layers_to_transform", "layers_pattern", "eva_config",
                                  "loftq_config", "corda_config", "lora_ga_config", "ensure_weight_tying",
                                  // of other features that are off, and of the tools
                                  "qalora_group_size", "megatron_core", "auto_mapping", "inference_mode",
                                  "revision", "peft_version", "runtime_config"};

bool is_off(const JsonValue& value) {
  if (value.is_bool()) return !value.boolean();
  if (value.is_array()) return value.items().empty();
  if (value.is_object()) return value.members().empty();
  return value.is_null();
}

// These change the weights of the base too, so the adapter alone does not say what was trained.
bool changes_base(const std::string& init) {
  for (const char* prefix : {"pissa", "olora", "corda", "loftq", "lora_ga"}) {
    if (absl::StartsWith(init, prefix)) return true;
  }
  return false;
}

bool is_plain(const std::string& pattern) {
  return std::all_of(pattern.begin(), pattern.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-';
  });
}

constexpr double kLargestRank = 1e9;

template <class T>
std::vector<std::pair<std::string, T>> pattern(Fields& f, const JsonValue& json, const char* field,
                                               const std::string& where) {
  std::vector<std::pair<std::string, T>> out;
  std::optional<Fields> object = f.object(field);
  if (!object) return out;
  for (const auto& [name, value] : json.find(field)->members()) {
    if (!is_plain(name)) f.unimplemented(absl::StrCat(field, " \"", name, "\", a regular expression,"));
    const double number = object->number(name.c_str(), 1);
    const bool rank = number >= 1 && number <= kLargestRank && number == std::floor(number);
    if (std::is_integral_v<T> && !rank) {
      f.fail(absl::InvalidArgumentError(
          absl::StrCat(where, ": ", field, ": ", name, " is ", number, ", needed a whole number from 1 on")));
      return out;
    }
    out.emplace_back(name, static_cast<T>(number));
  }
  f.fail(object->status());
  return out;
}

template <class T>
T found(const std::vector<std::pair<std::string, T>>& patterns, const std::string& module, T otherwise) {
  for (const auto& [name, value] : patterns) {
    if (module == name || absl::EndsWith(module, "." + name)) return value;
  }
  return otherwise;
}

nlohmann::ordered_json number(double value) {
  if (value == std::round(value) && std::abs(value) < 1e15) return static_cast<int64_t>(value);
  return value;
}

nlohmann::ordered_json text_or_null(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
}

}  // namespace

LoraOptions PeftConfig::options_of(const std::string& module) const {
  return {.r = found(rank_pattern, module, r),
          .alpha = found(alpha_pattern, module, lora_alpha),
          .dropout = lora_dropout,
          .rank_stabilised = use_rslora,
          .dora = use_dora,
          .targets = {}};
}

absl::StatusOr<PeftConfig> parse_peft_config(std::string_view text, const std::string& where) {
  ROUX_ASSIGN_OR_RETURN(const JsonValue json, parse_json_value(text, where, {}));
  if (!json.is_object()) return absl::InvalidArgumentError(absl::StrCat(where, ": not an object"));
  Fields f(json, where);
  PeftConfig c;
  const std::string type = f.text("peft_type", "");
  if (type != "LORA") f.unimplemented(absl::StrCat("peft_type \"", type, "\""));
  c.r = f.integer("r", c.r);
  c.lora_alpha = f.number("lora_alpha", c.lora_alpha);
  c.lora_dropout = f.number("lora_dropout", 0);
  if (c.r < 1 || !(c.lora_dropout >= 0 && c.lora_dropout < 1)) {
    f.fail(absl::InvalidArgumentError(absl::StrCat(where, ": r is ", c.r, ", lora_dropout is ",
                                                   c.lora_dropout, ", needed r >= 1 and a rate below 1")));
  }
  c.use_rslora = f.boolean("use_rslora", false);
  c.use_dora = f.boolean("use_dora", false);
  c.fan_in_fan_out = f.boolean("fan_in_fan_out", false);
  c.ensure_weight_tying = f.boolean("ensure_weight_tying", false);
  c.rank_pattern = pattern<int64_t>(f, json, "rank_pattern", where);
  c.alpha_pattern = pattern<double>(f, json, "alpha_pattern", where);
  c.base_model_name_or_path = f.text("base_model_name_or_path", "");
  c.task_type = f.text("task_type", "");
  for (const auto& [field, into] :
       {std::pair{"target_modules", &c.target_modules}, std::pair{"modules_to_save", &c.modules_to_save}}) {
    const JsonValue* value = json.find(field);
    if (value == nullptr || !value->is_array()) continue;
    for (const JsonValue& name : value->items()) {
      if (name.is_string()) into->push_back(name.string());
    }
  }
  const std::string bias = f.text("bias", "none");
  if (bias != "none") f.unimplemented(absl::StrCat("bias \"", bias, "\""));
  const JsonValue* init = json.find("init_lora_weights");
  if (init != nullptr && init->is_string() && changes_base(init->string())) {
    f.unimplemented(absl::StrCat("init_lora_weights \"", init->string(), "\", which changes the base,"));
  }
  for (const auto& [name, value] : json.members()) {
    const bool known = std::find(std::begin(kKnown), std::end(kKnown), name) != std::end(kKnown);
    if (!known && !is_off(value)) f.unimplemented(name);
  }
  ROUX_RETURN_IF_ERROR(f.status());
  return c;
}

std::string peft_config_json(const PeftConfig& c) {
  nlohmann::ordered_json json;
  json["peft_type"] = "LORA";
  json["task_type"] = text_or_null(c.task_type);
  json["base_model_name_or_path"] = text_or_null(c.base_model_name_or_path);
  json["inference_mode"] = true;
  json["r"] = c.r;
  json["lora_alpha"] = number(c.lora_alpha);
  json["lora_dropout"] = c.lora_dropout;
  json["use_rslora"] = c.use_rslora;
  json["use_dora"] = c.use_dora;
  json["fan_in_fan_out"] = c.fan_in_fan_out;
  json["bias"] = "none";
  json["target_modules"] = c.target_modules;
  json["modules_to_save"] =
      c.modules_to_save.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(c.modules_to_save);
  json["rank_pattern"] = json["alpha_pattern"] = nlohmann::ordered_json::object();
  for (const auto& [name, r] : c.rank_pattern) json["rank_pattern"][name] = r;
  for (const auto& [name, alpha] : c.alpha_pattern) json["alpha_pattern"][name] = number(alpha);
  return json.dump(2) + "\n";
}

}  // namespace roux
