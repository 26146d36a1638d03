#include "recipes/compare.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/claims.h"
#include "recipes/kit/run/metric_charts.h"
#include "recipes/kit/run/report.h"
#include "recipes/kit/run/svg_chart.h"

namespace roux::kit {
namespace {

using Json = nlohmann::ordered_json;

Json parse(const std::string& text) { return Json::parse(text, nullptr, /*allow_exceptions=*/false); }

std::string plain(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::string field(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) && !object[key].is_null() ? plain(object[key]) : "";
}

std::string name_of(size_t run) { return std::string(1, static_cast<char>('A' + run)); }

// "settings.lr" -> "0.1", in the order of the file.
// What a run was given; when it ran and what it took differ always.
std::vector<std::pair<std::string, std::string>> settings_of(const Json& config) {
  static const std::set<std::string> kNotGiven = {
      "title", "date", "sessions", "seconds", "cpu_seconds", "peak_memory_mib", "finished"};
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& item : config.items()) {
    if (kNotGiven.contains(item.key())) continue;
    if (!item.value().is_object()) {
      out.emplace_back(item.key(), plain(item.value()));
      continue;
    }
    for (const auto& inner : item.value().items()) {
      out.emplace_back(absl::StrCat(item.key(), ".", inner.key()), plain(inner.value()));
    }
  }
  return out;
}

Table runs_table(const std::vector<RunFolder>& runs) {
  Table table{"Runs", {"run", "recipe", "preset", "seeds", "date", "state", "folder"}, {}};
  for (size_t i = 0; i < runs.size(); ++i) {
    const Json config = parse(runs[i].config);
    table.rows.push_back({name_of(i), field(config, "recipe"), field(config, "preset"),
                          field(config, "seeds"), field(config, "date"),
                          runs[i].claims.empty() ? "not ended" : "ended", runs[i].path});
  }
  return table;
}

Table settings_table(const std::vector<RunFolder>& runs) {
  Table table{"Settings that differ", {"setting"}, {}};
  std::vector<std::string> keys;
  std::map<std::string, std::vector<std::string>> values;
  for (size_t i = 0; i < runs.size(); ++i) {
    table.columns.push_back(name_of(i));
    for (const auto& item : settings_of(parse(runs[i].config))) {
      std::vector<std::string>& row = values[item.first];
      if (row.empty()) {
        keys.push_back(item.first);
        row.assign(runs.size(), "-");
      }
      row[i] = item.second;
    }
  }
  for (const std::string& key : keys) {
    const std::vector<std::string>& row = values[key];
    if (std::all_of(row.begin(), row.end(), [&](const std::string& value) { return value == row[0]; }))
      continue;
    table.rows.push_back({key});
    table.rows.back().insert(table.rows.back().end(), row.begin(), row.end());
  }
  if (table.rows.empty()) table.rows.push_back({"none"});
  return table;
}

std::optional<double> measured_of(const Json& claim) {
  if (!claim.is_object() || !claim.contains("measured") || !claim["measured"].is_number())
    return std::nullopt;
  return claim["measured"].get<double>();
}

std::string interval_of(const Json& claim) {
  if (!claim.contains("interval") || !claim["interval"].is_array() || claim["interval"].size() != 2)
    return "";
  const Json& ends = claim["interval"];
  if (!ends[0].is_number() || !ends[1].is_number()) return "";
  const int64_t units =
      claim.contains("units") && claim["units"].is_number() ? claim["units"].get<int64_t>() : 0;
  return spread_text({ends[0].get<double>(), ends[1].get<double>()}, field(claim, "unit"), units);
}

Table claims_table(const std::vector<RunFolder>& runs) {
  Table table{"Claims", {"claim", "run", "verdict", "measured", "95% interval", "minus A"}, {}};
  std::vector<std::string> texts;
  std::map<std::string, std::vector<Json>> claims;  // by text; null where a run has no such claim
  for (size_t i = 0; i < runs.size(); ++i) {
    for (const Json& claim : parse(runs[i].claims.empty() ? "[]" : runs[i].claims)) {
      std::vector<Json>& row = claims[field(claim, "claim")];
      if (row.empty()) {
        texts.push_back(field(claim, "claim"));
        row.resize(runs.size());
      }
      row[i] = claim;
    }
  }
  for (const std::string& text : texts) {
    const std::vector<Json>& row = claims[text];
    const std::optional<double> first = measured_of(row[0]);
    for (size_t i = 0; i < runs.size(); ++i) {
      const std::optional<double> measured = measured_of(row[i]);
      table.rows.push_back({i == 0 ? text : "", name_of(i), row[i].is_null() ? "-" : field(row[i], "verdict"),
                            measured ? format_number(*measured) : "-",
                            row[i].is_null() ? "" : interval_of(row[i]),
                            i > 0 && measured && first ? format_number(*measured - *first) : "-"});
    }
  }
  if (table.rows.empty()) table.rows.push_back({"none"});
  return table;
}

// Series of `chart` with this label, called `name`.
void add_series(const Chart& chart, const std::string& label, const std::string& name, Chart& to) {
  for (Series series : chart.series) {
    if (series.label != label) continue;
    series.label = name;
    to.series.push_back(std::move(series));
  }
}

bool has_label(const Chart& chart, const std::string& label) {
  return std::any_of(chart.series.begin(), chart.series.end(),
                     [&](const Series& series) { return series.label == label; });
}

// The charts of one metric, one chart of each run.
void overlay(const std::vector<const Chart*>& charts, std::vector<Chart>& out) {
  Chart empty = *charts[0];
  empty.series.clear();
  empty.log_x = std::any_of(charts.begin(), charts.end(), [](const Chart* chart) { return chart->log_x; });
  Chart others = empty;
  std::vector<std::string> done;
  for (size_t i = 0; i < charts.size(); ++i) {
    for (const Series& series : charts[i]->series) {
      const std::string& label = series.label;
      if (std::find(done.begin(), done.end(), label) != done.end()) continue;
      if (!std::all_of(charts.begin(), charts.end(),
                       [&](const Chart* chart) { return has_label(*chart, label); })) {
        const std::string name = absl::StrCat(name_of(i), ": ", label);
        if (!has_label(others, name)) add_series(*charts[i], label, name, others);
        continue;
      }
      done.push_back(label);
      Chart chart = empty;
      if (!label.empty()) absl::StrAppend(&chart.title, ", ", label);
      for (size_t run = 0; run < charts.size(); ++run) add_series(*charts[run], label, name_of(run), chart);
      out.push_back(std::move(chart));
    }
  }
  if (others.series.empty()) return;
  absl::StrAppend(&others.title, ", arms that not all runs have");
  out.push_back(std::move(others));
}

std::vector<Chart> common_charts(const std::vector<RunFolder>& runs) {
  std::vector<std::vector<Chart>> all;
  for (const RunFolder& run : runs) all.push_back(metric_charts(run.metrics));
  std::vector<Chart> out;
  for (const Chart& chart : all[0]) {
    std::vector<const Chart*> same;
    for (const std::vector<Chart>& charts : all) {
      const auto found =
          std::find_if(charts.begin(), charts.end(), [&](const Chart& c) { return c.title == chart.title; });
      if (found != charts.end()) same.push_back(&*found);
    }
    if (same.size() == runs.size()) overlay(same, out);
  }
  return out;
}

}  // namespace

