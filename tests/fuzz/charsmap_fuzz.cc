// Precompiled normalisation rules: whatever parses must normalise any text to valid UTF-8.
#include <string>

#include "recipes/kit/text/charsmap.h"
#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  auto charsmap = roux::kit::Charsmap::parse(input);
  if (!charsmap.ok()) return 0;
  const std::string sample = "aA e\xCC\x81 \xEF\xBC\xA1\xE3\x80\x80\r\n\xEF\xAC\x81\xE2\x80\x8B";
  roux::kit::AlignedText text(sample + roux::kit::replace_invalid_utf8(input.substr(0, 64)));
  const size_t length = text.text().size();
  roux::kit::charsmap_step (*std::move(charsmap))(&text);
  ROUX_INVARIANT(roux::kit::is_valid_utf8(text.text()));
  if (text.text().empty()) return 0;
  const roux::kit::Span all = text.original({0, static_cast<uint32_t>(text.text().size())});
  ROUX_INVARIANT(all.begin <= all.end && all.end <= length);
  return 0;
}
