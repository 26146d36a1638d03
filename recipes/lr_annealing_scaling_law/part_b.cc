#include "recipes/lr_annealing_scaling_law/part_b.h"

#include <numeric>

#include "recipes/kit/stats/correlation.h"

namespace roux::lr_annealing {
namespace {

constexpr double kLambdas[] = {0.8, 0.9, 0.95, 0.98, 0.99, 0.995};

Curve without_start(const TrainingConfig& config, Curve curve) {
  while (!curve.steps.empty() && curve.steps.front() < config.fit_from) {
    curve.steps.erase(curve.steps.begin());
    curve.loss.erase(curve.loss.begin());
  }
  return curve;
}

std::vector<double> errors(const Fit& fit, const std::vector<Curve>& curves) {
  std::vector<double> out;
  for (const Curve& curve : curves) out.push_back(mean_relative_error(fit, curve));
  return out;
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

PartB part_b(const TrainingConfig& config, const std::vector<Arm>& arms,
             const std::vector<std::vector<double>>& losses) {
  std::vector<Curve> fitted, held_out;
  for (size_t i = 0; i < arms.size(); ++i) {
    (i < kFittedArms ? fitted : held_out)
        .push_back(without_start(config, curve_of(config, arms[i].schedule, losses[i])));
  }
  PartB b;
  b.fit = best_fit(scan_lambda(fitted, kLambdas));
  b.held_out_by_arm = errors(b.fit, held_out);
  b.held_out = mean(b.held_out_by_arm);
  b.held_out_step_only = mean(errors(fit_law(fitted, {.form = Form::kStepOnly}), held_out));
  b.held_out_forward_only = mean(errors(fit_law(fitted, {.form = Form::kForwardOnly}), held_out));
  b.held_out_lambda0 = mean(errors(fit_law(fitted, {.lambda = 0}), held_out));
  std::vector<double> predicted, measured;
  for (size_t i = 0; i < arms.size(); ++i) {
    predicted.push_back(predict(b.fit, area_rates(arms[i].schedule, config.steps - 1, config.warmup)).back());
    measured.push_back(losses[i].back());
  }
  b.tau = stats::kendall_tau(predicted, measured).coefficient;
  b.annealing_gain = losses[0].back() - losses[2].back();
  return b;
}

}  // namespace roux::lr_annealing
