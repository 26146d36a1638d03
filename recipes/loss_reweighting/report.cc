#include "recipes/loss_reweighting/report.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipes/kit/run/seed_values.h"

namespace roux::loss_reweighting {
namespace {

using kit::format_number;
using kit::Series;

std::string condition_of(const std::string& arm) { return arm.substr(0, arm.find('.')); }

// Whether an arm is a strategy with the usual settings.
bool is_plain(const Arm& arm) { return std::count(arm.name.begin(), arm.name.end(), '.') == 1; }

std::string percent(double share) { return absl::StrFormat("%.0f%%", 100 * share); }

// a - b of each seed: mean and 95 % interval.
std::string difference(const kit::Run& run, const std::vector<double>& a, const std::vector<double>& b) {
  const kit::Measurement m = kit::paired(run.seeds(), a, b);
  return absl::StrCat(format_number(m.value, 3), m.interval ? " " + kit::interval_text(*m.interval) : "");
}

kit::Table losses_table(const Config& config, const Outcomes& o, const kit::Run& run) {
  kit::Table table{
      "Final losses (nats per byte), mean over seeds; difference to the plain mean of the condition; "
      "sample sizes with the burn-in's 100%",
      {"arm", "held out", "difference", "steps saved", "copies", "effective sample size"},
      {}};
  for (const Arm& arm : o.arms) {
    const std::string base = absl::StrCat(condition_of(arm.name), ".uniform",
                                          absl::EndsWith(arm.name, ".half_batch") ? ".half_batch" : "");
    const std::vector<double> sizes = o.trained.values(arm.name, [](const Trained& one) {
      return one.weights.effective_sample_sizes / static_cast<double>(one.weights.steps);
    });
    const bool is_base = arm.name == base;
    table.rows.push_back(
        {arm.name, format_number(mean(o.losses(arm.name))),
         is_base ? "" : difference(run, o.losses(arm.name), o.losses(base)),
         is_base ? "" : percent(mean(o.steps_saved(arm.name, base))),
         arm.condition == Condition::kRedundant ? format_number(mean(o.losses(arm.name, kCopiesCurve))) : "",
         percent(mean(sizes) / static_cast<double>(arm.rows(config)))});
  }
  return table;
}

kit::Table domains_table(const Outcomes& o, const kit::Run& run) {
  kit::Table table{
      "Natural text by domain: held-out loss of the plain mean, differences of the strategies to it, and "
      "LinUpper's weight of the domain's sequences relative to equal weights",
      {"domain", "uniform", "LinUpper", "Quadratic", "Extremes", "Upper", "LinUpper's weight"},
      {}};
  for (size_t d = 0; d < o.data.names.size(); ++d) {
    const auto loss = [&](const char* strategy) {
      return o.losses(absl::StrCat("natural.", strategy), curve_name(o.data.names[d]));
    };
    const auto weight = [&](const char* arm) {
      return mean(
          o.trained.values(arm, [&](const Trained& one) { return one.weights.domain_weights.at(d); }));
    };
    table.rows.push_back({o.data.names[d], format_number(mean(loss("uniform")))});
    for (const char* strategy : {"lin_upper", "quadratic", "extremes", "upper"})
      table.rows.back().push_back(difference(run, loss(strategy), loss("uniform")));
    const double equal = weight("natural.uniform");
    table.rows.back().push_back(equal > 0 ? format_number(weight("natural.lin_upper") / equal, 3) : "-");
  }
  return table;
}

// What copies cost, beside text without them: with other text in their place, and with nothing there.
kit::Table copies_table(const Outcomes& o, const kit::Run& run) {
  kit::Table table{"Redundant text: final held-out loss, differences to the plain mean without the copies",
                   {"strategy", "other text in their place", "nothing in their place, a smaller batch"},
                   {}};
  for (const Strategy strategy : kStrategies) {
    const std::vector<double> losses = o.losses(absl::StrCat("redundant.", strategy_name(strategy)));
    table.rows.push_back({strategy_name(strategy), difference(run, losses, o.losses("natural.uniform")),
                          difference(run, losses, o.losses("natural.uniform.uncopied"))});
  }
  return table;
}

// Where the losses of a batch stand between its smallest and its largest.
kit::Table h_table(const Outcomes& o) {
  kit::Table table{
      "Share of the sequences by h of their losses before any clipping, all steps (burn-in too) and seeds "
      "(-1: the batch's smallest loss, 1: its largest)",
      {"arm", "-1 to -0.6", "-0.6 to -0.2", "-0.2 to 0.2", "0.2 to 0.6", "0.6 to 1"},
      {}};
  for (const Arm& arm : o.arms) {
    if (!is_plain(arm)) continue;
    table.rows.push_back({arm.name});
    for (size_t bin = 0; bin < WeightRecord::kBins; bin += 2) {
      table.rows.back().push_back(percent(mean(o.trained.values(arm.name, [&](const Trained& one) {
        int64_t all = 0;
        for (const int64_t count : one.weights.h_counts) all += count;
        return static_cast<double>(one.weights.h_counts[bin] + one.weights.h_counts[bin + 1]) /
               static_cast<double>(all);
      }))));
    }
  }
  return table;
}

kit::Table toy_table(const Outcomes& o) {
  kit::Table table{
      "Toy regression: rate (each line's best on the tuning seeds), steps to a test loss of 0.05 and "
      "final test loss, mean and standard error over seeds",
      {"data", "strategy", "rate", "steps", "final loss"},
      {}};
  const auto with_error = [](const std::vector<double>& x) {
    double squares = 0;
    for (const double v : x) squares += (v - mean(x)) * (v - mean(x));
    const auto n = static_cast<double>(x.size());
    return absl::StrCat(format_number(mean(x), 3), " +- ",
                        format_number(std::sqrt(squares / (n - 1) / n), 2));
  };
  for (const ToyArm& arm : o.toy_arms) {
    const ToyRuns& runs = o.toy(arm.data, arm.name);
    std::vector<double> steps, losses;
    for (const ToyResult& one : runs.seeds)
      steps.push_back(static_cast<double>(one.steps_to_threshold)), losses.push_back(one.final_loss);
    table.rows.push_back(
        {toy_data_name(arm.data), arm.name, format_number(runs.rate), with_error(steps), with_error(losses)});
  }
  return table;
}

kit::Chart curves(const Outcomes& o, const std::string& condition) {
  kit::Chart chart{condition + " text: held-out loss", "step", "mean over domains (nats per byte)", {}};
  for (const Arm& arm : o.arms) {
    if (condition_of(arm.name) != condition || !is_plain(arm)) continue;
    for (size_t i = 0; i < o.trained.names.size(); ++i) {
      if (kit::PartName(o.trained.names[i]).arm != arm.name) continue;
      const Trained& one = o.trained.results[i];
      const std::vector<double> curve = o.curve(one);
      Series series{strategy_name(arm.weighting.strategy), {}, {}};
      for (size_t k = 1; k < curve.size(); ++k)  // untrained, it would flatten the rest
        series.x.push_back(static_cast<double>(one.log.at[k])), series.y.push_back(curve[k]);
      chart.series.push_back(std::move(series));
    }
  }
  return chart;
}

kit::Chart temperature_chart(const Outcomes& o, const kit::Run& run) {
  kit::Chart chart{"Natural text: LinUpper by temperature",
                   "r",
                   "held-out loss, difference to the plain mean (nats per byte)",
                   {},
                   /*log_x=*/true};
  chart.series.assign(run.seeds().size(), {"LinUpper", {}, {}});
  for (const double r : {0.2, 0.4, 1.0, 4.0, 10.0}) {
    for (const Arm& arm : o.arms) {
      if (arm.condition != Condition::kNatural || arm.weighting.strategy != Strategy::kLinUpper) continue;
      if (arm.weighting.r != r || !(is_plain(arm) || absl::EndsWith(arm.name, absl::StrCat(".r", r))))
        continue;
      const std::vector<double> apart = kit::minus(o.losses(arm.name), o.losses("natural.uniform"));
      for (size_t s = 0; s < apart.size(); ++s)
        chart.series[s].x.push_back(r), chart.series[s].y.push_back(apart[s]);
    }
  }
  return chart;
}

kit::Chart toy_chart(const Outcomes& o, ToyData data) {
  constexpr size_t kShown = 41;  // points, 200 steps: what follows is noise
  kit::Chart chart{
      absl::StrCat("Toy regression, ", toy_data_name(data), ": test loss, r = 0.4"), "step", "test loss", {}};
  for (const ToyArm& arm : o.toy_arms) {
    if (arm.data != data || (arm.name != "uniform" && !absl::EndsWith(arm.name, ".r0.4"))) continue;
    for (const ToyResult& one : o.toy(data, arm.name).seeds) {
      Series series{strategy_name(arm.weighting.strategy), {}, {}};
      for (size_t i = 0; i < std::min(one.curve.size(), kShown); ++i) {
        series.x.push_back(static_cast<double>(static_cast<int64_t>(i) * ToyOptions{}.curve_every));
        series.y.push_back(one.curve[i]);
      }
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
  for (const std::string& name : o.data.names)
    run.name_metric(curve_name(name), absl::StrCat("held-out loss of ", name, " (nats per byte)"));
  run.table(losses_table(config, o, run));
  run.table(domains_table(o, run));
  run.table(copies_table(o, run));
  run.table(h_table(o));
  run.table(toy_table(o));
  for (const char* condition : {"redundant", "natural", "single"}) run.chart(curves(o, condition));
  run.chart(temperature_chart(o, run));
  for (const ToyData data : kToyData) run.chart(toy_chart(o, data));
}

}  // namespace roux::loss_reweighting
