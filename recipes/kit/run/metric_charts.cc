#include "recipes/kit/run/metric_charts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

namespace roux::kit {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kDecades = 100;  // a range of steps from which on a logarithmic axis may help

// "cosine/seed3" -> "cosine".
std::string arm_of(const std::string& part) {
  const size_t at = part.rfind("/seed");
  if (at == std::string::npos || at + 5 == part.size()) return part;
  return std::all_of(part.begin() + static_cast<std::ptrdiff_t>(at) + 5, part.end(),
                     [](unsigned char c) { return absl::ascii_isdigit(c); })
             ? part.substr(0, at)
             : part;
}

// A line's place: the text fields that tell series apart, and the label that the seeds of an arm share.
struct Place {
  std::string identity;
  std::string label;
};

Place place_of(const Json& line) {
  Place place;
  std::vector<std::string> labels;
  for (const auto& item : line.items()) {
    if (!item.value().is_string()) continue;
    const auto text = item.value().get<std::string>();
    absl::StrAppend(&place.identity, item.key(), "\n", text, "\n");
    labels.push_back(item.key() == "part" ? arm_of(text) : text);
  }
  place.label = absl::StrJoin(labels, ", ");
  return place;
}

// Calls visit(line) for each JSON object with a numeric "step".
template <class Visit>
void for_each_line(const std::string& text, Visit&& visit) {
  for (const absl::string_view row : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const Json line = Json::parse(row.begin(), row.end(), nullptr, /*allow_exceptions=*/false);
    if (line.is_object() && line.contains("step") && line["step"].is_number()) visit(line);
  }
}

// Charts by key, in order of appearance, whose series are told apart by a line's place.
class ChartSet {
 public:
  void add(const std::string& key, const std::string& name, const Place& place, double x, double y) {
    const auto made = at_.emplace(key, charts_.size());
    if (made.second) charts_.push_back({name, "step", name, {}});
    Chart& chart = charts_[made.first->second];
    const auto series = series_.emplace(std::make_pair(key, place.identity), chart.series.size());
    if (series.second) chart.series.push_back({place.label, {}, {}, Series::kLine});
    Series& to = chart.series[series.first->second];
    to.x.push_back(x);
    to.y.push_back(y);
  }
  std::vector<Chart> take() { return std::move(charts_); }

 private:
  std::vector<Chart> charts_;
  std::map<std::string, size_t> at_;
  std::map<std::pair<std::string, std::string>, size_t> series_;
};

bool spread_over_decades(const Chart& chart) {
  std::vector<double> steps;
  for (const Series& series : chart.series) steps.insert(steps.end(), series.x.begin(), series.x.end());
  std::sort(steps.begin(), steps.end());
  steps.erase(steps.begin(), std::upper_bound(steps.begin(), steps.end(), 0.0));  // step 0 has no logarithm
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  return !steps.empty() && steps.back() >= kDecades * steps.front() &&
         steps[steps.size() / 2] < steps.back() / 10;
}

}  // namespace

std::string metric_name(const std::string& field, const MetricNames& names) {
  const auto given = names.find(field);
  if (given != names.end()) return given->second;
  if (field == "lr") return "learning rate";
  if (field == "grad_norm") return "gradient norm";
  static const MetricNames kUnits = {{"ms", "ms"},     {"seconds", "s"}, {"mib", "MiB"},  {"bytes", "bytes"},
                                     {"nats", "nats"}, {"bits", "bits"}, {"percent", "%"}};
  std::vector<std::string> words = absl::StrSplit(field, '_');
  const auto unit = kUnits.find(words.back());
  if (words.size() > 1 && unit != kUnits.end()) words.back() = absl::StrCat("(", unit->second, ")");
  return absl::StrJoin(words, " ");
}

std::vector<Chart> metric_charts(const std::string& metrics, const MetricNames& names) {
  ChartSet set;
  for_each_line(metrics, [&](const Json& line) {
    const Place place = place_of(line);
    for (const auto& item : line.items()) {
      if (item.key() == "step" || !item.value().is_number()) continue;
      set.add(item.key(), metric_name(item.key(), names), place, line["step"].get<double>(),
              item.value().get<double>());
    }
  });
  std::vector<Chart> charts = set.take();
  for (Chart& chart : charts) chart.log_x = spread_over_decades(chart);
  // Losses are what a reader looks for first.
  std::stable_partition(charts.begin(), charts.end(),
                        [](const Chart& chart) { return absl::StrContains(chart.title, "loss"); });
  return charts;
}

std::vector<Chart> timing_charts(const std::string& timings) {
  // The last line of each step of each part.
  std::map<std::string, std::map<double, Json>> last;
  for_each_line(timings,
                [&](const Json& line) { last[place_of(line).identity][line["step"].get<double>()] = line; });
  ChartSet set;
  for (const auto& part : last) {
    for (const auto& item : part.second) {
      const Json& line = item.second;
      const Place place = place_of(line);
      const auto number = [&](const char* key) {
        return line.contains(key) && line[key].is_number() ? line[key].get<double>() : 0;
      };
      if (number("tokens_per_second") > 0) {
        set.add("tokens", "throughput (tok/s)", place, item.first, number("tokens_per_second"));
      } else if (number("ms") > 0) {
        set.add("steps", "throughput (steps/s)", place, item.first, 1000 / number("ms"));
      }
      if (number("memory_mib") > 0) {
        set.add("memory", "peak memory so far (MiB)", place, item.first, number("memory_mib"));
      }
    }
  }
  return set.take();
}

}  // namespace roux::kit
