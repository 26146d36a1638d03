// The claims of the paper, judged on the arms of a run.
#ifndef ROUX_RECIPES_CONTINUAL_PRETRAINING_CLAIMS_H_
#define ROUX_RECIPES_CONTINUAL_PRETRAINING_CLAIMS_H_

#include <string>

#include "absl/status/status.h"
#include "recipes/continual_pretraining/outcomes.h"
#include "recipes/kit/run/run.h"

namespace roux::continual {

// `near`: whether the weak shift was trained; without it its claims are not testable. `scale`: of all claims.
absl::Status judge(const Outcomes& outcomes, bool near, const std::string& scale, kit::Run& run);

}  // namespace roux::continual

#endif  // ROUX_RECIPES_CONTINUAL_PRETRAINING_CLAIMS_H_
