// Making arbitrary bytes printable: model output and byte-level tokens need not be UTF-8.
#ifndef ROUX_RECIPES_KIT_TEXT_PRINTABLE_H_
#define ROUX_RECIPES_KIT_TEXT_PRINTABLE_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace roux::kit {

// Bytes of the valid UTF-8 sequence at the start of `text` (RFC 3629: no surrogates, no overlong forms), 0 if
// none.
size_t utf8_length(absl::string_view text);

// Number of code points; each invalid byte counts as one. Close enough to terminal columns for aligning
// tables.
size_t utf8_width(absl::string_view text);

// Control characters as \n, \t or \xNN and invalid bytes as \xNN; everything else unchanged.
std::string printable(absl::string_view bytes);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_PRINTABLE_H_
