// report.html: one self-contained page (no script, no network) with verdicts, claims, tables, charts and
// configuration.
#ifndef ROUX_RECIPES_KIT_RUN_REPORT_H_
#define ROUX_RECIPES_KIT_RUN_REPORT_H_

#include <string>
#include <vector>

#include "recipes/kit/run/claims.h"
#include "recipes/kit/run/svg_chart.h"
#include "recipes/kit/run/text_table.h"

namespace roux::kit {

struct Report {
  std::vector<Claim> claims;
  std::vector<Chart> charts;  // the recipe's own, shown first
  std::vector<Table> tables;
  std::string config;   // text of config.json
  std::string metrics;  // text of metrics.jsonl
};

std::string report_html(const Report& report);

// One chart a numeric field of metrics.jsonl, over "step". A line's label is its "part" without a trailing
// /seed<N> (so that the seeds of an arm share a colour), else its text fields. Lines that are not JSON
// objects are skipped.
std::vector<Chart> metric_charts(const std::string& metrics);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_REPORT_H_
