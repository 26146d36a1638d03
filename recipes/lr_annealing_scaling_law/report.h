// Tables, charts and claims of both parts.
#ifndef ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_REPORT_H_
#define ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_REPORT_H_

#include <vector>

#include "absl/status/status.h"
#include "recipes/kit/run/run.h"
#include "recipes/lr_annealing_scaling_law/part_a.h"
#include "recipes/lr_annealing_scaling_law/part_b.h"

namespace roux::lr_annealing {

absl::Status report_part_a(const PartA& a, kit::Run& run);

// results: the validation losses of all arms of the first seed, then of the second, ...
absl::Status report_part_b(const TrainingConfig& config, const std::vector<Arm>& all,
                           const std::vector<std::vector<double>>& results, int64_t parameters,
                           kit::Run& run);

}  // namespace roux::lr_annealing

#endif  // ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_REPORT_H_
