// SentencePiece models: what loads must encode and decode any text.
#include <string>

#include "recipes/kit/text/sentencepiece_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const auto tokenizer = roux::kit::parse_sentencepiece(input, "input");
  if (tokenizer.ok())
    (*tokenizer)->decode((*tokenizer)->encode("ab \xC3\xA9\xFF<s>" + input.substr(0, 64)).ids);
  return 0;
}
