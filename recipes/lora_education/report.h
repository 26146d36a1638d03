// Tables, charts and claims of the small world.
#ifndef ROUX_RECIPES_LORA_EDUCATION_REPORT_H_
#define ROUX_RECIPES_LORA_EDUCATION_REPORT_H_

#include "absl/status/status.h"
#include "recipes/kit/run/run.h"
#include "recipes/lora_education/study.h"

namespace roux::lora_education {

// What needs no training: the paper's number of trainable parameters, counted on its model on meta.
void show_sizes(kit::Run& run);
absl::Status report_study(const Config& config, const kit::Results<Outcome>& results, kit::Run& run);

}  // namespace roux::lora_education

#endif  // ROUX_RECIPES_LORA_EDUCATION_REPORT_H_
