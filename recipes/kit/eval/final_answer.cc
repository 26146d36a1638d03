#include "recipes/kit/eval/final_answer.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "recipes/kit/text/unicode.h"
#include "recipes/kit/text/utf8.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

bool is_digit(char32_t c) { return c >= '0' && c <= '9'; }

bool is_minus(char32_t c) {
  return c == '-' || (c >= 0x2010 && c <= 0x2013) || c == 0x2212 || c == 0xFE63 || c == 0xFF0D;
}

// Digits and decimal points in ASCII, minus signs as '-'; all else as it is.
std::u32string plain_characters(std::string_view text) {
  std::u32string out;
  for (size_t i = 0; i < text.size();) {
    const DecodedChar c = decode_utf8(text, i);
    i += c.length;
    const int digit = digit_value(c.code_point);
    const bool point = c.code_point == 0xFF0E || c.code_point == 0x066B;
    out += digit >= 0               ? static_cast<char32_t>('0' + digit)
           : point                  ? U'.'
           : is_minus(c.code_point) ? U'-'
                                    : c.code_point;
  }
  return out;
}

// Length of the separator that starts text[i], if groups of three digits stand behind it; otherwise 0.
size_t group_separator(std::u32string_view text, size_t i) {
  constexpr std::u32string_view kSeparators[] = {U"{,}",    U",\\!",   U"\\!",    U"\\,",
                                                 U"'",      U"\u2019", U"\u00A0", U"\u202F",
                                                 U"\u2009", U"\uFF0C", U"\u066C"};
  for (const std::u32string_view separator : kSeparators) {
    if (text.substr(i, separator.size()) != separator) continue;
    size_t end = i + separator.size();
    while (end < text.size() && is_digit(text[end])) ++end;
    return end == i + separator.size() + 3 ? separator.size() : 0;
  }
  return 0;
}

std::u32string without_separators(std::u32string_view text) {
  std::u32string out;
  for (size_t i = 0; i < text.size();) {
    const bool after_digit = i > 0 && is_digit(text[i - 1]);
    const bool comma = text[i] == ',' && i + 1 < text.size() && is_digit(text[i + 1]);
    const size_t skip = !after_digit ? 0 : comma ? 1 : group_separator(text, i);
    if (skip == 0) out += text[i++];
    i += skip;
  }
  return out;
}

// CJK, Thai, Lao, Burmese, Khmer: a dash behind their letters joins no word.
bool writes_no_spaces(char32_t c) {
  return c >= 0x2E80 || (c >= 0x0E00 && c <= 0x0EFF) || (c >= 0x1000 && c <= 0x109F) ||
         (c >= 0x1780 && c <= 0x17FF);
}

// Whether the number that begins at `at` has a minus.
bool is_negative(std::u32string_view text, size_t at) {
  if (at > 0 && general_category(text[at - 1]) == "Sc") {
    --at;
    if (at > 0 && text[at - 1] == '\\') --at;  // \$
  }
  if (at == 0 || text[at - 1] != '-') return false;
  if (at == 1) return true;
  const char32_t before = text[at - 2];
  const bool closes = before == ')' || before == ']' || before == '}';
  return !closes && (!is_word_char(before) || (writes_no_spaces(before) && !is_digit(before)));
}

// The text within braces that open at text[open]; nullopt if they don't close.
std::optional<std::string_view> within_braces(std::string_view text, size_t open) {
  int depth = 0;
  for (size_t i = open; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;  // \{ and \} are no braces
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}' && --depth == 0) {
      return text.substr(open + 1, i - open - 1);
    }
  }
  return std::nullopt;
}

// What closes the formula that is open at the end of `before`; empty outside of formulas.
std::string_view end_of_formula(std::string_view before) {
  int dollars = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i] == '\\') {
      ++i;
    } else if (before[i] == '$') {
      ++dollars;
    }
  }
  if (dollars % 2 == 1) return "$";
  const auto open = [&](std::string_view head, std::string_view end) {
    const size_t at = before.rfind(head);
    return at != std::string_view::npos && before.find(end, at) == std::string_view::npos;
  };
  return open("\\(", "\\)") ? "\\)" : open("\\[", "\\]") ? "\\]" : "";
}

