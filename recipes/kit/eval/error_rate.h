// Word and character error rate, as the package jiwer computes them by default. Pure.
#ifndef ROUX_RECIPES_KIT_EVAL_ERROR_RATE_H_
#define ROUX_RECIPES_KIT_EVAL_ERROR_RATE_H_

#include <string>

#include "absl/types/span.h"

namespace roux::kit {

// Edits over all pairs divided by the length of all references; may exceed 1. Words are what stands between
// spaces (U+0020) and between two or more white-space characters; a single tab is part of a word. Characters
// are code points, without white space at both ends. Lists of different length, and references that have no
// word or character in all, are misuse (Error; jiwer then gives the number of insertions).
double word_error_rate(absl::Span<const std::string> references, absl::Span<const std::string> hypotheses);
double char_error_rate(absl::Span<const std::string> references, absl::Span<const std::string> hypotheses);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_ERROR_RATE_H_
