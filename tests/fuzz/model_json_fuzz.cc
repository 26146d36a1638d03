// The JSON files of a model's folder: config.json, generation_config.json.
#include <string>

#include "nn/models/config_json.h"
#include "nn/models/encoder_decoder_json.h"
#include "recipes/kit/models/generation_settings.h"
#include "tensor/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const auto config = roux::parse_config_json(input, "input");
  if (config.ok()) (void)roux::config_json(*config, roux::kF32);
  (void)roux::parse_encoder_decoder_json(input, "input");
  (void)roux::kit::parse_generation_config(input, "input");
  return 0;
}
