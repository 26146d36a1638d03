// Tables and charts: what the paper's tables and figures show.
#ifndef ROUX_RECIPES_CONTINUAL_PRETRAINING_REPORT_H_
#define ROUX_RECIPES_CONTINUAL_PRETRAINING_REPORT_H_

#include "recipes/continual_pretraining/arms.h"
#include "recipes/continual_pretraining/outcomes.h"
#include "recipes/kit/run/run.h"

namespace roux::continual {

void report(const Config& config, const Outcomes& outcomes, bool near, kit::Run& run);

}  // namespace roux::continual

#endif  // ROUX_RECIPES_CONTINUAL_PRETRAINING_REPORT_H_
