#include "recipes/lr_annealing_scaling_law/method.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "recipes/kit/stats/nnls.h"
#include "recipes/kit/stats/optimize.h"
#include "recipes/kit/stats/regression.h"
#include "tensor/error.h"

namespace roux::lr_annealing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void check_curve(const Curve& curve, size_t index) {
  ROUX_CHECK(curve.steps.size() == curve.loss.size())
      << "fit_law: curve " << index << " has " << curve.steps.size() << " steps and " << curve.loss.size()
      << " losses";
  for (size_t k = 0; k < curve.steps.size(); ++k) {
    ROUX_CHECK(curve.steps[k] >= 0 && curve.steps[k] < static_cast<int64_t>(curve.eta.size()))
        << "fit_law: curve " << index << " measures step " << curve.steps[k] << ", but has rates of steps 0.."
        << static_cast<int64_t>(curve.eta.size()) - 1;
    ROUX_CHECK(std::isfinite(curve.loss[k]) && curve.loss[k] > 0)
        << "fit_law: curve " << index << " has loss " << curve.loss[k] << " at step " << curve.steps[k]
        << ", needed a finite loss > 0";
  }
}

std::vector<Point> points_of(const Curve& curve, size_t index, const FitOptions& options) {
  check_curve(curve, index);
  const Areas area = areas(curve.eta, options.lambda);
  std::vector<Point> points;
  for (size_t k = 0; k < curve.steps.size(); ++k) {
    const int64_t s = curve.steps[k];
    const bool by_step = options.form == Form::kStepOnly;
    points.push_back({.s1 = by_step ? static_cast<double>(s + 1) : area.forward[s],
                      .s2 = options.form == Form::kAnnealing ? area.annealing[s] : 0,
                      .loss = curve.loss[k]});
    ROUX_CHECK(points.back().s1 > 0) << "fit_law: curve " << index << " has forward area 0 at step " << s;
  }
  return points;
}

// The units of a fit. Areas differ by orders of magnitude between runs; divided by their largest values, one
// set of tolerances serves all of them.
struct Units {
  double s1 = 0;
  double s2 = 0;
};

Units normalise(std::vector<Point>& points) {
  Units units;
  for (const Point& p : points) {
    units.s1 = std::max(units.s1, p.s1);
    units.s2 = std::max(units.s2, std::abs(p.s2));
  }
  for (Point& p : points) {
    p.s1 /= units.s1;
    if (units.s2 > 0) p.s2 /= units.s2;
  }
  return units;
}

// argmin over (L0, A, C) >= 0 of the squared residuals weighted like logarithms, for one alpha.
Law start_for(double alpha, const std::vector<Point>& points) {
  const auto n = static_cast<int64_t>(points.size());
  stats::Matrix columns(n, 3);
  const std::vector<double> ones(points.size(), 1.0);
  for (int64_t i = 0; i < n; ++i) {
    const Point& p = points[i];
    columns(i, 0) = 1 / p.loss;
    columns(i, 1) = std::pow(p.s1, -alpha) / p.loss;
    columns(i, 2) = -p.s2 / p.loss;
  }
  const std::vector<double> x = stats::nnls(columns, ones);
  return {.l0 = x[0], .a = x[1], .alpha = alpha, .c = x[2]};
}

struct Candidate {
  Law law;
  double objective;
};

Candidate polish(const Law& start, const std::vector<Point>& points, double delta, bool with_c) {
  stats::LbfgsOptions options;
  options.bounds.lower = {0, 0, 0, 0};
  options.bounds.upper = {kInfinity, kInfinity, kInfinity, with_c ? kInfinity : 0};
  options.gradient_tolerance = 1e-14;
  const auto objective = [&](std::span<const double> x, std::span<double> gradient) {
    return huber_objective({x[0], x[1], x[2], x[3]}, points, delta, gradient);
  };
  const stats::Minimum m =
      stats::minimize_lbfgs(objective, {start.l0, start.a, start.alpha, with_c ? start.c : 0}, options);
  return {{m.x[0], m.x[1], m.x[2], m.x[3]}, m.value};
}

Law minimise(const std::vector<Point>& points, double delta, bool with_c) {
  constexpr int kGrid = 40;
  constexpr size_t kPolished = 4;
  std::vector<Candidate> starts;
  for (int i = 1; i <= kGrid; ++i) {
    const Law law = start_for(2.0 * i / kGrid, points);
    starts.push_back({law, huber_objective(law, points, delta, {})});
  }
  const auto better = [](const Candidate& a, const Candidate& b) { return a.objective < b.objective; };
  std::stable_sort(starts.begin(), starts.end(), better);
  Candidate best = starts.front();
  for (size_t i = 0; i < kPolished && std::isfinite(starts[i].objective); ++i) {
    const Candidate candidate = polish(starts[i].law, points, delta, with_c);
    if (candidate.objective < best.objective) best = candidate;
  }
  return best.law;
}

void measure(Fit& fit, const std::vector<Point>& points, double delta) {
  std::vector<double> truth;
  std::vector<double> predicted;
  for (const Point& p : points) {
    truth.push_back(p.loss);
    predicted.push_back(fit.law(p.s1, p.s2));
  }
  fit.objective = huber_objective(fit.law, points, delta, {});
  fit.r_squared = stats::r_squared(truth, predicted);
  fit.mean_relative_error = stats::mape(truth, predicted);
}

}  // namespace

