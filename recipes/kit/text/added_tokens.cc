#include "recipes/kit/text/added_tokens.h"

#include <algorithm>

#include "recipes/kit/text/unicode.h"
#include "recipes/kit/text/utf8.h"

namespace roux::kit {
namespace {

// Start of the character that ends at `end`.
size_t previous_char(std::string_view text, size_t end) {
  size_t begin = end - 1;
  while (begin > 0 && end - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  return begin;
}

bool word_before(std::string_view text, size_t position) {
  return position > 0 && is_word_char(decode_utf8(text, previous_char(text, position)).code_point);
}

bool word_after(std::string_view text, size_t position) {
  return position < text.size() && is_word_char(decode_utf8(text, position).code_point);
}

// Whether `wanted` holds for all characters.
template <class F>
bool all_chars(std::string_view text, const F& wanted) {
  for (size_t i = 0; i < text.size();) {
    const DecodedChar c = decode_utf8(text, i);
    if (!wanted(c.code_point)) return false;
    i += c.length;
  }
  return true;
}

bool is_blank(char32_t c) { return is_white_space(c) || c == 0x2581; }

}  // namespace

bool is_blank_token(std::string_view content) { return all_chars(content, is_blank); }

bool is_tag(std::string_view content) {
  if (content.empty() || static_cast<size_t>(decode_utf8(content, 0).length) == content.size()) return false;
  return !all_chars(content, [](char32_t c) { return is_word_char(c) || is_blank(c); });
}

void AddedTokens::add(const AddedToken& token, std::string_view pattern) {
  if (nodes_.empty()) nodes_.emplace_back();
  starts_[static_cast<unsigned char>(pattern[0])] = true;
  int32_t node = 0;
  for (const char c : pattern) {
    const auto byte = static_cast<unsigned char>(c);
    auto& next = nodes_[node].next;
    const auto at = std::lower_bound(next.begin(), next.end(), std::make_pair(byte, int32_t{0}));
    if (at != next.end() && at->first == byte) {
      node = at->second;
    } else {
      const auto child = static_cast<int32_t>(nodes_.size());
      next.insert(at, {byte, child});
      nodes_.emplace_back();
      node = child;
    }
  }
  nodes_[node].token = static_cast<int32_t>(tokens_.size());
  tokens_.push_back(token);
}

std::pair<const AddedToken*, size_t> AddedTokens::longest_at(std::string_view text, size_t position) const {
  const AddedToken* best = nullptr;
  size_t end = position;
  int32_t node = 0;
  for (size_t i = position; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto& next = nodes_[node].next;
    const auto at = std::lower_bound(next.begin(), next.end(), std::make_pair(byte, int32_t{0}));
    if (at == next.end() || at->first != byte) break;
    node = at->second;
    if (nodes_[node].token >= 0) best = &tokens_[nodes_[node].token], end = i + 1;
  }
  return {best, end};
}

std::vector<AddedTokens::Match> AddedTokens::find(std::string_view text, bool parse_special,
                                                  const std::function<bool(Span)>& literal) const {
  std::vector<Match> matches;
  if (tokens_.empty()) return matches;
  size_t done = 0;  // end of the last match
  for (size_t i = 0; i < text.size();) {
    if (!starts_[static_cast<unsigned char>(text[i])]) {
      ++i;
      continue;
    }
    auto [token, end] = longest_at(text, i);
    const Span whole = {static_cast<uint32_t>(i), static_cast<uint32_t>(end)};
    if (token == nullptr ||
        (literal && literal(whole) && (token->special || !is_blank_token(token->content)))) {
      ++i;
      continue;
    }
    size_t begin = i;
    i = end;
    if (token->special && !parse_special) continue;
    if (token->single_word && (word_before(text, begin) || word_after(text, end))) continue;
    if (token->lstrip) {
      while (begin > done) {
        const size_t previous = previous_char(text, begin);
        if (!is_white_space(decode_utf8(text, previous).code_point)) break;
        begin = previous;
      }
    }
    if (token->rstrip) {
      while (end < text.size()) {
        const DecodedChar c = decode_utf8(text, end);
        if (!is_white_space(c.code_point)) break;
        end += c.length;
      }
      i = end;
    }
    matches.push_back({{static_cast<uint32_t>(begin), static_cast<uint32_t>(end)}, token});
    done = end;
  }
  return matches;
}

}  // namespace roux::kit
