#include "recipes/lr_annealing_scaling_law/report.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "recipes/kit/run/claim_list.h"

namespace roux::lr_annealing {
namespace {

using kit::Evidence;
using kit::format_number;
using kit::Run;

// Adds the measured curves of one seed with the law's prediction of each.
void add_curves(const TrainingConfig& config, const std::vector<Arm>& arms,
                const std::vector<std::vector<double>>& losses, const PartB& b, kit::Chart& chart) {
  for (size_t i = 0; i < arms.size(); ++i) {
    const std::vector<double> predicted =
        predict(b.fit, area_rates(arms[i].schedule, config.steps - 1, config.warmup));
    kit::Series points{arms[i].name, {}, {}, kit::Series::kPoints},
        line{arms[i].name, {}, {}, kit::Series::kLine};
    const std::vector<int64_t> steps = evaluation_steps(config);
    for (size_t k = 0; k < steps.size(); ++k) {
      if (steps[k] < config.fit_from) continue;
      points.x.push_back(static_cast<double>(steps[k]));
      points.y.push_back(losses[i][k]);
      line.x.push_back(static_cast<double>(steps[k]));
      line.y.push_back(predicted[static_cast<size_t>(steps[k] - 1)]);
    }
    chart.series.push_back(points);
    chart.series.push_back(line);
  }
}

}  // namespace

// Part A: the authors' 40 published losses.
absl::Status report_part_a(const PartA& a, Run& run) {
  kit::Table table{"Part A: fits of the 40 published losses", {"fit", "L0", "A", "alpha", "C", "R^2"}, {}};
  const auto row = [&](const std::string& name, const Fit& fit) {
    table.rows.push_back({name, format_number(fit.law.l0), format_number(fit.law.a),
                          format_number(fit.law.alpha),
                          fit.annealing_identified ? format_number(fit.law.c) : "not identified",
                          format_number(fit.r_squared, 6)});
  };
  run.name_metric("loss", "training loss (nats per byte)");
  run.name_metric("validation_loss", "validation loss (nats per byte)");
  row("the paper's figure", {.law = {2.628, 0.429, 0.550, 0.411}, .r_squared = 0.9996});
  row("both curves, lambda 0.999", a.fit);
  row("cosine alone", a.cosine_only);
  row("constant alone", a.constant_only);
  row("step-only power law", a.step_only);
  row("S1 only (C = 0)", a.forward_only);
  run.table(table);
  kit::Table scan{"Part A: lambda", {"lambda", "objective", "C"}, {}};
  for (const Fit& fit : a.scan) {
    scan.rows.push_back({format_number(fit.lambda), format_number(fit.objective), format_number(fit.law.c)});
  }
  run.table(scan);
  run.table(
      {"Part A: cosine and first half of the constant curve fitted, error on its second half",
       {"fit", "L0", "alpha", "C", "error"},
       {{"law", format_number(a.half.law.l0), format_number(a.half.law.alpha), format_number(a.half.law.c),
         format_number(a.second_half_error)},
        {"step-only power law", format_number(a.half_step_only.law.l0),
         format_number(a.half_step_only.law.alpha), "-", format_number(a.second_half_error_step_only)}}});

  std::vector<kit::Claim> claims;
  const auto claim = [&](const std::string& text, std::optional<double> paper, double value,
                         const kit::Relation& relation) -> kit::Claim& {
    return claims.emplace_back(kit::Claim{.text = "published curves: " + text,
                                          .paper = paper,
                                          .measured = kit::single(value),
                                          .relation = relation,
                                          .scale = "40 published losses",
                                          .evidence = Evidence::kPublishedData,
                                          .asserted = true});
  };
  claim("L0", 2.628, a.fit.law.l0, kit::near(2.628, 0.01));
  claim("A", 0.430, a.fit.law.a, kit::near(0.430, 0.01));
  claim("alpha", 0.550, a.fit.law.alpha, kit::near(0.550, 0.01));
  claim("C", 0.411, a.fit.law.c, kit::near(0.411, 0.01));
  claim("R^2 of the fit", 0.9996, a.fit.r_squared, kit::above(0.9995));
  claim("best lambda of the scan", 0.999, best_fit(a.scan).lambda, kit::within(0.999, 0.999));
  claim("error on the unseen half of the constant curve", {}, a.second_half_error, kit::below(0.003))
      .asserted = false;  // reported only: it fails, see the README
  return run.claim_all(claims);
}

absl::Status report_part_b(const TrainingConfig& config, const std::vector<Arm>& all,
                           const std::vector<std::vector<double>>& results, int64_t parameters, Run& run) {
  kit::Table table{"Part B: mean relative error on the held-out curves",
                   {"seed", "lambda", "law", "wsd", "multi-step", "re-warm", "step-only", "S1 only",
                    "lambda 0", "R^2", "tau", "annealing gain"},
                   {}};
  kit::Chart curves{
      "Measured (points) and predicted (lines): constant and cosine fitted, the others held out",
      "step",
      "validation loss (nats per byte)",
      {}};
  std::vector<double> error, r_squared, tau, gain, over_step_only, over_forward_only, over_lambda0;
  for (size_t s = 0; s < run.seeds().size(); ++s) {
    const std::vector<std::vector<double>> losses(
        results.begin() + static_cast<std::ptrdiff_t>(s * all.size()),
        results.begin() + static_cast<std::ptrdiff_t>((s + 1) * all.size()));
    const PartB b = part_b(config, all, losses);
    error.push_back(b.held_out), r_squared.push_back(b.fit.r_squared), tau.push_back(b.tau);
    gain.push_back(b.annealing_gain), over_step_only.push_back(b.held_out_step_only - b.held_out);
    over_forward_only.push_back(b.held_out_forward_only - b.held_out);
    over_lambda0.push_back(b.held_out_lambda0 - b.held_out);
    std::vector<std::string> row{absl::StrCat(run.seeds()[s]), format_number(b.fit.lambda)};
    for (const double value :
         {b.held_out, b.held_out_by_arm[0], b.held_out_by_arm[1], b.held_out_by_arm[2], b.held_out_step_only,
          b.held_out_forward_only, b.held_out_lambda0, b.fit.r_squared, b.tau, b.annealing_gain}) {
      row.push_back(format_number(value, 3));
    }
    table.rows.push_back(row);
    add_curves(config, all, losses, b, curves);
  }
  run.chart(curves);
  run.table(table);

  // C is not identified by runs in which annealing does not lower the loss.
  const bool identified = std::all_of(gain.begin(), gain.end(), [](double g) { return g > 0; });
  const std::string why = identified ? ""
                                     : "C is not identified: on a seed the constant rate ends below WSD; "
                                       "--preset=default trains longer";
  const std::string scale =
      absl::StrCat(parameters, " parameters, ", config.steps * config.batch * config.length, " bytes a run");
  kit::ClaimList claims(run.seeds(), scale);
  claims.add("held-out schedules: mean relative error of the law", error, kit::below(0.01),
             {.asserted = true, .paper = 0.002, .bounds = {.low = 0}});
  claims.add("error of the step-only power law minus that of the law", over_step_only, kit::above(0),
             {.asserted = true});
  claims.add("error without annealing (C = 0) minus that of the law", over_forward_only, kit::above(0),
             {.not_testable = why});
  claims.add("error with lambda = 0 minus that of the law", over_lambda0, kit::above(0),
             {.not_testable = why});
  claims.add("R^2 on the fitted curves", r_squared, kit::above(0.98),
             {.paper = 0.999, .bounds = {.high = 1}});
  claims.add("Kendall tau of predicted and measured final losses", tau, kit::at_least(0.6),
             {.bounds = {-1, 1}});
  claims.add("annealing matters here: final loss at a constant rate minus that of WSD", gain, kit::above(0));
  return run.claim_all(claims.all());
}

}  // namespace roux::lr_annealing
