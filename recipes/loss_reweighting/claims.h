// The claims of the paper, judged on the arms of a run.
#ifndef ROUX_RECIPES_LOSS_REWEIGHTING_CLAIMS_H_
#define ROUX_RECIPES_LOSS_REWEIGHTING_CLAIMS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "recipes/kit/run/run.h"
#include "recipes/loss_reweighting/outcomes.h"

namespace roux::loss_reweighting {

// `toy_seeds`: of the toy's runs, which are more than the others'.
absl::Status judge(const Config& config, const std::vector<uint64_t>& toy_seeds, const Outcomes& outcomes,
                   kit::Run& run);

}  // namespace roux::loss_reweighting

#endif  // ROUX_RECIPES_LOSS_REWEIGHTING_CLAIMS_H_
