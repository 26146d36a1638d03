// Splitting text into sentences by the rules of Unicode Standard Annex 29, through ICU.
#ifndef ROUX_RECIPES_KIT_TEXT_SENTENCES_H_
#define ROUX_RECIPES_KIT_TEXT_SENTENCES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/text/regex.h"

namespace roux::kit {

// Byte ranges of the sentences, without the white space between them. `language`: ISO 639-1; for de, en, es,
// fr, it, nl, pl, pt and ru common abbreviations ("Dr."), initials and German ordinals do not end a sentence.
// A line end always does, and so does a full stop inside quotation marks. Damaged UTF-8 is InvalidArgument
// with the offset.
absl::StatusOr<std::vector<Span>> split_sentences(std::string_view text, const std::string& language = "en");

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_SENTENCES_H_
