// GGUF metadata, the tokenizer that it may hold, and that written as tokenizer.json.
#include <string>

#include "recipes/kit/text/gguf_tokenizer.h"
#include "recipes/kit/text/gguf_tokenizer_json.h"
#include "recipes/kit/text/tokenizer_json.h"
#include "tensor/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const auto metadata = roux::kit::parse_gguf_metadata(input, "input");
  if (!metadata.ok()) return 0;
  const auto tokenizer = roux::kit::gguf_tokenizer(*metadata);
  if (!tokenizer.ok()) return 0;
  const std::string text = "ab  \xC3\xA9\xFF<|end|>" + input.substr(input.size() / 2, 64);
  const roux::kit::Encoding encoding = (*tokenizer)->encode(text, {.add_special = true, .offsets = true});
  for (const roux::kit::Span& span : encoding.offsets) {
    ROUX_INVARIANT(span.begin <= span.end && span.end <= text.size());
  }
  (*tokenizer)->decode(encoding.ids);
  const auto files = roux::kit::gguf_tokenizer_files(*metadata);
  if (files.ok()) (void)roux::kit::parse_tokenizer_json(files->tokenizer_json, "tokenizer.json");
  return 0;
}
