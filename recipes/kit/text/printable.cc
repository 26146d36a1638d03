#include "recipes/kit/text/printable.h"

#include <cstdint>

#include "absl/strings/str_format.h"
#include "recipes/kit/text/utf8.h"

namespace roux::kit {

size_t utf8_length(absl::string_view text) {
  if (text.empty()) return 0;
  const DecodedChar first = decode_utf8({text.data(), text.size()}, 0);
  return first.valid ? static_cast<size_t>(first.length) : 0;
}

size_t utf8_width(absl::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    text.remove_prefix(length == 0 ? 1 : length);
    ++width;
  }
  return width;
}

std::string printable(absl::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const auto first = static_cast<uint8_t>(bytes[0]);
    size_t length = utf8_length(bytes);
    if (first == 0xC2 && length == 2 && static_cast<uint8_t>(bytes[1]) < 0xA0)
      length = 0;  // controls U+0080..9F
    if (first == '\n') {
      out += "\\n";
    } else if (first == '\t') {
      out += "\\t";
    } else if (length == 0 || first < 0x20 || first == 0x7F) {
      out += absl::StrFormat("\\x%02x", first);
    } else {
      out.append(bytes.data(), length);
    }
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

}  // namespace roux::kit
