// report.html: one self-contained page (no script, no network) with verdicts, claims, tables, charts and
// configuration, for phones and wide screens, light and dark.
#ifndef ROUX_RECIPES_KIT_RUN_REPORT_H_
#define ROUX_RECIPES_KIT_RUN_REPORT_H_

#include <string>
#include <vector>

#include "recipes/kit/run/claims.h"
#include "recipes/kit/run/metric_charts.h"
#include "recipes/kit/run/svg_chart.h"
#include "recipes/kit/run/text_table.h"

namespace roux::kit {

struct Report {
  std::vector<Claim> claims;
  std::vector<Chart> charts;  // the recipe's own, shown first
  std::vector<Table> tables;
  std::string config;   // text of config.json
  std::string metrics;  // text of metrics.jsonl
  std::string timings;  // text of timings.jsonl
  MetricNames metric_names;
  std::string partial;  // why the run has not ended ("interrupted at ..."); empty: it has
};

std::string report_html(const Report& report);

// What other pages in this style are made of: the whole page around `body`, and a table with its title as
// heading. Columns of numbers are right-aligned, texts wrap.
std::string html_page(const std::string& title, const std::string& body);
std::string html_table(const Table& table);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_REPORT_H_
