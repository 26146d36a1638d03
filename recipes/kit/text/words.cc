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

std::string_view strip(std::string_view text) {
  const std::vector<std::string_view> words = split_words(text);
  if (words.empty()) return {};
  const size_t begin = words.front().data() - text.data();
  const size_t end = words.back().data() + words.back().size() - text.data();
  return text.substr(begin, end - begin);
}

std::string_view right_strip(std::string_view text) {
  const std::string_view body = strip(text);
  return body.empty() ? body : text.substr(0, static_cast<size_t>(body.data() + body.size() - text.data()));
}

}  // namespace roux::kit