Areas areas(std::span<const double> eta, double lambda) {
  ROUX_CHECK(!eta.empty()) << "areas: there is no learning rate";
  ROUX_CHECK(lambda >= 0 && lambda <= 1) << "areas: lambda is " << lambda << ", needed a value inside [0, 1]";
  Areas result;
  result.forward.reserve(eta.size());
  result.annealing.reserve(eta.size());
  double forward = 0;
  double momentum = 0;
  double annealing = 0;
  double previous = eta[0];
  for (double rate : eta) {
    forward += rate;
    momentum = lambda * momentum + (previous - rate);
    annealing += momentum;
    previous = rate;
    result.forward.push_back(forward);
    result.annealing.push_back(annealing);
  }
  return result;
}

std::vector<double> area_rates(const Schedule& schedule, int64_t last_step, int64_t warmup) {
  ROUX_CHECK(last_step >= 0 && warmup >= 0)
      << "area_rates: last_step is " << last_step << ", warmup is " << warmup << ", needed both >= 0";
  std::vector<double> rates(last_step + 1);
  for (int64_t s = 0; s <= last_step; ++s) rates[s] = schedule(std::max(s, warmup));
  return rates;
}

double Law::operator()(double s1, double s2) const { return l0 + a * std::pow(s1, -alpha) - c * s2; }

double huber(double residual, double delta) {
  const double size = std::abs(residual);
  return size < delta ? 0.5 * residual * residual : delta * size - 0.5 * delta * delta;
}

double huber_objective(const Law& law, std::span<const Point> points, double delta,
                       std::span<double> gradient) {
  std::fill(gradient.begin(), gradient.end(), 0.0);
  double sum = 0;
  for (const Point& p : points) {
    const double log_s1 = std::log(p.s1);
    const double power = std::exp(-law.alpha * log_s1);
    const double predicted = law.l0 + law.a * power - law.c * p.s2;
    if (!(predicted > 0)) return kInfinity;
    const double residual = std::log(p.loss / predicted);
    sum += huber(residual, delta);
    if (gradient.empty()) continue;
    const double by_predicted = -std::clamp(residual, -delta, delta) / predicted;
    gradient[0] += by_predicted;
    gradient[1] += by_predicted * power;
    gradient[2] -= by_predicted * law.a * power * log_s1;
    gradient[3] -= by_predicted * p.s2;
  }
  return sum;
}

std::vector<Point> fit_points(std::span<const Curve> curves, const FitOptions& options) {
  std::vector<Point> points;
  for (size_t i = 0; i < curves.size(); ++i) {
    const std::vector<Point> more = points_of(curves[i], i, options);
    points.insert(points.end(), more.begin(), more.end());
  }
  return points;
}

Fit fit_law(std::span<const Curve> curves, const FitOptions& options) {
  ROUX_CHECK(options.huber_delta > 0) << "fit_law: huber_delta is " << options.huber_delta << ", needed > 0";
  const std::vector<Point> points = fit_points(curves, options);
  ROUX_CHECK(points.size() >= 4) << "fit_law: there are " << points.size() << " points for up to 4 constants";
  std::vector<Point> scaled = points;
  const Units units = normalise(scaled);
  Fit fit{.form = options.form, .lambda = options.lambda};
  fit.annealing_identified = units.s2 > 0;
  fit.law = minimise(scaled, options.huber_delta, fit.annealing_identified);
  fit.law.a *= std::pow(units.s1, fit.law.alpha);
  fit.law.c = fit.annealing_identified ? fit.law.c / units.s2 : 0;
  measure(fit, points, options.huber_delta);
  return fit;
}

std::vector<double> predict(const Fit& fit, std::span<const double> eta) {
  const Areas area = areas(eta, fit.lambda);
  std::vector<double> loss(eta.size());
  for (size_t s = 0; s < eta.size(); ++s) {
    loss[s] = fit.law(fit.form == Form::kStepOnly ? static_cast<double>(s + 1) : area.forward[s],
                      area.annealing[s]);
  }
  return loss;
}

double mean_relative_error(const Fit& fit, const Curve& curve) {
  check_curve(curve, 0);
  const std::vector<double> loss = predict(fit, curve.eta);
  std::vector<double> predicted;
  for (int64_t s : curve.steps) predicted.push_back(loss[s]);
  return stats::mape(curve.loss, predicted);
}

std::vector<Fit> scan_lambda(std::span<const Curve> curves, std::span<const double> lambdas,
                             FitOptions options) {
  std::vector<Fit> fits;
  for (double lambda : lambdas) {
    options.lambda = lambda;
    fits.push_back(fit_law(curves, options));
  }
  return fits;
}

const Fit& best_fit(std::span<const Fit> fits) {
  ROUX_CHECK(!fits.empty()) << "best_fit: there is no fit";
  return *std::min_element(fits.begin(), fits.end(),
                           [](const Fit& a, const Fit& b) { return a.objective < b.objective; });
}

}  // namespace roux::lr_annealing
