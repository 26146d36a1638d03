// The paper's claims, judged by what the arms came to.
#ifndef ROUX_RECIPES_REPHRASING_CLAIMS_H_
#define ROUX_RECIPES_REPHRASING_CLAIMS_H_

#include <string>

#include "absl/status/status.h"
#include "recipes/rephrasing/outcomes.h"

namespace roux::rephrasing {

absl::Status judge(const Outcomes& outcomes, const std::string& scale, kit::Run& run);

}  // namespace roux::rephrasing

#endif  // ROUX_RECIPES_REPHRASING_CLAIMS_H_
