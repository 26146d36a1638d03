// Tables and charts of a run.
#ifndef ROUX_RECIPES_REGMIX_REPORT_H_
#define ROUX_RECIPES_REGMIX_REPORT_H_

#include <string>

#include "absl/status/status.h"
#include "recipes/kit/run/run.h"
#include "recipes/regmix/outcomes.h"

namespace roux::regmix {

void report(const Outcomes& outcomes, kit::Run& run);

// --table: correlations of each target on the files in `path`, and the mixture that is best for `target`, or
// for pile_cc, or else for the first; into table.json.
absl::Status report_tables(const std::string& path, const std::string& target, kit::Run& run);

}  // namespace roux::regmix

#endif  // ROUX_RECIPES_REGMIX_REPORT_H_
