#include "recipes/kit/utf8.h"

#include <cstdint>

#include "absl/strings/str_format.h"

namespace roux::kit {

size_t utf8_length(absl::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const uint8_t second = byte(1);
  if (first == 0xE0 && second < 0xA0) return 0;  // overlong
  if (first == 0xED && second > 0x9F) return 0;  // surrogate
  if (first == 0xF0 && second < 0x90) return 0;  // overlong
  if (first == 0xF4 && second > 0x8F) return 0;  // above U+10FFFF
  return length;
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
