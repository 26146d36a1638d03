// adapter_config.json of PEFT: what it says of LoRA and DoRA.
#ifndef ROUX_NN_MODELS_PEFT_CONFIG_H_
#define ROUX_NN_MODELS_PEFT_CONFIG_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "nn/lora.h"

namespace roux {

// Names are PEFT's. Patterns are names of modules, whole or their ends ("self_attn.q_proj").
struct PeftConfig {
  int64_t r = 8;
  double lora_alpha = 8, lora_dropout = 0;
  bool use_rslora = false, use_dora = false, fan_in_fan_out = false;
  bool ensure_weight_tying = false;  // read, not written
  std::vector<std::pair<std::string, int64_t>> rank_pattern;
  std::vector<std::pair<std::string, double>> alpha_pattern;
  std::vector<std::string> target_modules;  // written, not read: the tensors of the file tell
  std::vector<std::string> modules_to_save;
  std::string base_model_name_or_path, task_type;

  // Of the adapter of one module of the file, without targets; the first pattern that is its name, or the end
  // of it, holds.
  LoraOptions options_of(const std::string& module) const;
};

// `where` begins the messages. InvalidArgument for text that is no such file; Unimplemented, by name, for
// another kind of adapter, a pattern that is a regular expression, and any field with an effect that is not
// above.
absl::StatusOr<PeftConfig> parse_peft_config(std::string_view text, const std::string& where);
std::string peft_config_json(const PeftConfig& config);

}  // namespace roux

#endif  // ROUX_NN_MODELS_PEFT_CONFIG_H_
