// Short answers against gold answers, as SQuAD 2.0 scores them [Rajpurkar et al. 2018]. All functions are
// pure. A question without a gold answer is written as one that is empty; a list of none is misuse (Error).
#ifndef ROUX_RECIPES_KIT_EVAL_ANSWERS_H_
#define ROUX_RECIPES_KIT_EVAL_ANSWERS_H_

#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace roux::kit {

// SQuAD's normal form [Rajpurkar et al. 2016]: lower case, no ASCII punctuation, no a/an/the, single spaces.
std::string normalize_answer(std::string_view text);
// 1 if the normal forms agree with that of any gold answer, otherwise 0.
double exact_match(std::string_view answer, absl::Span<const std::string> gold);
// F1 of the common words of the normal forms, the best over the gold answers. Of an empty answer or gold
// answer 1 if both are empty, otherwise 0.
double answer_f1(std::string_view answer, absl::Span<const std::string> gold);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_ANSWERS_H_
