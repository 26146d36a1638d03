// Tokens found in the text as a whole before any other step: control tokens, sentinels, user-defined symbols.
#ifndef ROUX_RECIPES_KIT_TEXT_ADDED_TOKENS_H_
#define ROUX_RECIPES_KIT_TEXT_ADDED_TOKENS_H_

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "recipes/kit/text/regex.h"

namespace roux::kit {

struct AddedToken {
  std::string content;
  int32_t id = -1;           // -1: assigned by Tokenizer::with_added
  bool special = true;       // a control token: skipped by decode(skip_special), ignored unless parse_special
  bool normalized = false;   // its normalised content is matched in the normalised text
  bool single_word = false;  // only between non-word characters
  bool lstrip = false;       // takes white space on the left
  bool rstrip = false;       // takes white space on the right
  bool in_text = true;       // false: never recognised in text (SentencePiece's control pieces)
};

// White space alone, SentencePiece's U+2581 too: such a token cuts text and marks nothing.
bool is_blank_token(std::string_view content);
// More than one character, and one of them neither of a word nor blank ("<sep>"): a mark, not a piece of
// text.
bool is_tag(std::string_view content);

// A trie over the tokens; leftmost longest match. Immutable once filled.
class AddedTokens {
 public:
  void add(const AddedToken& token) { add(token, token.content); }
  // Recognised where `pattern` stands, which must not be empty.
  void add(const AddedToken& token, std::string_view pattern);
  bool empty() const { return tokens_.empty(); }

  struct Match {
    Span span;  // with stripped white space
    const AddedToken* token;
  };
  // Matches in text, in order. If !parse_special, special tokens are stepped over as plain text, as the
  // reference does. `literal` (may be empty) says of a span that no token may be recognised in it; blank
  // tokens that are not special are, as they are text.
  std::vector<Match> find(std::string_view text, bool parse_special,
                          const std::function<bool(Span)>& literal) const;

 private:
  struct Node {
    std::vector<std::pair<unsigned char, int32_t>> next;  // sorted by byte
    int32_t token = -1;
  };
  // The longest token that starts at `position`, and where it ends.
  std::pair<const AddedToken*, size_t> longest_at(std::string_view text, size_t position) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_;
  std::array<bool, 256> starts_ = {};  // bytes that begin a token
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_ADDED_TOKENS_H_
