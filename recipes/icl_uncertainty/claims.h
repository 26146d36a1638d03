// What the arms' numbers say of the paper's claims, and the tables and charts of the report.
#ifndef ROUX_RECIPES_ICL_UNCERTAINTY_CLAIMS_H_
#define ROUX_RECIPES_ICL_UNCERTAINTY_CLAIMS_H_

#include <string>

#include "absl/status/status.h"
#include "recipes/icl_uncertainty/arms.h"

namespace roux::icl_uncertainty {

void report(const Config& config, const Domains& domains, const Results& results, kit::Run& run);
absl::Status judge(const Config& config, const Domains& domains, const Results& results,
                   const std::string& scale, kit::Run& run);

}  // namespace roux::icl_uncertainty

#endif  // ROUX_RECIPES_ICL_UNCERTAINTY_CLAIMS_H_
