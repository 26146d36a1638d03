// The JSON files of a model's folder and of an adapter's: config.json, generation_config.json,
// adapter_config.json.
#include <string>

#include "nn/models/config_json.h"
#include "nn/models/encoder_decoder_json.h"
#include "nn/models/peft_config.h"
#include "recipes/kit/models/generation_settings.h"
#include "tensor/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const auto config = roux::parse_config_json(input, "input");
  if (config.ok()) (void)roux::config_json(*config, roux::kF32);
  (void)roux::parse_encoder_decoder_json(input, "input");
  const auto adapter = roux::parse_peft_config(input, "input");
  if (adapter.ok()) {
    (void)adapter->options_of("model.layers.0.self_attn.q_proj");
    ROUX_INVARIANT(roux::parse_peft_config(roux::peft_config_json(*adapter), "written").ok());
  }
  (void)roux::kit::parse_generation_config(input, "input");
  return 0;
}
