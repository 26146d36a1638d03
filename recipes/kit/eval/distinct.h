// Diversity of generated texts. Pure.
#ifndef ROUX_RECIPES_KIT_EVAL_DISTINCT_H_
#define ROUX_RECIPES_KIT_EVAL_DISTINCT_H_

#include <string>

#include "absl/types/span.h"

namespace roux::kit {

// distinct-n [Li et al. 2016]: different n-grams of words divided by all n-grams of the texts, 0 .. 1. Words
// are split at white space; no n-gram reaches over the end of a text. 0 where there is no n-gram.
double distinct_n(absl::Span<const std::string> texts, int n);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_DISTINCT_H_
