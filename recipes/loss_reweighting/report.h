// Tables and figures of a run.
#ifndef ROUX_RECIPES_LOSS_REWEIGHTING_REPORT_H_
#define ROUX_RECIPES_LOSS_REWEIGHTING_REPORT_H_

#include "recipes/kit/run/run.h"
#include "recipes/loss_reweighting/outcomes.h"

namespace roux::loss_reweighting {

void report(const Config& config, const Outcomes& outcomes, kit::Run& run);

}  // namespace roux::loss_reweighting

#endif  // ROUX_RECIPES_LOSS_REWEIGHTING_REPORT_H_
