#include "recipes/rephrasing/pieces.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/unicode.h"
#include "recipes/kit/text/utf8.h"

namespace roux::rephrasing {

std::vector<Piece> pieces_of(std::string_view text) {
  std::vector<Piece> pieces;
  std::string before;
  bool inside = false;
  const auto in_word = [](char32_t c) { return kit::is_letter(c) || kit::is_mark(c) || kit::is_number(c); };
  for (size_t at = 0; at < text.size();) {
    const kit::DecodedChar c = kit::decode_utf8(text, at);
    const auto length = static_cast<size_t>(c.length);
    bool part = in_word(c.code_point);
    if (inside && !part && (c.code_point == U'\'' || c.code_point == U'’') && at + length < text.size())
      part = in_word(kit::decode_utf8(text, at + length).code_point);
    const std::string_view here = text.substr(at, length);
    if (part && inside) {
      pieces.back().text.append(here);
    } else if (!part && kit::is_white_space(c.code_point)) {
      before.append(here);
    } else {
      pieces.push_back({std::move(before), std::string(here), part});
      before.clear();
    }
    inside = part;
    at += length;
  }
  return pieces;
}

std::string text_of(const std::vector<Piece>& pieces) {
  std::string text;
  for (const Piece& piece : pieces) absl::StrAppend(&text, piece.before, piece.text);
  return text;
}

}  // namespace roux::rephrasing
