#include "recipes/loss_reweighting/report.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace roux::loss_reweighting {
namespace {

using kit::format_number;
using kit::Series;

std::string condition_of(const std::string& arm) { return arm.substr(0, arm.find('.')); }

// A paired difference as "-0.0123 [-0.02, -0.004]".
std::string with_interval(const kit::Measurement& m) {
  return absl::StrCat(format_number(m.value, 3), m.interval ? " " + kit::interval_text(*m.interval) : "");
}

// Final losses, mean over seeds; the difference is paired by seed, with its 95 % interval.
kit::Table losses_table(const Config& config, const Outcomes& o, const kit::Run& run) {
  kit::Table table{
      "Final losses (nats per byte), mean over seeds; difference to the plain mean of the condition",
      {"arm", "held out", "difference", "steps saved", "copies", "effective sample size"},
      {}};
  for (const Arm& arm : o.arms()) {
    const std::string base =
        absl::StrCat(condition_of(arm.name), ".uniform", arm.batch_divisor > 1 ? ".half_batch" : "");
    const auto loss = [&](size_t s) { return o.loss(arm.name, s); };
    const auto base_loss = [&](size_t s) { return o.loss(base, s); };
    const int64_t batch = config.batch / arm.batch_divisor;
    table.rows.push_back(
        {arm.name, format_number(o.mean(loss)),
         arm.name == base ? "" : with_interval(kit::paired(run.seeds(), o.each(loss), o.each(base_loss))),
         arm.name == base ? "" : absl::StrFormat("%.0f%%", 100 * o.mean([&](size_t s) {
           return o.steps_saved(arm.name, base, s);
         })),
         arm.condition == Condition::kRedundant
             ? format_number(o.mean([&](size_t s) { return o.loss_on(kCopiesCurve, arm.name, s); }))
             : "",
         absl::StrFormat("%.0f%%", 100 * o.mean([&](size_t s) {
           return o.effective_sample_size(arm.name, s);
         }) / static_cast<double>(batch))});
  }
  return table;
}

// Of natural text: each domain by strategy, with the share of all weight that its sequences got.
kit::Table domains_table(const Outcomes& o, const kit::Run& run) {
  kit::Table table{
      "Natural text by domain: held-out loss of the plain mean, differences of the strategies to it, and "
      "LinUpper's weight of the domain's sequences relative to equal weights",
      {"domain", "uniform", "LinUpper", "Quadratic", "Extremes", "Upper", "LinUpper's weight"},
      {}};
  for (size_t d = 0; d < o.data().names.size(); ++d) {
    const std::string curve = curve_name(o.data().names[d]);
    const auto loss = [&](const char* arm) {
      return o.each([&](size_t s) { return o.loss_on(curve, absl::StrCat("natural.", arm), s); });
    };
    table.rows.push_back({o.data().names[d], format_number(o.mean([&](size_t s) {
                            return o.loss_on(curve, "natural.uniform", s);
                          }))});
    for (const char* arm : {"lin_upper", "quadratic", "extremes", "upper"})
      table.rows.back().push_back(with_interval(kit::paired(run.seeds(), loss(arm), loss("uniform"))));
    const auto weight = [&](const char* arm, size_t s) { return o.of(arm, s).weights.domain_weights.at(d); };
    table.rows.back().push_back(format_number(
        o.mean([&](size_t s) { return weight("natural.lin_upper", s) / weight("natural.uniform", s); }), 3));
  }
  return table;
}

// Where the losses of a batch stand between its smallest and its largest.
kit::Table h_table(const Outcomes& o) {
  kit::Table table{
      "Share of the sequences by h, all steps and seeds (h = -1: the batch's smallest loss, 1: its largest)",
      {"arm"},
      {}};
  for (size_t bin = 0; bin < WeightRecord::kBins; bin += 2)
    table.columns.push_back(absl::StrFormat("%+.1f to %+.1f", 0.2 * static_cast<double>(bin) - 1,
                                            0.2 * static_cast<double>(bin) - 0.6));
  for (const Arm& arm : o.arms()) {
    if (std::count(arm.name.begin(), arm.name.end(), '.') > 1) continue;
    table.rows.push_back({arm.name});
    std::vector<double> counts(WeightRecord::kBins, 0);
    double all = 0;
    for (size_t s = 0; s < o.seeds(); ++s) {
      const std::vector<int64_t>& of_seed = o.of(arm.name, s).weights.h_counts;
      for (size_t bin = 0; bin < counts.size(); ++bin)
        counts[bin] += static_cast<double>(of_seed[bin]), all += static_cast<double>(of_seed[bin]);
    }
    for (size_t bin = 0; bin < counts.size(); bin += 2)
      table.rows.back().push_back(absl::StrFormat("%.0f%%", 100 * (counts[bin] + counts[bin + 1]) / all));
  }
  return table;
}

kit::Table toy_table(const Outcomes& o) {
  kit::Table table{
      "Toy regression: rate (tuned on seeds 100 to 104 for each line), steps to a test loss of 0.05 and "
      "final test loss, mean and standard error over seeds",
      {"data", "strategy", "rate", "steps", "final loss"},
      {}};
  const auto mean_error = [](const std::vector<double>& x) {
    double mean = 0, squares = 0;
    for (const double v : x) mean += v / static_cast<double>(x.size());
    for (const double v : x) squares += (v - mean) * (v - mean);
    const auto n = static_cast<double>(x.size());
    return absl::StrCat(format_number(mean, 3), " +- ", format_number(std::sqrt(squares / (n - 1) / n), 2));
  };
  for (const ToyArm& arm : o.toy_arms()) {
    const ToyRuns& runs = o.toy(arm.data, arm.name);
    std::vector<double> steps, losses;
    for (const ToyResult& one : runs.seeds)
      steps.push_back(static_cast<double>(one.steps_to_threshold)), losses.push_back(one.final_loss);
    table.rows.push_back(
        {toy_data_name(arm.data), arm.name, format_number(runs.rate), mean_error(steps), mean_error(losses)});
  }
  return table;
}

kit::Chart curves(const Outcomes& o, const std::string& condition) {
  kit::Chart chart{condition + " text: held-out loss", "step", "mean over domains (nats per byte)", {}};
  for (const Arm& arm : o.arms()) {
    if (condition_of(arm.name) != condition || std::count(arm.name.begin(), arm.name.end(), '.') > 1)
      continue;
    for (size_t s = 0; s < o.seeds(); ++s) {
      Series series{strategy_name(arm.weighting.strategy), {}, {}};
      const std::vector<int64_t>& at = o.of(arm.name, s).log.at;
      const std::vector<double> curve = o.curve(arm.name, s);
      for (size_t i = 1; i < at.size(); ++i)  // untrained, it would flatten the rest
        series.x.push_back(static_cast<double>(at[i])), series.y.push_back(curve[i]);
      chart.series.push_back(std::move(series));
    }
  }
  return chart;
}

kit::Chart temperature_chart(const Outcomes& o, double r) {
  kit::Chart chart{"Natural text: LinUpper by temperature",
                   "r",
                   "held-out loss, difference to the plain mean (nats per byte)",
                   {}};
  for (size_t s = 0; s < o.seeds(); ++s) {
    Series series{"LinUpper", {}, {}};
    for (const auto& [arm, x] :
         {std::pair{"natural.lin_upper.r0.2", 0.2}, std::pair{"natural.lin_upper", r},
          std::pair{"natural.lin_upper.r1", 1.0}, std::pair{"natural.lin_upper.r4", 4.0},
          std::pair{"natural.lin_upper.r10", 10.0}}) {
      series.x.push_back(x);
      series.y.push_back(o.loss(arm, s) - o.loss("natural.uniform", s));
    }
    chart.series.push_back(std::move(series));
  }
  chart.log_x = true;
  return chart;
}

kit::Chart toy_chart(const Outcomes& o, ToyData data) {
  kit::Chart chart{
      absl::StrCat("Toy regression, ", toy_data_name(data), ": test loss, r = 0.4"), "step", "test loss", {}};
  for (const ToyArm& arm : o.toy_arms()) {
    if (arm.data != data || (arm.name != "uniform" && !absl::EndsWith(arm.name, ".r0.4"))) continue;
    for (const ToyResult& one : o.toy(data, arm.name).seeds) {
      Series series{strategy_name(arm.weighting.strategy), {}, {}};
      for (size_t i = 0; i < std::min<size_t>(one.curve.size(), 41); ++i)
        series.x.push_back(static_cast<double>(static_cast<int64_t>(i) * ToyOptions{}.curve_every)),
            series.y.push_back(one.curve[i]);
      chart.series.push_back(std::move(series));
    }
  }
  chart.log_y = true;
  return chart;
}

}  // namespace

void report(const Config& config, const Outcomes& o, kit::Run& run) {
  run.name_metric("loss", "training loss, weighted (nats per byte)");
  run.name_metric("mean_loss", "training loss, plain mean of the batch (nats per byte)");
  run.name_metric("effective_sample_size", "effective sample size (sequences)");
  run.name_metric(kCopiesCurve, "loss of the copies (nats per byte)");
  for (const std::string& name : o.data().names)
    run.name_metric(curve_name(name), absl::StrCat("held-out loss of ", name, " (nats per byte)"));
  run.table(losses_table(config, o, run));
  run.table(domains_table(o, run));
  run.table(h_table(o));
  run.table(toy_table(o));
  for (const char* condition : {"redundant", "natural", "single"}) run.chart(curves(o, condition));
  run.chart(temperature_chart(o, config.r));
  for (const ToyData data : kToyData) run.chart(toy_chart(o, data));
}

}  // namespace roux::loss_reweighting
