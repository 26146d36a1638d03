#include "recipes/kit/run/report.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

namespace roux::kit {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kStyle[] = R"css(
:root{color-scheme:light dark;--page:#f7f7f5;--card:#ffffff;--ink:#1c1c1a;--muted:#6a6964;--grid:#e6e5e1;--edge:#dddcd7;
--holds:#0a7d33;--holds-bg:#e3f4e7;--fails:#b3261e;--fails-bg:#fbe6e4;--unsure:#8a5a00;--unsure-bg:#fbf0d9;--idle:#5d5c58;--idle-bg:#ecebe7;
--series-1:#2a78d6;--series-2:#e0602b;--series-3:#159a6c;--series-4:#c28400;--series-5:#d85f91;--series-6:#3f7d20;--series-7:#5b4bc4;--series-8:#b23a3a}
@media (prefers-color-scheme:dark){:root{--page:#161615;--card:#1f1f1d;--ink:#f1f0ec;--muted:#a3a29c;--grid:#33322f;--edge:#3a3936;
--holds:#6fd08c;--holds-bg:#173322;--fails:#ff8a80;--fails-bg:#3d1b19;--unsure:#e8b84a;--unsure-bg:#382b10;--idle:#b5b4ae;--idle-bg:#2b2a28;
--series-1:#5b9df0;--series-2:#f0804f;--series-3:#36bd8d;--series-4:#dca52f;--series-5:#ea82ae;--series-6:#7fbf5a;--series-7:#9d90f2;--series-8:#ea7878}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:960px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:26px;line-height:1.25;margin:0 0 4px}h2{font-size:18px;margin:36px 0 12px}
.sub{color:var(--muted);margin:0 0 20px}
.tiles{display:flex;gap:12px;flex-wrap:wrap}
.tile{flex:1 1 130px;background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:12px 16px}
.tile b{display:block;font-size:26px;line-height:1.2;font-variant-numeric:tabular-nums}.tile span{color:var(--muted)}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--edge);border-radius:10px}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:9px 14px;border-top:1px solid var(--grid)}
thead th{border-top:0;color:var(--muted);font-weight:500;font-size:13px}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td:nth-child(2){min-width:220px}
td small{display:block;color:var(--muted);font-size:12.5px}
.verdict{display:inline-block;padding:1px 9px;border-radius:99px;font-weight:600;font-size:13px;white-space:nowrap}
.holds{color:var(--holds);background:var(--holds-bg)}.fails{color:var(--fails);background:var(--fails-bg)}
.unsure{color:var(--unsure);background:var(--unsure-bg)}.idle{color:var(--idle);background:var(--idle-bg)}
figure{margin:0 0 16px;background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:14px 16px 8px}
figcaption{font-weight:600}.legend{display:flex;flex-wrap:wrap;gap:2px 16px;font-size:13px;margin-top:4px}
.legend i{display:inline-block;width:14px;height:3px;border-radius:2px;margin-right:6px;vertical-align:middle}
svg{display:block;width:100%;height:auto;margin-top:6px}
.grid{stroke:var(--grid);stroke-width:1}.axis{stroke:var(--muted);stroke-width:1}
.tick,.label{fill:var(--muted);font-size:12px}.tick{font-variant-numeric:tabular-nums}
.line{fill:none;stroke:var(--c);stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}.dashed{stroke-dasharray:5 5}
.dot{fill:var(--c);stroke:var(--card);stroke-width:1.5}.hit{fill:transparent}.hit:hover{fill:var(--c);fill-opacity:.45}
.note{color:var(--muted);font-size:12.5px;margin:2px 0 4px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 18px;margin:0;padding:12px 16px}
dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
)css";

std::string plain(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::string text_field(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) ? plain(object[key]) : "";
}

std::string header(const Json& config) {
  const std::string arxiv = text_field(config, "arxiv");
  std::string out = absl::StrCat("<h1>", html_escape(text_field(config, "title")), "</h1>\n<p class=\"sub\">",
                                 html_escape(text_field(config, "recipe")));
  if (!arxiv.empty()) absl::StrAppend(&out, " &middot; arXiv ", html_escape(arxiv));
  return absl::StrCat(out, " &middot; preset ", html_escape(text_field(config, "preset")), " &middot; seeds ",
                      html_escape(text_field(config, "seeds")), " &middot; ",
                      html_escape(text_field(config, "date")), "</p>\n");
}

std::string tiles(const std::vector<Claim>& claims) {
  std::string out = "<div class=\"tiles\">\n";
  for (const Verdict kind :
       {Verdict::kHolds, Verdict::kFails, Verdict::kNotSeparated, Verdict::kNotTestable}) {
    int count = 0;
    for (const Claim& claim : claims) count += verdict(claim) == kind ? 1 : 0;
    absl::StrAppend(&out, "<div class=\"tile\"><b>", count, "</b><span>", verdict_name(kind),
                    "</span></div>\n");
  }
  return out + "</div>\n";
}

std::string claim_row(const Claim& claim) {
  const Verdict judged = verdict(claim);
  std::string measured = "&ndash;";
  if (claim.measured) {
    measured = format_number(claim.measured->value);
    if (claim.measured->interval) {
      absl::StrAppend(&measured, "<small>", interval_text(*claim.measured->interval), "</small>");
    }
  }
  return absl::StrCat("<tr><td><span class=\"verdict ", style_of(judged).css_class, "\">",
                      verdict_name(judged), "</span></td><td>", html_escape(claim.text), "<small>",
                      html_escape(claim_notes(claim)), "</small></td><td class=\"n\">",
                      html_escape(relation_text(claim.relation)), "</td><td class=\"n\">", measured,
                      "</td><td class=\"n\">", claim.paper ? format_number(*claim.paper) : "&ndash;",
                      "</td></tr>\n");
}

