#include "recipes/kit/text/words.h"

#include "recipes/kit/text/unicode.h"
#include "recipes/kit/text/utf8.h"

namespace roux::kit {

bool is_python_space(char32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); }

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  size_t begin = 0;
  for (size_t i = 0; i < text.size();) {
    const DecodedChar c = decode_utf8(text, i);
    const size_t end = i + c.length;
    if (is_python_space(c.code_point)) {
      if (i > begin) words.push_back(text.substr(begin, i - begin));
      begin = end;
    }
    i = end;
  }
  if (begin < text.size()) words.push_back(text.substr(begin));
  return words;
}

std::string_view right_strip(std::string_view text) {
  while (!text.empty()) {
    size_t at = text.size() - 1;  // first byte of the last character
    while (at > 0 && text.size() - at < 4 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
    const DecodedChar c = decode_utf8(text, at);
    if (at + static_cast<size_t>(c.length) != text.size() || !is_python_space(c.code_point)) break;
    text.remove_suffix(text.size() - at);
  }
  return text;
}

std::string_view strip(std::string_view text) {
  while (!text.empty()) {
    const DecodedChar c = decode_utf8(text, 0);
    if (!is_python_space(c.code_point)) break;
    text.remove_prefix(static_cast<size_t>(c.length));
  }
  return right_strip(text);
}

}  // namespace roux::kit
