// Edit distances between sequences of symbols. All functions are pure. Texts and tokens become symbols
// through symbols.h:
//   edit_distance(char_symbols("kitten"), char_symbols("sitting"))   // 3
#ifndef ROUX_RECIPES_KIT_EVAL_EDIT_DISTANCE_H_
#define ROUX_RECIPES_KIT_EVAL_EDIT_DISTANCE_H_

#include <cstdint>

#include "absl/types/span.h"
#include "recipes/kit/eval/symbols.h"

namespace roux::kit {

// Fewest insertions, deletions and substitutions that turn a into b [Levenshtein 1966]. Bit-parallel [Myers
// 1999, Hyyro 2003]: |a| |b| / 64 steps.
int64_t edit_distance(absl::Span<const int32_t> a, absl::Span<const int32_t> b);

// The same where swapping two neighbours is one edit too, and others may come between [Damerau 1964, Lowrance
// & Wagner 1975]: "ca" to "abc" is 2. Keeps the triangle inequality. |a| |b| steps and memory.
int64_t damerau_distance(absl::Span<const int32_t> a, absl::Span<const int32_t> b);

// The same where nothing is edited twice (optimal string alignment): "ca" to "abc" is 3. |a| |b| steps.
int64_t alignment_distance(absl::Span<const int32_t> a, absl::Span<const int32_t> b);

// Length of the longest common subsequence. Bit-parallel [Hyyro 2004]: |a| |b| / 64 steps.
int64_t longest_common_subsequence(absl::Span<const int32_t> a, absl::Span<const int32_t> b);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_EDIT_DISTANCE_H_
