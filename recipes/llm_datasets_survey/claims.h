// Tables, charts and verdicts of the trained arms, the pipeline and the catalogue.
#ifndef ROUX_RECIPES_LLM_DATASETS_SURVEY_CLAIMS_H_
#define ROUX_RECIPES_LLM_DATASETS_SURVEY_CLAIMS_H_

#include <vector>

#include "absl/status/status.h"
#include "recipes/kit/run/run.h"
#include "recipes/llm_datasets_survey/arms.h"
#include "recipes/llm_datasets_survey/catalogue.h"

namespace roux::llm_datasets_survey {

void report_catalogue(const Catalogue& catalogue, kit::Run& run);
void report_pipeline(const Data& data, kit::Run& run);
void report_arms(const Config& config, const Data& data, const Results& results, kit::Run& run);

// `complete`: whether the records are a whole catalogue, of which trends can be told; the shipped ones are a
// selection.
absl::Status judge(const Config& config, const Data& data, const Results& results,
                   const std::vector<Record>& records, bool complete, kit::Run& run);

}  // namespace roux::llm_datasets_survey

#endif  // ROUX_RECIPES_LLM_DATASETS_SURVEY_CLAIMS_H_
