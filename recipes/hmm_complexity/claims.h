// Tables, charts and verdicts. Thresholds were written before the reported seeds were run.
#ifndef ROUX_RECIPES_HMM_COMPLEXITY_CLAIMS_H_
#define ROUX_RECIPES_HMM_COMPLEXITY_CLAIMS_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "recipes/hmm_complexity/arms.h"
#include "recipes/kit/run/run.h"

namespace roux::hmm_complexity {

void report(const Config& config, const Results& results, kit::Run& run);
absl::Status judge(const Config& config, const Results& results, kit::Run& run);
// Of the real model's features, by target; or why there are none.
absl::Status judge_real(const Config& config, const absl::StatusOr<RealFeatures>& features, kit::Run& run);

}  // namespace roux::hmm_complexity

#endif  // ROUX_RECIPES_HMM_COMPLEXITY_CLAIMS_H_
