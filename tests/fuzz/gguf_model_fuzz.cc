// A whole GGUF file: its tensors, and the configuration that it asks for.
#include <cstring>
#include <memory>
#include <vector>

#include "recipes/kit/models/generation_settings.h"
#include "recipes/kit/models/gguf_config.h"
#include "tensor/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto copy = std::make_shared<std::vector<double>>(size / 8 + 1);
  std::memcpy(copy->data(), data, size);
  const auto* bytes = reinterpret_cast<const char*>(copy->data());
  const auto file = roux::kit::GgufFile::parse({bytes, size}, copy, "input");
  if (!file.ok()) return 0;
  (void)roux::kit::gguf_generation_settings(file->metadata());
  int64_t sum = 0;
  for (const roux::kit::GgufTensor& tensor : file->tensors()) {
    ROUX_INVARIANT(tensor.begin >= 0 && tensor.bytes >= 0 &&
                   tensor.begin + tensor.bytes <= static_cast<int64_t>(size));
    for (int64_t i = 0; i < tensor.bytes; ++i) sum += bytes[tensor.begin + i];
    (void)file->load(tensor);
  }
  volatile int64_t used = sum;
  (void)used;
  if (roux::kit::is_gguf_encoder_decoder(*file)) {
    (void)roux::kit::gguf_encoder_decoder_config(*file);
  } else {
    (void)roux::kit::gguf_config(*file);
  }
  return 0;
}
