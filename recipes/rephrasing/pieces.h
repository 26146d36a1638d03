// A text as its words and what stands between them: what filters count and rephrasers rewrite.
#ifndef ROUX_RECIPES_REPHRASING_PIECES_H_
#define ROUX_RECIPES_REPHRASING_PIECES_H_

#include <string>
#include <string_view>
#include <vector>

namespace roux::rephrasing {

// A text as words and single other characters; a word is a run of letters, marks and digits, apostrophes
// inside it. White space is kept before what follows it. Put together they are the text again, but for white
// space at its end.
struct Piece {
  std::string before, text;
  bool is_word = false;
};
std::vector<Piece> pieces_of(std::string_view text);
std::string text_of(const std::vector<Piece>& pieces);

}  // namespace roux::rephrasing

#endif  // ROUX_RECIPES_REPHRASING_PIECES_H_