std::string claims_section(const std::vector<Claim>& claims) {
  if (claims.empty()) return "<p class=\"sub\">This run made no claims.</p>\n";
  std::string out = tiles(claims);
  absl::StrAppend(
      &out, "<h2>Claims</h2>\n<div class=\"scroll\"><table><thead><tr><th>verdict</th><th>claim</th>",
      "<th class=\"n\">claimed</th><th class=\"n\">measured (95% interval)</th><th class=\"n\">paper</th>",
      "</tr></thead><tbody>\n");
  for (const Claim& claim : claims) absl::StrAppend(&out, claim_row(claim));
  return out + "</tbody></table></div>\n";
}

std::string table_section(const Table& table) {
  std::string out =
      absl::StrCat("<h2>", html_escape(table.title), "</h2>\n<div class=\"scroll\"><table><thead><tr>");
  for (size_t c = 0; c < table.columns.size(); ++c) {
    absl::StrAppend(&out, c == 0 ? "<th>" : "<th class=\"n\">", html_escape(table.columns[c]), "</th>");
  }
  absl::StrAppend(&out, "</tr></thead><tbody>\n");
  for (const auto& row : table.rows) {
    absl::StrAppend(&out, "<tr>");
    for (size_t c = 0; c < row.size(); ++c) {
      absl::StrAppend(&out, c == 0 ? "<td>" : "<td class=\"n\">", html_escape(row[c]), "</td>");
    }
    absl::StrAppend(&out, "</tr>\n");
  }
  return out + "</tbody></table></div>\n";
}

std::string config_section(const Json& config) {
  std::string out = "<h2>Configuration</h2>\n<div class=\"scroll\"><dl>\n";
  const auto add = [&](const std::string& key, const Json& value) {
    absl::StrAppend(&out, "<dt>", html_escape(key), "</dt><dd>", html_escape(plain(value)), "</dd>\n");
  };
  if (!config.is_object()) return "";
  for (const auto& item : config.items()) {
    if (!item.value().is_object()) add(item.key(), item.value());
  }
  for (const auto& item : config.items()) {
    if (!item.value().is_object()) continue;
    for (const auto& inner : item.value().items())
      add(absl::StrCat(item.key(), ".", inner.key()), inner.value());
  }
  return out + "</dl></div>\n";
}

std::string label_of(const Json& line) {
  std::string label;
  for (const auto& item : line.items()) {
    if (!item.value().is_string()) continue;
    if (item.key() == "part") {
      const std::string part = item.value().get<std::string>();
      const size_t seed = part.rfind("/seed");
      return seed == std::string::npos ? part : part.substr(0, seed);
    }
    absl::StrAppend(&label, label.empty() ? "" : ", ", item.value().get<std::string>());
  }
  return label;
}

}  // namespace

std::vector<Chart> metric_charts(const std::string& metrics) {
  // Field -> the text fields of a line (which tell seeds apart) -> its series; both in order of appearance.
  std::vector<std::pair<std::string, Chart>> charts;
  std::map<std::pair<std::string, std::string>, size_t> series_at;
  for (const absl::string_view text : absl::StrSplit(metrics, '\n', absl::SkipEmpty())) {
    const Json line = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
    if (!line.is_object() || !line.contains("step") || !line["step"].is_number()) continue;
    std::string identity;
    for (const auto& item : line.items()) {
      if (item.value().is_string()) absl::StrAppend(&identity, item.value().get<std::string>(), "\n");
    }
    for (const auto& item : line.items()) {
      if (item.key() == "step" || !item.value().is_number()) continue;
      size_t at = 0;
      while (at < charts.size() && charts[at].first != item.key()) ++at;
      if (at == charts.size()) {
        const std::string title =
            item.key() == "lr" ? "learning rate" : absl::StrReplaceAll(item.key(), {{"_", " "}});
        charts.push_back({item.key(), Chart{title, "step", title, {}}});
      }
      Chart& chart = charts[at].second;
      const auto place = series_at.emplace(std::make_pair(item.key(), identity), chart.series.size());
      if (place.second) chart.series.push_back(Series{label_of(line), {}, {}, Series::kLine});
      Series& series = chart.series[place.first->second];
      series.x.push_back(line["step"].get<double>());
      series.y.push_back(item.value().get<double>());
    }
  }
  // Losses are what a reader looks for first.
  std::stable_partition(charts.begin(), charts.end(), [](const std::pair<std::string, Chart>& chart) {
    return absl::StrContains(chart.first, "loss");
  });
  std::vector<Chart> result;
  for (auto& chart : charts) result.push_back(std::move(chart.second));
  return result;
}

std::string report_html(const Report& report) {
  const Json config = Json::parse(report.config, nullptr, /*allow_exceptions=*/false);
  std::string out = absl::StrCat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
      html_escape(text_field(config, "recipe")), "</title>\n<style>", kStyle,
      "</style></head>\n<body><main>\n");
  absl::StrAppend(&out, header(config), claims_section(report.claims));
  for (const Table& table : report.tables) absl::StrAppend(&out, table_section(table));
  std::vector<Chart> charts = report.charts;
  for (Chart& chart : metric_charts(report.metrics)) charts.push_back(std::move(chart));
  if (!charts.empty()) absl::StrAppend(&out, "<h2>Curves</h2>\n");
  for (const Chart& chart : charts) absl::StrAppend(&out, svg_chart(chart));
  return absl::StrCat(out, config_section(config), "</main></body></html>\n");
}

}  // namespace roux::kit
