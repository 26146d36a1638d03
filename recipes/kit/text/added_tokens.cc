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

}  // namespace

void AddedTokens::add(const AddedToken& token) {
  if (nodes_.empty()) nodes_.emplace_back();
  starts_[static_cast<unsigned char>(token.content[0])] = true;
  int32_t node = 0;
  for (const char c : token.content) {
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

const AddedToken* AddedTokens::longest_at(std::string_view text, size_t position, bool parse_special) const {
  const AddedToken* best = nullptr;
  int32_t node = 0;
  for (size_t i = position; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto& next = nodes_[node].next;
    const auto at = std::lower_bound(next.begin(), next.end(), std::make_pair(byte, int32_t{0}));
    if (at == next.end() || at->first != byte) break;
    node = at->second;
    if (nodes_[node].token >= 0) {
      const AddedToken& token = tokens_[nodes_[node].token];
      if (parse_special || !token.special) best = &token;
    }
  }
  return best;
}

std::vector<AddedTokens::Match> AddedTokens::find(std::string_view text, bool parse_special,
                                                  absl::Span<const Span> literal_ranges) const {
  std::vector<Match> matches;
  if (tokens_.empty()) return matches;
  size_t literal = 0;
  size_t done = 0;  // end of the last match
  for (size_t i = 0; i < text.size();) {
    if (!starts_[static_cast<unsigned char>(text[i])]) {
      ++i;
      continue;
    }
    const AddedToken* token = longest_at(text, i, parse_special);
    if (token == nullptr) {
      ++i;
      continue;
    }
    size_t begin = i;
    size_t end = i + token->content.size();
    while (literal < literal_ranges.size() && literal_ranges[literal].end <= begin) ++literal;
    const bool in_literal = literal < literal_ranges.size() && literal_ranges[literal].begin < end;
    if (in_literal) {
      ++i;
      continue;
    }
    i = end;
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
