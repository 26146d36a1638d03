// The claims of the paper, judged on the arms of a run.
#ifndef ROUX_RECIPES_LOSS_REWEIGHTING_CLAIMS_H_
#define ROUX_RECIPES_LOSS_REWEIGHTING_CLAIMS_H_

#include "absl/status/status.h"
#include "recipes/kit/run/run.h"
#include "recipes/loss_reweighting/outcomes.h"

namespace roux::loss_reweighting {

absl::Status judge(const Config& config, const Outcomes& outcomes, kit::Run& run);

}  // namespace roux::loss_reweighting

#endif  // ROUX_RECIPES_LOSS_REWEIGHTING_CLAIMS_H_
