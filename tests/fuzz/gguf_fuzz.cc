// GGUF metadata, and the tokenizer that it may hold.
#include <string>

#include "recipes/kit/text/gguf_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const auto metadata = roux::kit::parse_gguf_metadata(input, "input");
  if (!metadata.ok()) return 0;
  const auto tokenizer = roux::kit::gguf_tokenizer(*metadata);
  if (tokenizer.ok()) (*tokenizer)->decode((*tokenizer)->encode("ab \xC3\xA9\xFF<|end|>").ids);
  return 0;
}
