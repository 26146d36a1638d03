// tekken.json: what loads must encode and decode any text.
#include <string>

#include "recipes/kit/text/tekken.h"
#include "tensor/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const auto tokenizer = roux::kit::parse_tekken(input, "input");
  if (!tokenizer.ok()) return 0;
  try {
    const std::string text = "ab \xC3\xA9\xFF<s>" + input.substr(0, 64);
    (*tokenizer)->decode((*tokenizer)->encode(text, {.add_special = true}).ids);
  } catch (const roux::Error&) {
    // A pattern that runs into PCRE2's limits.
  }
  return 0;
}
