// Unicode properties and normalisation, through ICU (Unicode 15 in Debian 12). All functions are pure and
// thread-safe. Invalid UTF-8 is taken as U+FFFD.
#ifndef ROUX_RECIPES_KIT_TEXT_UNICODE_H_
#define ROUX_RECIPES_KIT_TEXT_UNICODE_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace roux::kit {

enum class UnicodeForm { kNfc, kNfd, kNfkc, kNfkd };

// The text in the given normalisation form (Unicode Standard Annex 15).
std::string normalize(std::string_view text, UnicodeForm form);

// The same piece by piece: calls visit(begin, end, result) for consecutive pieces of the text that normalise
// independently of each other; bytes [begin, end) become `result`. Long unchanged runs come as one piece.
void normalize_pieces(std::string_view text, UnicodeForm form,
                      const std::function<void(size_t begin, size_t end, std::string_view result)>& visit);

// Calls visit(begin, end) for the extended grapheme clusters of a text (Unicode Standard Annex 29), in order.
// The text must be valid UTF-8 below 2 GiB.
void for_each_grapheme(std::string_view text, const std::function<void(size_t begin, size_t end)>& visit);

std::string_view unicode_version();  // of ICU's data: "15.0"

bool is_white_space(char32_t c);                // property White_Space
bool is_letter(char32_t c);                     // L
bool is_number(char32_t c);                     // N
bool is_punctuation(char32_t c);                // P
bool is_symbol(char32_t c);                     // S
bool is_mark(char32_t c);                       // M
bool is_nonspacing_mark(char32_t c);            // Mn
bool is_control_or_format(char32_t c);          // Cc, Cf, Co
std::string_view general_category(char32_t c);  // two letters: "Lu"
int digit_value(char32_t c);                    // 0 to 9 of a decimal digit of any script (Nd), otherwise -1
bool is_word_char(char32_t c);  // Alphabetic, M, Nd, Pc, Join_Control: \w of Unicode Technical Standard 18

// Major version of Unicode that first assigned the character; 0 if none up to ICU's.
int unicode_age(char32_t c);

// Appends the full lower-case mapping of one character, without context or language rules (U+0130 gives two).
void append_lowercase(char32_t c, std::string* out);
// Lower case of a text, with the context rules of the standard (final sigma), no language rules.
std::string lowercase(std::string_view text);

// Script of a character by its Unicode property value name: "Latin", "Devanagari", "Common", "Inherited",
// "Unknown".
std::string_view script(char32_t c);
// Scripts of the letters and marks of a text with their shares of those characters, largest first; Common and
// Inherited are left out. Empty without letters.
std::vector<std::pair<std::string_view, double>> script_shares(std::string_view text);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_UNICODE_H_
