// What the paper claims, measured on a run.
#ifndef ROUX_RECIPES_REGMIX_CLAIMS_H_
#define ROUX_RECIPES_REGMIX_CLAIMS_H_

#include <string>

#include "absl/status/status.h"
#include "recipes/kit/run/run.h"
#include "recipes/regmix/outcomes.h"

namespace roux::regmix {

// `scale`: sizes, as claims name them.
absl::Status judge(const Outcomes& outcomes, const std::string& scale, kit::Run& run);

}  // namespace roux::regmix

#endif  // ROUX_RECIPES_REGMIX_CLAIMS_H_
