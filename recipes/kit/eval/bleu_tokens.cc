#include "recipes/kit/eval/bleu_tokens.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "recipes/kit/eval/mteval.h"
#include "recipes/kit/text/unicode.h"
#include "recipes/kit/text/utf8.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

std::vector<std::string> words_of(std::string_view text) {
  const std::vector<std::string_view> views = split_words(text);
  return {views.begin(), views.end()};
}

std::string mteval_split(const std::string& text) { return space_periods_and_dashes(space_symbols(text)); }

// sacreBLEU's ranges of characters that "zh" separates. Its two ranges above U+FFFF are written so that
// Python takes them as U+2000, "0" .. U+2A6D, "6" and alike; the same here, or the scores would differ.
bool is_zh_char(char32_t c) {
  constexpr std::pair<char32_t, char32_t> kRanges[] = {
      {0x3400, 0x4DB5}, {0x4E00, 0x9FA5}, {0x9FA6, 0x9FBB}, {0xF900, 0xFA2D}, {0xFA30, 0xFA6A},
      {0xFA70, 0xFAD9}, {0x2001, 0x2A6D}, {0x2F81, 0x2FA1}, {0xFF00, 0xFFEF}, {0x2E80, 0x2EFF},
      {0x3000, 0x303F}, {0x31C0, 0x31EF}, {0x2F00, 0x2FDF}, {0x2FF0, 0x2FFF}, {0x3100, 0x312F},
      {0x31A0, 0x31BF}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE4F}, {0x2600, 0x26FF}, {0x2700, 0x27BF},
      {0x3200, 0x32FF}, {0x3300, 0x33FF}};
  return std::any_of(std::begin(kRanges), std::end(kRanges),
                     [c](const auto& range) { return c >= range.first && c <= range.second; });
}

std::string zh_spaced(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const DecodedChar c = decode_utf8(text, i);
    const bool alone = c.valid && is_zh_char(c.code_point);
    if (alone) out += ' ';
    out.append(text.substr(i, c.length));
    if (alone) out += ' ';
    i += c.length;
  }
  return out;
}

std::vector<std::string> char_tokens(std::string_view text) {
  std::vector<std::string> tokens;
  for (size_t i = 0; i < text.size();) {
    const DecodedChar c = decode_utf8(text, i);
    if (!is_python_space(c.code_point)) tokens.emplace_back(text.substr(i, c.length));
    i += c.length;
  }
  return tokens;
}

// Three passes over pairs of characters, as in mteval-v14: punctuation after what is no number, punctuation
// before what is no number, symbols.
std::string intl_split(std::string_view text) {
  std::u32string in;
  for (size_t i = 0; i < text.size();) {
    const DecodedChar c = decode_utf8(text, i);
    in += c.code_point;
    i += c.length;
  }
  std::u32string after;
  for (size_t i = 0; i < in.size(); ++i) {
    after += in[i];
    if (i + 1 < in.size() && !is_number(in[i]) && is_punctuation(in[i + 1])) {
      after += {U' ', in[++i], U' '};
    }
  }
  std::u32string before;
  for (size_t i = 0; i < after.size(); ++i) {
    if (i + 1 < after.size() && is_punctuation(after[i]) && !is_number(after[i + 1])) {
      before += {U' ', after[i], U' ', after[i + 1]};
      ++i;
    } else {
      before += after[i];
    }
  }
  std::string out;
  for (const char32_t c : before) {
    const bool alone = is_symbol(c);
    if (alone) out += ' ';
    append_utf8(c, &out);
    if (alone) out += ' ';
  }
  return out;
}

}  // namespace

std::vector<std::string> bleu_tokens(std::string_view text, BleuTokens tokens) {
  switch (tokens) {
    case BleuTokens::k13a: {
      std::string line(text);
      replace_all("<skipped>", "", &line);
      replace_all("-\n", "", &line);
      replace_all("\n", " ", &line);
      return words_of(mteval_split(" " + unescape_entities(std::move(line)) + " "));
    }
    case BleuTokens::kZh:
      return words_of(mteval_split(zh_spaced(strip(text))));
    case BleuTokens::kIntl:
      return words_of(intl_split(text));
    case BleuTokens::kChar:
      return char_tokens(text);
    case BleuTokens::kNone:
      return words_of(text);
  }
  ROUX_CHECK(false) << "bleu_tokens: unknown kind " << static_cast<int>(tokens);
  return {};
}

}  // namespace roux::kit
