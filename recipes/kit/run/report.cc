#include "recipes/kit/run/report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "recipes/kit/run/report_style.h"

namespace roux::kit {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kLongCell = 24;    // bytes; a column with a longer text gets room to wrap
constexpr size_t kManyColumns = 9;  // a table with as many is set closer, to fit the page without scrolling

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
      absl::StrAppend(
          &measured, "<small>",
          spread_text(*claim.measured->interval, claim.measured->unit, claim.measured->unit_count()),
          "</small>");
    }
  }
  return absl::StrCat(
      "<tr><td><span class=\"verdict ", style_of(judged).css_class, "\">", verdict_name(judged),
      "</span></td><td class=\"claim\">", html_escape(claim.text), "<small>", html_escape(claim_notes(claim)),
      "</small></td><td class=\"n\" data-name=\"claimed\">", html_escape(relation_text(claim.relation)),
      "</td><td class=\"n\" data-name=\"measured\">", measured, "</td><td class=\"n\" data-name=\"paper\">",
      claim.paper ? format_number(*claim.paper) : "&ndash;", "</td></tr>\n");
}

std::string claims_section(const Report& report) {
  if (report.claims.empty()) {
    return absl::StrCat(
        "<p class=\"sub\">",
        report.partial.empty() ? "This run made no claims." : "Claims are judged when the run has ended.",
        "</p>\n");
  }
  std::string out = tiles(report.claims);
  absl::StrAppend(
      &out, "<h2>Claims</h2>\n<div class=\"scroll\"><table class=\"claims\"><thead><tr><th>verdict</th>",
      "<th>claim</th><th class=\"n\">claimed</th><th class=\"n\">measured (95% interval)</th>",
      "<th class=\"n\">paper</th></tr></thead><tbody>\n");
  for (const Claim& claim : report.claims) absl::StrAppend(&out, claim_row(claim));
  return out + "</tbody></table></div>\n";
}

std::string charts_section(const std::string& heading, const std::vector<Chart>& charts) {
  if (charts.empty()) return "";
  std::string out = absl::StrCat("<h2>", heading, "</h2>\n<div class=\"charts\">\n");
  for (const Chart& chart : charts) absl::StrAppend(&out, svg_chart(chart));
  return out + "</div>\n";
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

// Puts the series of `charts` in the order in which their labels appear in `first`: colours go by it.
void order_arms(const std::vector<Chart>& first, std::vector<Chart>& charts) {
  std::vector<std::string> labels;
  for (const Chart& chart : first) {
    for (const Series& series : chart.series) labels.push_back(series.label);
  }
  const auto rank = [&](const Series& series) {
    return std::find(labels.begin(), labels.end(), series.label) - labels.begin();
  };
  for (Chart& chart : charts) {
    std::stable_sort(chart.series.begin(), chart.series.end(),
                     [&](const Series& a, const Series& b) { return rank(a) < rank(b); });
  }
}

}  // namespace

std::string html_page(const std::string& title, const std::string& body) {
  return absl::StrCat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
      html_escape(title), "</title>\n<style>", kReportStyle, "</style></head>\n<body><main>\n", body,
      "</main></body></html>\n");
}

std::string html_table(const Table& table) {
  std::vector<std::string> cell_class(table.columns.size(), " class=\"n\"");
  for (size_t c = 0; c < table.columns.size(); ++c) {
    size_t longest = 0;
    bool numbers = true;
    for (const auto& row : table.rows) {
      if (c >= row.size()) continue;
      longest = std::max(longest, row[c].size());
      numbers = numbers && is_number(row[c]);
    }
    if (!numbers) cell_class[c] = longest > kLongCell ? " class=\"t\"" : "";
  }
  std::string out =
      absl::StrCat("<h2>", html_escape(table.title), "</h2>\n<div class=\"scroll\"><table",
                   table.columns.size() >= kManyColumns ? " class=\"wide\"" : "", "><thead><tr>");
  for (size_t c = 0; c < table.columns.size(); ++c) {
    absl::StrAppend(&out, "<th", cell_class[c], ">", html_escape(table.columns[c]), "</th>");
  }
  absl::StrAppend(&out, "</tr></thead><tbody>\n");
  for (const auto& row : table.rows) {
    absl::StrAppend(&out, "<tr>");
    for (size_t c = 0; c < std::min(row.size(), table.columns.size()); ++c) {
      absl::StrAppend(&out, "<td", cell_class[c], ">", html_escape(row[c]), "</td>");
    }
    absl::StrAppend(&out, "</tr>\n");
  }
  return out + "</tbody></table></div>\n";
}

std::string report_html(const Report& report) {
  const Json config = Json::parse(report.config, nullptr, /*allow_exceptions=*/false);
  std::string body = header(config);
  if (!report.partial.empty()) {
    absl::StrAppend(&body, "<p class=\"partial\"><b>Partial report.</b> ", html_escape(report.partial),
                    "</p>\n");
  }
  absl::StrAppend(&body, claims_section(report));
  for (const Table& table : report.tables) absl::StrAppend(&body, html_table(table));
  std::vector<Chart> charts = metric_charts(report.metrics, report.metric_names);
  std::vector<Chart> timings = timing_charts(report.timings);
  order_arms(charts, timings);
  charts.insert(charts.begin(), report.charts.begin(), report.charts.end());
  absl::StrAppend(&body, charts_section("Curves", charts), charts_section("Speed and memory", timings),
                  config_section(config));
  return html_page(text_field(config, "recipe"), body);
}

}  // namespace roux::kit
