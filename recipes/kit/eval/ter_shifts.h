// The search for moves of translation edit rate (ter.h). Pure.
#ifndef ROUX_RECIPES_KIT_EVAL_TER_SHIFTS_H_
#define ROUX_RECIPES_KIT_EVAL_TER_SHIFTS_H_

#include <cstdint>

#include "recipes/kit/eval/symbols.h"

namespace roux::kit {

// Number of moves and word edits that turn the hypothesis into the reference.
int64_t translation_edits(const Symbols& hypothesis, const Symbols& reference);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_TER_SHIFTS_H_
