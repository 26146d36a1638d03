#include <cmath>

#include "absl/strings/str_cat.h"
#include "recipes/alice_in_wonderland/report.h"
#include "recipes/alice_in_wonderland/statistics.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/stats/correlation.h"
#include "recipes/kit/stats/intervals.h"

namespace roux::alice {
namespace {

using kit::format_number;
using kit::JsonObject;

std::string cell_json(const Cell& cell) {
  const stats::Interval wilson = stats::wilson_interval(cell.right, cell.trials);
  JsonObject o;
  o.add("variation", cell.variation)
      .add("right", cell.right)
      .add("trials", cell.trials)
      .add("rate", cell.rate());
  o.add("wilson", std::vector<double>{wilson.low, wilson.high});
  if (const auto beta = beta_of(cell)) o.add("beta", std::vector<double>{beta->alpha, beta->beta});
  return o.text();
}

std::string type_json(const TypeStatistics& t) {
  JsonObject o;
  o.add("prompt_type", t.type);
  std::vector<std::string> cells;
  for (const Cell& cell : t.cells) cells.push_back(cell_json(cell));
  o.add_raw("cells", kit::json_list(cells));
  JsonObject kinds;
  for (int k = 0; k < kKinds; ++k) kinds.add(name_of(static_cast<Kind>(k)), t.kinds[static_cast<size_t>(k)]);
  o.add_raw("answers", kinds.text());
  o.add("mean_response_bytes", t.mean_length).add("wrong", t.wrong).add("confident_wrong", t.confident_wrong);
  if (t.fluctuates()) {
    JsonObject f;
    f.add("range", t.fluctuation.range).add("range_limit_95", t.range_limit).add("range_p", t.range_p());
    f.add("deviation", t.fluctuation.deviation).add("chi_square", t.fluctuation.statistic);
    f.add("degrees", t.fluctuation.degrees).add("p", t.fluctuation.p_value).add("exact", t.fluctuation.exact);
    f.add("robustness", t.fluctuation.robustness());
    o.add_raw("fluctuation", f.text());
  }
  return o.text();
}

// Rank correlation of the models' rates with each benchmark, of the models that have both.
std::string correlations_json(const std::vector<ModelTrials>& models, const std::vector<double>& rates,
                              const Benchmarks& benchmarks, kit::Run& run) {
  kit::Table table{
      "Correct response rates and benchmarks", {"benchmark", "models", "Kendall's tau", "p"}, {}};
  std::vector<std::string> list;
  for (size_t b = 0; b < benchmarks.names.size(); ++b) {
    std::vector<double> x, y;
    for (size_t m = 0; m < models.size(); ++m) {
      const auto scores = benchmarks.scores.find(models[m].model);
      if (scores == benchmarks.scores.end() || std::isnan(scores->second[b])) continue;
      x.push_back(scores->second[b]), y.push_back(rates[m]);
    }
    stats::Correlation tau{std::nan(""), std::nan("")};
    if (x.size() >= 3) tau = stats::kendall_tau(x, y);
    table.rows.push_back({benchmarks.names[b], absl::StrCat(x.size()), format_number(tau.coefficient, 3),
                          format_number(tau.p_value, 3)});
    JsonObject o;
    o.add("benchmark", benchmarks.names[b]).add("models", static_cast<int64_t>(x.size()));
    list.push_back(o.add("kendall_tau", tau.coefficient).add("p", tau.p_value).text());
  }
  run.table(table);
  return kit::json_list(list);
}

}  // namespace

absl::Status report_trials(const std::vector<ModelTrials>& models, const Benchmarks& benchmarks,
                           kit::Run& run) {
  kit::Table table{"Correct response rates (Wilson 95 %)",
                   {"model", "prompt type", "variation", "right", "rate", "low", "high"},
                   {}};
  kit::Table fluctuations{
      "Fluctuation over variations",
      {"model", "prompt type", "mean rate", "max - min", "95 % limit", "p (range)", "chi-square", "p", "R"},
      {}};
  std::vector<std::string> list;
  std::vector<double> rates;
  for (const ModelTrials& model : models) {
    const std::vector<TypeStatistics> types = statistics_of(model.items, model.responses);
    rates.push_back(mean_rate(types));
    std::vector<std::string> of_types;
    for (const TypeStatistics& t : types) {
      for (const Cell& cell : t.cells) {
        const stats::Interval wilson = stats::wilson_interval(cell.right, cell.trials);
        table.rows.push_back({model.model, t.type, cell.variation, absl::StrCat(cell.right, "/", cell.trials),
                              format_number(cell.rate(), 3), format_number(wilson.low, 3),
                              format_number(wilson.high, 3)});
      }
      std::vector<std::string> row = {model.model, t.type, format_number(mean_rate({t}), 3)};
      if (t.fluctuates()) {
        for (const double x : {t.fluctuation.range, t.range_limit, t.range_p(), t.fluctuation.statistic,
                               t.fluctuation.p_value, t.fluctuation.robustness()})
          row.push_back(format_number(x, 3));
      }
      fluctuations.rows.push_back(row);
      of_types.push_back(type_json(t));
    }
    JsonObject o;
    o.add("model", model.model).add("correct_response_rate", rates.back());
    list.push_back(o.add_raw("prompt_types", kit::json_list(of_types)).text());
  }
  run.table(table);
  run.table(fluctuations);
  JsonObject out;
  out.add_raw("models", kit::json_list(list));
  if (!benchmarks.names.empty()) out.add_raw("benchmarks", correlations_json(models, rates, benchmarks, run));
  return run.write("table.json", absl::StrCat(out.text(JsonObject::kPretty), "\n"));
}

}  // namespace roux::alice
