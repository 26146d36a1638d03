// Tokens found in the text as a whole before any other step: control tokens, sentinels, user-defined symbols.
#ifndef ROUX_RECIPES_KIT_TEXT_ADDED_TOKENS_H_
#define ROUX_RECIPES_KIT_TEXT_ADDED_TOKENS_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/text/regex.h"

namespace roux::kit {

struct AddedToken {
  std::string content;
  int32_t id = -1;           // -1: assigned by Tokenizer::with_added
  bool special = true;       // a control token: skipped by decode(skip_special), ignored unless parse_special
  bool normalized = false;   // matched in the normalised text
  bool single_word = false;  // only between non-word characters
  bool lstrip = false;       // takes white space on the left
  bool rstrip = false;       // takes white space on the right
  bool in_text = true;       // false: never recognised in text (SentencePiece's control pieces)
};

// A trie over the tokens; leftmost longest match. Immutable once filled.
class AddedTokens {
 public:
  void add(const AddedToken& token);
  bool empty() const { return tokens_.empty(); }

  struct Match {
    Span span;  // with stripped white space
    const AddedToken* token;
  };
  // Matches in text, in order. Special tokens are ignored if !parse_special; no match may touch a literal
  // range.
  std::vector<Match> find(std::string_view text, bool parse_special,
                          absl::Span<const Span> literal_ranges) const;

 private:
  struct Node {
    std::vector<std::pair<unsigned char, int32_t>> next;  // sorted by byte
    int32_t token = -1;
  };
  const AddedToken* longest_at(std::string_view text, size_t position, bool parse_special) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_;
  std::array<bool, 256> starts_ = {};  // bytes that begin a token
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_ADDED_TOKENS_H_
