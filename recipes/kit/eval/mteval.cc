#include "recipes/kit/eval/mteval.h"

#include "recipes/kit/text/utf8.h"

namespace roux::kit {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_mark(char c) { return c == '.' || c == ','; }

// mteval's class {-~[-` -&(-+:-@/ .
bool is_symbol(char c) {
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
         (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}

// Length of the character at i, which may be invalid.
size_t length_at(std::string_view text, size_t i) {
  return static_cast<signed char>(text[i]) >= 0 ? 1 : decode_utf8(text, i).length;
}

void append_spaced(char c, std::string* out) {
  out->push_back(' ');
  out->push_back(c);
  out->push_back(' ');
}

}  // namespace

void replace_all(std::string_view from, std::string_view to, std::string* text) {
  size_t at = text->find(from);
  if (at == std::string::npos) return;
  std::string out;
  size_t begin = 0;
  for (; at != std::string::npos; at = text->find(from, begin)) {
    out.append(*text, begin, at - begin).append(to);
    begin = at + from.size();
  }
  *text = out.append(*text, begin);
}

std::string unescape_entities(std::string text) {
  replace_all("&quot;", "\"", &text);
  replace_all("&amp;", "&", &text);
  replace_all("&lt;", "<", &text);
  replace_all("&gt;", ">", &text);
  return text;
}

std::string space_symbols(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  for (const char c : text) {
    if (is_symbol(c)) {
      append_spaced(c, &out);
    } else {
      out += c;
    }
  }
  return out;
}

// Three passes, as the regular expressions that they were: what one pass consumed, the next sees again.
std::string space_periods_and_dashes(std::string_view text) {
  std::string after;  // "x." -> "x . ", x no digit
  after.reserve(text.size() + text.size() / 2);
  for (size_t i = 0; i < text.size();) {
    const size_t n = length_at(text, i);
    const bool hit = !is_digit(text[i]) && i + n < text.size() && is_mark(text[i + n]);
    after.append(text.substr(i, n));
    if (hit) append_spaced(text[i + n], &after);
    i += hit ? n + 1 : n;
  }
  std::string before;  // ".x" -> " . x", x no digit
  before.reserve(after.size() + after.size() / 2);
  for (size_t i = 0; i < after.size();) {
    if (is_mark(after[i]) && i + 1 < after.size() && !is_digit(after[i + 1])) {
      const size_t n = length_at(after, i + 1);
      append_spaced(after[i], &before);
      before.append(after, i + 1, n);
      i += 1 + n;
    } else {
      before += after[i++];
    }
  }
  std::string out;  // "1-" -> "1 - "
  out.reserve(before.size() + 8);
  for (size_t i = 0; i < before.size(); ++i) {
    out += before[i];
    if (is_digit(before[i]) && i + 1 < before.size() && before[i + 1] == '-') {
      append_spaced('-', &out);
      ++i;
    }
  }
  return out;
}

}  // namespace roux::kit
