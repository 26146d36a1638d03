// Runs side by side: the settings that differ, what became of each claim, and the curves that they share.
#ifndef ROUX_RECIPES_COMPARE_H_
#define ROUX_RECIPES_COMPARE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/run/text_table.h"

namespace roux::kit {

// The output folder of a run, read.
struct RunFolder {
  std::string path;
  std::string config;   // text of config.json
  std::string claims;   // text of claims.json; empty when the run has not ended
  std::string metrics;  // text of metrics.jsonl, perhaps the beginning of what it will be
};

// NotFound for a folder that is not there, FailedPrecondition for one that holds no run, DataLoss for files
// that are not what a run writes; each names the path.
absl::StatusOr<RunFolder> read_run_folder(const std::string& path);

// Runs are called A, B, C, ... in the order given. Tables: the runs; the settings that differ (dates and the
// title left out); the claims, one row a run, with the difference of the measured value from that of A.
// Claims are matched by their text.
std::vector<Table> comparison_tables(const std::vector<RunFolder>& runs);

// The same tables as a page, with a chart for each metric and arm that all runs have, and one for the other
// arms of such a metric.
std::string comparison_html(const std::vector<RunFolder>& runs);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_COMPARE_H_
