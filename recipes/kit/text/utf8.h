// UTF-8 without tables: decoding, encoding, validation and repair. Text in this kit is std::string in UTF-8
// that may be damaged; code that needs whole characters says so and calls replace_invalid_utf8 first. All
// functions are pure.
#ifndef ROUX_RECIPES_KIT_TEXT_UTF8_H_
#define ROUX_RECIPES_KIT_TEXT_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace roux::kit {

struct DecodedChar {
  char32_t code_point;  // U+FFFD where the bytes are invalid
  int length;           // bytes consumed: 1..4; for invalid input the maximal subpart that a decoder replaces
  bool valid;
};

// Decodes the character at text[position]. Needs position < text.size(). Surrogates, overlong forms and
// values above U+10FFFF are invalid. `length` of an invalid sequence follows the Unicode standard,
// section 3.9 (and Python's errors="replace"): one U+FFFD for each maximal subpart.
DecodedChar decode_utf8(std::string_view text, size_t position);

// Appends the UTF-8 form of a code point; a surrogate or a value above U+10FFFF is written as U+FFFD.
void append_utf8(char32_t code_point, std::string* out);

// Length of the longest valid prefix.
size_t valid_utf8_prefix(std::string_view text);
inline bool is_valid_utf8(std::string_view text) { return valid_utf8_prefix(text) == text.size(); }

// The text with every maximal invalid subpart replaced by U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

// Bytes at the end of `text` that could be the start of a character not yet complete (0..3).
size_t incomplete_utf8_suffix(std::string_view text);

// The text for an error message: its first 200 bytes or fewer, whole characters, and "..." where it was cut.
std::string excerpt(std::string_view text);

// Number of characters; an invalid maximal subpart counts as one.
size_t count_chars(std::string_view text);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_UTF8_H_
