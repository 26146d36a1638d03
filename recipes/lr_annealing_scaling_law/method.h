// Scaling law with learning-rate annealing (Tissue, Wang, Wang 2024, arXiv 2408.11029).
//
// The loss of a run at step s, for one model, data, batch size and optimizer, follows from its learning rates
// alone:
//
//   L(s) = L0 + A * S1(s)^-alpha - C * S2(s)                          the law
//   S1(s) = sum_{i<=s} eta_i                                          forward area (1)
//   m_0 = 0,  m_i = lambda * m_{i-1} + (eta_{i-1} - eta_i)            annealing momentum (2)
//   S2(s) = sum_{i<=s} m_i                                            annealing area (3)
//
// Four constants >= 0, fitted on one or two curves, predict the whole curve of any other schedule. Everything
// here is f64 on the CPU, without state; bad arguments throw roux::Error.
//
//   Curve cosine = {.eta = area_rates(cosine_schedule(...), 20000, 500), .steps = ..., .loss = ...};
//   Fit fit = fit_law({cosine, constant}, {.lambda = 0.999});
//   std::vector<double> loss = predict(fit, area_rates(wsd_schedule(...), 60000, 500));
#ifndef ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_METHOD_H_
#define ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_METHOD_H_

#include <cstdint>
#include <span>
#include <vector>

#include "optim/schedules.h"

namespace roux::lr_annealing {

// S1 and S2 at every step 0 .. n-1.
struct Areas {
  std::vector<double> forward;
  std::vector<double> annealing;
};

// Equations (1)-(3). 0 <= lambda <= 1; 1 / (1 - lambda) is the delay of annealing in steps. eta: at least one
// rate.
Areas areas(std::span<const double> eta, double lambda);

// Rates of steps 0 .. last_step as the law wants them: during warm-up the rate counts as that of step
// `warmup`, where the warm-up ends; otherwise S2 would start far below zero. [section 3]
std::vector<double> area_rates(const Schedule& schedule, int64_t last_step, int64_t warmup);

// The constants of the law; all >= 0.
struct Law {
  double l0 = 0;
  double a = 0;
  double alpha = 0;
  double c = 0;

  // L at areas s1 > 0 and s2.
  double operator()(double s1, double s2) const;
};

// A measured loss curve: loss[k] after step steps[k], with the rates of all steps 0 .. steps.back().
struct Curve {
  std::vector<double> eta = {};
  std::vector<int64_t> steps = {};
  std::vector<double> loss = {};
};

// What the loss may depend on. The two others are the law's baselines.
enum class Form {
  kAnnealing,    // L0 + A * S1^-alpha - C * S2
  kForwardOnly,  // L0 + A * S1^-alpha, C = 0
  kStepOnly,     // L0 + A * (s + 1)^-alpha: the power law of compute, blind to the schedule
};

struct FitOptions {
  double lambda = 0.999;
  double huber_delta = 1e-3;
  Form form = Form::kAnnealing;
};

struct Fit {
  Law law = {};
  Form form = Form::kAnnealing;
  double lambda = 0;
  double objective = 0;              // sum of Huber terms over the fitted points
  double r_squared = 0;              // of predicted losses at the fitted points
  double mean_relative_error = 0;    // mean |predicted / measured - 1| there
  bool annealing_identified = true;  // false when S2 is 0 at every fitted point: C is 0 by convention then
};

// Huber(r) = r^2 / 2 where |r| < delta, else delta * |r| - delta^2 / 2.
double huber(double residual, double delta);

// One point of a fit: areas (s1 is s + 1 for Form::kStepOnly) and measured loss.
struct Point {
  double s1 = 0;
  double s2 = 0;
  double loss = 0;
};

// sum Huber(log measured - log predicted), and its gradient by (l0, a, alpha, c) unless `gradient` is empty.
// A law that predicts a loss <= 0 somewhere has the value +infinity.
double huber_objective(const Law& law, std::span<const Point> points, double delta,
                       std::span<double> gradient);

// Areas of the curves at their measured steps.
std::vector<Point> fit_points(std::span<const Curve> curves, const FitOptions& options);

// Minimises huber_objective with all constants >= 0. The law is linear in (L0, A, C) for a given alpha, so
// starts come from non-negative least squares on a grid of alpha in 0.05 .. 2; the best ones are polished by
// L-BFGS with the analytic gradient. Needs at least 4 points with positive losses; drop those of the warm-up
// before.
Fit fit_law(std::span<const Curve> curves, const FitOptions& options);

// Predicted losses at every step of a run with these rates.
std::vector<double> predict(const Fit& fit, std::span<const double> eta);

// Mean |predicted / measured - 1| over the points of a curve.
double mean_relative_error(const Fit& fit, const Curve& curve);

// The fits of one form for several lambda, in the order given, on the same curves.
std::vector<Fit> scan_lambda(std::span<const Curve> curves, std::span<const double> lambdas,
                             FitOptions options = {});

// The fit with the smallest objective.
const Fit& best_fit(std::span<const Fit> fits);

}  // namespace roux::lr_annealing

#endif  // ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_METHOD_H_
