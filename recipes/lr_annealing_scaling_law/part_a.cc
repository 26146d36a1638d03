#include "recipes/lr_annealing_scaling_law/part_a.h"

#include <array>

#include "optim/schedules.h"
#include "recipes/lr_annealing_scaling_law/published.h"

namespace roux::lr_annealing {
namespace {

Curve published(const Schedule& schedule, const std::array<double, 20>& loss) {
  Curve curve{.eta = area_rates(schedule, kPublishedTotal, kPublishedWarmup)};
  for (size_t k = 0; k < loss.size(); ++k) {
    curve.steps.push_back(kPublishedInterval * static_cast<int64_t>(k + 1));
    curve.loss.push_back(loss[k]);
  }
  return curve;
}

// Points first .. last - 1 of a curve.
Curve part_of(const Curve& curve, size_t first, size_t last) {
  Curve part{.eta = curve.eta};
  part.steps.assign(curve.steps.begin() + first, curve.steps.begin() + last);
  part.loss.assign(curve.loss.begin() + first, curve.loss.begin() + last);
  return part;
}

}  // namespace

Curve published_cosine() {
  return published(
      cosine_schedule({.peak = kPublishedPeak, .total = kPublishedTotal, .warmup = kPublishedWarmup}),
      kPublishedCosine);
}

Curve published_constant() {
  return published(constant_schedule(kPublishedPeak, kPublishedWarmup), kPublishedConstant);
}

PartA part_a() {
  const std::vector<Curve> cosine = {published_cosine()};
  const std::vector<Curve> constant = {published_constant()};
  const std::vector<Curve> both = {cosine[0], constant[0]};
  const std::vector<Curve> half = {cosine[0], part_of(constant[0], 0, 10)};
  const Curve second_half = part_of(constant[0], 10, 20);
  const std::vector<double> lambdas = {0, 0.99, 0.995, 0.999, 0.9995, 0.9999};
  PartA a{.fit = fit_law(both, {.lambda = 0.999}),
          .scan = scan_lambda(both, lambdas),
          .cosine_only = fit_law(cosine, {.lambda = 0.999}),
          .constant_only = fit_law(constant, {.lambda = 0.999}),
          .step_only = fit_law(both, {.form = Form::kStepOnly}),
          .forward_only = fit_law(both, {.form = Form::kForwardOnly}),
          .half = fit_law(half, {.lambda = 0.999}),
          .half_step_only = fit_law(half, {.form = Form::kStepOnly}),
          .second_half_error = 0,
          .second_half_error_step_only = 0};
  a.second_half_error = mean_relative_error(a.half, second_half);
  a.second_half_error_step_only = mean_relative_error(a.half_step_only, second_half);
  return a;
}

}  // namespace roux::lr_annealing
