// Tables and charts of a run.
#ifndef ROUX_RECIPES_REPHRASING_REPORT_H_
#define ROUX_RECIPES_REPHRASING_REPORT_H_

#include "recipes/rephrasing/outcomes.h"

namespace roux::rephrasing {

// What the pipeline did with the text: counts, quality, planted faults, samples.
void report_pipeline(const Data& data, kit::Run& run);
void report_arms(const Outcomes& outcomes, kit::Run& run);

}  // namespace roux::rephrasing

#endif  // ROUX_RECIPES_REPHRASING_REPORT_H_
