// Edit distances between token lists and what is built on them: word and character error rate, common
// subsequences. All functions are pure.
#ifndef ROUX_RECIPES_KIT_EVAL_EDIT_DISTANCE_H_
#define ROUX_RECIPES_KIT_EVAL_EDIT_DISTANCE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace roux::kit {

// Fewest insertions, deletions and substitutions that turn a into b [Levenshtein 1966]. O(|a| |b|) time,
// O(|b|) memory.
int64_t edit_distance(absl::Span<const std::string> a, absl::Span<const std::string> b);
// The same over characters.
int64_t char_edit_distance(std::string_view a, std::string_view b);

int64_t longest_common_subsequence(absl::Span<const std::string> a, absl::Span<const std::string> b);

// Edits over all texts divided by the length of all references, in words (split at white space) or
// characters, as the package jiwer. May exceed 1. Lists of different length, and references without a word,
// are misuse (Error).
double word_error_rate(absl::Span<const std::string> references, absl::Span<const std::string> hypotheses);
double char_error_rate(absl::Span<const std::string> references, absl::Span<const std::string> hypotheses);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_EDIT_DISTANCE_H_
