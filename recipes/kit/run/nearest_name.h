// "Did you mean": the known word that a mistyped one is nearest to.
#ifndef ROUX_RECIPES_KIT_RUN_NEAREST_NAME_H_
#define ROUX_RECIPES_KIT_RUN_NEAREST_NAME_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace roux::kit {

// The candidate with the smallest edit distance to `word`, if it is close enough to be a slip; else empty.
std::string nearest_name(absl::string_view word, const std::vector<std::string>& candidates);

// "; did you mean <prefix><nearest>?", or empty.
std::string did_you_mean(absl::string_view word, const std::vector<std::string>& candidates,
                         absl::string_view prefix);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_NEAREST_NAME_H_