absl::StatusOr<RunFolder> read_run_folder(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    return absl::NotFoundError(absl::StrCat("no such folder: ", path));
  }
  RunFolder run;
  run.path = path;
  absl::StatusOr<std::string> config = read_file(path + "/config.json");
  if (!config.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " holds no run of a recipe (it has no config.json)"));
  }
  run.config = *std::move(config);
  if (field(parse(run.config), "recipe").empty()) {
    return absl::DataLossError(absl::StrCat(path, "/config.json: not the configuration of a run"));
  }
  absl::StatusOr<std::string> claims = read_file(path + "/claims.json");
  if (claims.ok()) {
    run.claims = *std::move(claims);
    if (!parse(run.claims).is_array()) {
      return absl::DataLossError(absl::StrCat(path, "/claims.json: not a list of claims"));
    }
  }
  absl::StatusOr<std::string> metrics = read_file(path + "/metrics.jsonl");
  if (metrics.ok()) run.metrics = *std::move(metrics);
  return run;
}

std::vector<Table> comparison_tables(const std::vector<RunFolder>& runs) {
  return {runs_table(runs), settings_table(runs), claims_table(runs)};
}

std::string comparison_html(const std::vector<RunFolder>& runs) {
  std::string body = "<h1>Runs side by side</h1>\n";
  for (const Table& table : comparison_tables(runs)) absl::StrAppend(&body, html_table(table));
  const std::vector<Chart> charts = common_charts(runs);
  absl::StrAppend(&body, "<h2>Curves</h2>\n");
  if (charts.empty())
    return html_page("comparison", body + "<p class=\"sub\">The runs share no metric.</p>\n");
  absl::StrAppend(&body, "<div class=\"charts\">\n");
  for (const Chart& chart : charts) absl::StrAppend(&body, svg_chart(chart));
  return html_page("comparison", body + "</div>\n");
}

}  // namespace roux::kit
