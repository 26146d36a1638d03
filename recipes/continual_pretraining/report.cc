#include "recipes/continual_pretraining/report.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace roux::continual {
namespace {

using kit::format_number;
using kit::Series;

// An arm and what a chart calls it.
using Shown = std::pair<std::string, std::string>;

// A token is a byte.
std::string kilobytes(const Config& config, const std::vector<int64_t>& rows, size_t domain) {
  return absl::StrFormat("%.1f", 1e-3 * static_cast<double>(rows[domain] * config.decoder.length));
}

// Final losses with the paper's measures, mean over seeds; tokens that the part itself trained on.
kit::Table losses_table(const Config& config, const Outcomes& o, Domain domain) {
  const std::string prefix = domain == kNear ? "near_" : "";
  const Losses old_only = o.mean_losses("base", domain);
  const Losses new_only = o.mean_losses(prefix + "new_only", domain);
  const Losses both = o.mean_losses(prefix + "union", domain);
  kit::Table table{
      absl::StrCat(
          domain == kNear ? "Weak" : "Strong",
          " shift: final losses (nats per byte) and kilobytes trained on by the arm itself, mean over seeds"),
      {"arm", "D0", "D1", "mean", "forgetting", "adaptation", "gap to union", "kB D0", "kB D1"},
      {}};
  for (const Arm& arm : o.arms()) {
    const bool judged = std::find(arm.judged.begin(), arm.judged.end(), domain) != arm.judged.end();
    if (!judged || arm.steps < config.new_steps || absl::StartsWith(arm.name, "same_data")) continue;
    const Losses losses = o.mean_losses(arm.name, domain);
    const std::vector<int64_t>& rows = o.of(arm.name, 0).rows;
    table.rows.push_back({arm.name, format_number(losses.old_domain), format_number(losses.new_domain),
                          format_number(losses.mean()), format_number(forgetting(losses, old_only), 3),
                          format_number(adaptation(losses, new_only), 3),
                          format_number(gap_to_union(losses, both), 3), kilobytes(config, rows, kOld),
                          kilobytes(config, rows, domain)});
  }
  return table;
}

// Curves of an update, less what `minus` says for each seed: forgetting and adaptation, a line a seed.
kit::Chart curves(const Outcomes& o, const std::string& title, const std::string& y_label, Domain of,
                  const std::vector<Shown>& shown, const std::function<double(size_t)>& minus) {
  kit::Chart chart{title, "step of the update", y_label, {}};
  for (const auto& [name, label] : shown) {
    for (size_t s = 0; s < o.seeds(); ++s) {
      Series series{label, {}, {}};
      const std::vector<double>& curve = o.curve(name, s, of);
      for (size_t i = 0; i < curve.size(); ++i) {
        series.x.push_back(static_cast<double>(o.of(name, s).log.at[i]));
        series.y.push_back(curve[i] - minus(s));
      }
      chart.series.push_back(std::move(series));
    }
  }
  return chart;
}

void add_update_charts(const Outcomes& o, Domain domain, kit::Run& run) {
  const std::string shift = domain == kNear ? "Weak shift" : "Strong shift";
  const std::string prefix = domain == kNear ? "near_" : "";
  std::vector<Shown> shown = {{prefix + "eta_min", "not re-warmed"},
                              {prefix + "replay_0", "re-warmed"},
                              {prefix + "replay_5", "re-warmed, 5 % replay"}};
  if (domain == kNew) {
    shown.insert(shown.end(),
                 {{"replay_25", "re-warmed, 25 % replay"}, {"infinite", "infinite, 5 % replay"}});
  }
  run.chart(curves(o, shift + ": forgetting", "D0 loss minus that of D0 only (nats per byte)", kOld, shown,
                   [&](size_t s) { return o.losses("base", s, domain).old_domain; }));
  run.chart(curves(o, shift + ": adaptation", "D1 loss minus that of D1 only (nats per byte)", domain, shown,
                   [&](size_t s) { return o.losses(prefix + "new_only", s, domain).new_domain; }));
}

kit::Chart rates(const Config& config, const Outcomes& o) {
  kit::Chart chart{"Learning rates of the update", "step of the update", "learning rate", {}};
  for (const auto& [name, label] :
       {Shown{"eta_min", "not re-warmed"}, Shown{"replay_0", "re-warmed"},
        Shown{"no_decay", "re-warmed, not re-decayed"}, Shown{"peak_half", "half the peak"},
        Shown{"peak_double", "twice the peak"}, Shown{"infinite", "infinite"}}) {
    Series series{label, {}, {}};
    for (int64_t step = 0; step <= config.new_steps; ++step) {
      series.x.push_back(static_cast<double>(step));
      series.y.push_back(o.arm(name).lr(o.arm(name).lr_step + step));
    }
    chart.series.push_back(std::move(series));
  }
  return chart;
}

kit::Chart replay_chart(const Outcomes& o) {
  kit::Chart chart{
      "Strong shift: what replay costs and saves", "replay (% of the tokens)", "nats per byte", {}};
  for (size_t s = 0; s < o.seeds(); ++s) {
    Series forgotten{"forgetting", {}, {}}, adapted{"adaptation", {}, {}};
    const auto add = [&](double share) {
      const Losses losses = o.losses(replay_name(share), s, kNew);
      forgotten.x.push_back(100 * share), adapted.x.push_back(100 * share);
      forgotten.y.push_back(forgetting(losses, o.losses("base", s, kNew)));
      adapted.y.push_back(adaptation(losses, o.losses("new_only", s, kNew)));
    };
    add(0);
    for (const double share : kReplay) add(share);
    chart.series.push_back(std::move(forgotten));
    chart.series.push_back(std::move(adapted));
  }
  return chart;
}

// D0 in three parts: each arm at its place on the way through D0.
kit::Chart three_data_sets(const Outcomes& o) {
  kit::Chart chart{"D0 as three data sets", "step", "D0 loss (nats per byte)", {}};
  const auto add = [&](const std::string& name, const std::string& label, Series::Style style) {
    for (size_t s = 0; s < o.seeds(); ++s) {
      Series series{label, {}, {}, style};
      const std::vector<double>& curve = o.curve(name, s, kOld);
      for (size_t i = 0; i < curve.size(); ++i) {
        const int64_t step = o.arm(name).skip_steps + o.of(name, s).log.at[i];
        if (step == 0) continue;  // untrained: it would flatten the rest
        series.x.push_back(static_cast<double>(step));
        series.y.push_back(curve[i]);
      }
      chart.series.push_back(std::move(series));
    }
  };
  add("base", "one long cosine", Series::kLine);
  for (const char* part : {"1", "2", "3"}) {
    add(absl::StrCat("cosines_", part), absl::StrCat("cosine ", part), Series::kLine);
  }
  add("base_infinite", "infinite", Series::kLine);
  for (const char* part : {"1", "2", "3"}) {
    add(absl::StrCat("annealed_", part), absl::StrCat("infinite, annealed after ", part), Series::kDashed);
  }
  return chart;
}

}  // namespace

void report(const Config& config, const Outcomes& o, bool near, kit::Run& run) {
  run.name_metric("loss", "training loss (nats per byte)");
  run.name_metric("old_loss", "validation loss on D0 (nats per byte)");
  run.name_metric("new_loss", "validation loss on D1 (nats per byte)");
  run.name_metric("near_loss", "validation loss on the near D1 (nats per byte)");
  run.table(losses_table(config, o, kNew));
  add_update_charts(o, kNew, run);
  if (near) {
    run.table(losses_table(config, o, kNear));
    add_update_charts(o, kNear, run);
  }
  run.chart(rates(config, o));
  run.chart(replay_chart(o));
  const auto zero = [](size_t) { return 0.0; };
  run.chart(curves(o, "More of D0: the transient of a re-warming", "D0 loss (nats per byte)", kOld,
                   {{"same_data", "re-warmed"}, {"same_data_infinite", "infinite, constant"}}, zero));
  run.chart(three_data_sets(o));
}

}  // namespace roux::continual
