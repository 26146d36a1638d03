#include "recipes/kit/eval/final_answer.h"

#include <charconv>
#include <cmath>

#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_word_char(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<signed char>(c) < 0;
}

std::string without_digit_commas(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool inside = i > 0 && i + 1 < text.size() && is_digit(text[i - 1]) && is_digit(text[i + 1]);
    if (text[i] != ',' || !inside) out += text[i];
  }
  return out;
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

}  // namespace

std::optional<double> last_number(std::string_view text, bool with_sign) {
  const std::string plain = without_digit_commas(text);
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
    double value = 0;
    const auto result = std::from_chars(plain.data() + begin, plain.data() + i, value);
    if (result.ec == std::errc::result_out_of_range) value = HUGE_VAL;
    const bool minus =
        begin > 0 && plain[begin - 1] == '-' && (begin == 1 || !is_word_char(plain[begin - 2]));
    last = with_sign && minus ? -value : value;
  }
  return last;
}

bool same_number(std::optional<double> a, std::optional<double> b, double tolerance) {
  return a && b && std::abs(*a - *b) <= tolerance;
}

std::optional<std::string> boxed_answer(std::string_view text) {
  constexpr std::string_view kOpen = "\\boxed{";
  for (size_t at = text.rfind(kOpen); at != std::string_view::npos; at = text.rfind(kOpen, at - 1)) {
    if (const auto inside = within_braces(text, at + kOpen.size() - 1)) return std::string(strip(*inside));
    if (at == 0) break;
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
