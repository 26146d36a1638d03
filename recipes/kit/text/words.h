// White space as Python's str methods take it, which reference packages are written in. All functions are
// pure; views point into the argument.
#ifndef ROUX_RECIPES_KIT_TEXT_WORDS_H_
#define ROUX_RECIPES_KIT_TEXT_WORDS_H_

#include <string_view>
#include <vector>

namespace roux::kit {

// White_Space and the four information separators U+001C .. U+001F.
bool is_python_space(char32_t c);

// The parts between runs of such characters: str.split().
std::vector<std::string_view> split_words(std::string_view text);

// The text without such characters at both ends, or at the right end: str.strip(), str.rstrip(). Time does
// not depend on what lies between.
std::string_view strip(std::string_view text);
std::string_view right_strip(std::string_view text);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_WORDS_H_