// An answer without braces at the start of `rest`.
std::string_view bare_answer(std::string_view before, std::string_view rest) {
  const std::string_view end = end_of_formula(before);
  if (!end.empty()) return strip(rest.substr(0, rest.find(end)));
  int depth = 0;
  size_t i = 0;
  for (; i < rest.size(); ++i) {
    if (rest[i] == '{') ++depth;
    if (rest[i] == '}') --depth;
    if (rest[i] == '\n' || (depth <= 0 && (rest[i] == ' ' || rest[i] == '\t'))) break;
  }
  rest = rest.substr(0, i);
  while (!rest.empty() && (rest.back() == '.' || rest.back() == ',' || rest.back() == ';')) {
    rest.remove_suffix(1);
  }
  return rest;
}

// The inside of a font command around the whole text.
std::string_view without_font(std::string_view text) {
  for (const std::string_view command : {"\\text", "\\textbf", "\\mathrm", "\\mathbf", "\\mbox"}) {
    if (text.substr(0, command.size()) != command) continue;
    size_t open = command.size();
    while (open < text.size() && text[open] == ' ') ++open;
    if (open == text.size() || text[open] != '{') continue;
    const auto inside = within_braces(text, open);
    if (inside && inside->data() + inside->size() + 1 == text.data() + text.size()) return strip(*inside);
  }
  return text;
}

// The answer of the command that ends at `at`; nullopt if it is another, longer one or holds nothing.
std::optional<std::string_view> answer_at(std::string_view text, size_t command, size_t at) {
  const bool longer =
      at < text.size() && ((text[at] >= 'a' && text[at] <= 'z') || (text[at] >= 'A' && text[at] <= 'Z'));
  if (longer) return std::nullopt;
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n')) ++at;
  if (at < text.size() && text[at] == '{') {
    const auto inside = within_braces(text, at);
    return inside ? std::optional(strip(*inside)) : std::nullopt;
  }
  const std::string_view bare = bare_answer(text.substr(0, command), text.substr(at));
  return bare.empty() ? std::nullopt : std::optional(bare);
}

}  // namespace

std::optional<double> last_number(std::string_view text, bool with_sign) {
  const std::u32string plain = without_separators(plain_characters(text));
  std::optional<double> last;
  for (size_t i = 0; i < plain.size();) {
    if (!is_digit(plain[i])) {
      ++i;
      continue;
    }
    const size_t begin = i;
    while (i < plain.size() && is_digit(plain[i])) ++i;
    if (i + 1 < plain.size() && plain[i] == '.' && is_digit(plain[i + 1])) {
      ++i;
      while (i < plain.size() && is_digit(plain[i])) ++i;
    }
    const std::string digits(plain.begin() + static_cast<int64_t>(begin),
                             plain.begin() + static_cast<int64_t>(i));
    double value = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (result.ec == std::errc::result_out_of_range) value = HUGE_VAL;
    last = with_sign && is_negative(plain, begin) ? -value : value;
  }
  return last;
}

bool same_number(std::optional<double> a, std::optional<double> b, double tolerance) {
  return a && b && std::abs(*a - *b) <= tolerance;
}

std::optional<std::string> boxed_answer(std::string_view text) {
  constexpr std::string_view kCommands[] = {"\\boxed", "\\fbox"};
  for (size_t i = text.size(); i-- > 0;) {
    for (const std::string_view command : kCommands) {
      if (text.substr(i, command.size()) != command) continue;
      if (const auto answer = answer_at(text, i, i + command.size()))
        return std::string(without_font(*answer));
    }
  }
  return std::nullopt;
}

std::optional<std::string> marked_answer(std::string_view text, std::string_view marker) {
  ROUX_CHECK(!marker.empty()) << "marked_answer: the marker is empty";
  const size_t at = text.rfind(marker);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(at + marker.size());
  return std::string(strip(rest.substr(0, rest.find('\n'))));
}

}  // namespace roux::kit
