#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipes/e2_llm/claims.h"

namespace roux::e2_llm {
namespace {

using Where = std::vector<double> Scores::*;

// f(arm, reading) of each, or of those that were asked for symbols.
template <class F>
void for_readings(const Config& config, bool with_recall, F f) {
  for (const Arm& arm : arms(config)) {
    for (const Reading& reading : arm.readings) {
      if (!with_recall || reading.recall) f(arm, reading);
    }
  }
}

std::string mean_text(const std::vector<double>& values) {
  return absl::StrFormat(
      "%.3f", std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size()));
}

// One number of each checkpoint and window, mean over seeds.
template <class F>
kit::Table table_of(const std::string& title, const Config& config, bool with_recall, F numbers) {
  kit::Table table{title, {"checkpoint"}, {}};
  const size_t windows = config.windows().size() - (with_recall ? 1 : 0);
  for (size_t w = 0; w < windows; ++w) table.columns.push_back(absl::StrCat(config.windows()[w]));
  for_readings(config, with_recall, [&](const Arm& arm, const Reading& reading) {
    std::vector<std::string> row = {reading.label};
    for (size_t w = 0; w < windows; ++w) row.push_back(mean_text(numbers({arm.name, reading.name}, w)));
    table.rows.push_back(row);
  });
  return table;
}

template <class F>
kit::Chart chart_of(const std::string& title, const std::string& y, const Config& config, size_t windows,
                    const std::vector<Checkpoint>& which, F numbers) {
  kit::Chart chart{title, "window (tokens)", y, {}};
  chart.log_x = true;
  for_readings(config, false, [&](const Arm& arm, const Reading& reading) {
    const auto shown = [&](const Checkpoint& c) { return c.arm == arm.name && c.reading == reading.name; };
    if (std::none_of(which.begin(), which.end(), shown)) return;
    std::vector<kit::Series> seeds;
    for (size_t w = 0; w < windows; ++w) {
      const std::vector<double> values = numbers({arm.name, reading.name}, w);
      seeds.resize(values.size(), {reading.label, {}, {}});
      for (size_t s = 0; s < values.size(); ++s) {
        seeds[s].x.push_back(static_cast<double>(config.windows()[w]));
        seeds[s].y.push_back(values[s]);
      }
    }
    chart.series.insert(chart.series.end(), seeds.begin(), seeds.end());
  });
  return chart;
}

kit::Table coverage_table(const Config& config) {
  kit::Table table{"Angle coverage: share of a window's distances (m - n)/g seen in training",
                   {"training", "first tokens count"},
                   {}};
  for (const int64_t window : config.windows()) table.columns.push_back(absl::StrCat(window));
  for (const Arm& arm : arms(config)) {
    if (arm.length != config.L() || arm.name == "base") continue;
    for (const bool sinks : {true, false}) {
      std::vector<std::string> row = {arm.name, sinks ? "yes" : "no"};
      for (const int64_t window : config.windows()) {
        const double g = arm.name == "control" ? 1 : window_scale(window, arm.R);
        row.push_back(absl::StrFormat("%.2f", angle_coverage(arm.augmentation, arm.R, window, g, sinks)));
      }
      table.rows.push_back(row);
    }
  }
  return table;
}

std::string csv(const Outcomes& o, const std::vector<uint64_t>& seeds) {
  std::string text = "arm,reading,seed,window,bits,recall_quarter,recall_half,recall_index_1\n";
  const std::vector<int64_t> windows = o.config().windows();
  for_readings(o.config(), false, [&](const Arm& arm, const Reading& reading) {
    const Checkpoint of{arm.name, reading.name};
    for (size_t w = 0; w < windows.size(); ++w) {
      for (size_t s = 0; s < seeds.size(); ++s) {
        absl::StrAppend(&text, arm.name, ",", reading.name, ",", seeds[s], ",", windows[w], ",",
                        kit::json_number(o.bits(of, w)[s]));
        for (const Where where : {&Scores::quarter, &Scores::half, &Scores::sink}) {
          const bool asked = reading.recall && w <= o.farthest();
          absl::StrAppend(&text, ",", asked ? kit::json_number(o.recall(of, where, w)[s]) : "");
        }
        text += "\n";
      }
    }
  });
  return text;
}

}  // namespace

absl::Status report(const Outcomes& o, kit::Run& run) {
  const Config& c = o.config();
  run.name_metric("loss", "training loss, symbols weighted (nats per token)");
  const auto bits = [&](const Checkpoint& of, size_t w) { return o.bits(of, w); };
  const auto quarter = [&](const Checkpoint& of, size_t w) { return o.recall(of, &Scores::quarter, w); };
  const auto half = [&](const Checkpoint& of, size_t w) { return o.recall(of, &Scores::half, w); };
  const auto sink = [&](const Checkpoint& of, size_t w) { return o.recall(of, &Scores::sink, w); };
  run.table(table_of(absl::StrCat("Bits a byte of the last ", c.last, " bytes, by the window's length"), c,
                     false, bits));
  run.table(table_of("Recall of a symbol half a window back (chance 0.062)", c, true, half));
  run.table(table_of("Recall of a symbol a quarter of the window back (chance 0.062)", c, true, quarter));
  run.table(table_of("Recall of a symbol at index 1 (chance 0.062)", c, true, sink));
  run.table(coverage_table(c));
  const std::vector<Checkpoint> main = {{"control", "plain"}, {"control", "window"}, {"control", "ntk"},
                                        {"control", "yarn"},  {"pi", "window"},      {"e2", "window"}};
  std::vector<Checkpoint> with_long = main;
  with_long.push_back({"pi_long", "window"});
  const size_t all = c.windows().size(), asked = all - 1;
  const std::string y = "bits a byte of the last bytes", accuracy = "accuracy";
  run.chart(chart_of("One checkpoint, many windows", y, c, all, with_long, bits));
  run.chart(chart_of("Ablations", y, c, all, {{"e2"}, {"e2_no_t"}, {"e2_no_g"}, {"e2_no_sinks"}, {"pi_far"}},
                     bits));
  std::vector<Checkpoint> sizes = {{"e2"}};
  for (const Arm& arm : arms(c)) {
    if (arm.name.starts_with("e2_g") || arm.name.starts_with("e2_r")) sizes.push_back({arm.name});
  }
  run.chart(chart_of("Other G_max and R", y, c, all, sizes, bits));
  run.chart(chart_of("Marker recall, half a window back", accuracy, c, asked, main, half));
  std::vector<Checkpoint> first = {{"control", "plain"}, {"pi"}, {"e2"}, {"e2_no_t"}, {"e2_no_g"}};
  run.chart(chart_of("Marker recall at index 1", accuracy, c, asked, first, sink));
  return run.write("windows.csv", csv(o, run.seeds()));
}

}  // namespace roux::e2_llm
