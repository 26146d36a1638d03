#include "recipes/kit/eval/symbols.h"

#include "recipes/kit/text/utf8.h"

namespace roux::kit {

Symbols char_symbols(std::string_view text) {
  Symbols symbols;
  symbols.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    if (static_cast<signed char>(text[i]) >= 0) {
      symbols.push_back(text[i++]);
      continue;
    }
    const DecodedChar c = decode_utf8(text, i);
    symbols.push_back(static_cast<int32_t>(c.code_point));
    i += c.length;
  }
  return symbols;
}

int32_t TokenNumbers::of(std::string_view token) {
  const absl::string_view key(token.data(), token.size());
  if (const auto at = numbers_.find(key); at != numbers_.end()) return at->second;
  const auto number = static_cast<int32_t>(numbers_.size());
  numbers_.emplace(key, number);
  return number;
}

Symbols TokenNumbers::of(absl::Span<const std::string> tokens) {
  Symbols symbols;
  symbols.reserve(tokens.size());
  for (const std::string& token : tokens) symbols.push_back(of(std::string_view(token)));
  return symbols;
}

Symbols TokenNumbers::of(absl::Span<const std::string_view> tokens) {
  Symbols symbols;
  symbols.reserve(tokens.size());
  for (const std::string_view token : tokens) symbols.push_back(of(token));
  return symbols;
}

}  // namespace roux::kit
