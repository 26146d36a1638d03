// Charts of what a run logs: the numbers of metrics.jsonl and the speed and memory of timings.jsonl.
#ifndef ROUX_RECIPES_KIT_RUN_METRIC_CHARTS_H_
#define ROUX_RECIPES_KIT_RUN_METRIC_CHARTS_H_

#include <map>
#include <string>
#include <vector>

#include "recipes/kit/run/svg_chart.h"

namespace roux::kit {

// Field of metrics.jsonl -> name with unit for the axis: {"loss", "training loss (nats per byte)"}.
using MetricNames = std::map<std::string, std::string>;

// The name of a field: from `names`, else the field with spaces, its last word written as a unit if it is one
// ("wait_ms" -> "wait (ms)").
std::string metric_name(const std::string& field, const MetricNames& names);

// One chart a numeric field, over "step"; losses first. A line's label is its "part" without a trailing
// /seed<N> (so that the seeds of an arm are one curve), with its other text fields behind. Steps are on a
// logarithmic axis when they are spread over the decades: a hundredfold range whose middle point lies in the
// first tenth. Lines that are not JSON objects are skipped.
std::vector<Chart> metric_charts(const std::string& metrics, const MetricNames& names = {});

// Throughput (tok/s, or steps/s of parts that count no tokens) and peak memory (MiB) over the steps, from
// timings.jsonl. A step that was done again after an interruption counts once, as it was last.
std::vector<Chart> timing_charts(const std::string& timings);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_METRIC_CHARTS_H_
