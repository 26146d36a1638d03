// tokenizer.json: what loads must encode and decode any text.
#include <string>

#include "recipes/kit/text/tokenizer_json.h"
#include "tensor/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const auto tokenizer = roux::kit::parse_tokenizer_json(input, "input");
  if (!tokenizer.ok()) return 0;
  roux::kit::EncodeOptions options;
  options.offsets = true;
  options.add_special = true;
  const std::string text = "ab \xC3\xA9\xFF 12 <|x|>" + input.substr(0, 64);
  try {
    const roux::kit::Encoding encoding = (*tokenizer)->encode(text, options);
    ROUX_INVARIANT(encoding.ids.size() == encoding.offsets.size());
    for (const roux::kit::Span& span : encoding.offsets) {
      ROUX_INVARIANT(span.begin <= span.end && span.end <= text.size());
    }
    (*tokenizer)->decode(encoding.ids);
  } catch (const roux::Error&) {
    // A pattern that runs into PCRE2's limits.
  }
  return 0;
}
