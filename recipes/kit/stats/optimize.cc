#include "recipes/kit/stats/optimize.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>

#include "recipes/kit/stats/check.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

using Vector = std::vector<double>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Bounds filled up to one entry per variable.
Bounds full_bounds(const Bounds& bounds, size_t n, const char* name) {
  Bounds full{bounds.lower, bounds.upper};
  if (full.lower.empty()) full.lower.assign(n, -kInfinity);
  if (full.upper.empty()) full.upper.assign(n, kInfinity);
  ROUX_CHECK(full.lower.size() == n && full.upper.size() == n)
      << name << ": bounds do not match the start: start has " << n << " variables, lower "
      << full.lower.size() << ", upper " << full.upper.size();
  for (size_t i = 0; i < n; ++i) {
    ROUX_CHECK(full.lower[i] <= full.upper[i])
        << name << ": bounds of variable " << i << " are [" << full.lower[i] << ", " << full.upper[i]
        << "], needed lower <= upper";
  }
  return full;
}

void clip(Vector& x, const Bounds& b) {
  for (size_t i = 0; i < x.size(); ++i) x[i] = std::clamp(x[i], b.lower[i], b.upper[i]);
}

bool all_finite(const Vector& x) {
  return std::all_of(x.begin(), x.end(), [](double v) { return std::isfinite(v); });
}

// A search that finds no lower value has converged only if the gradient promised next to nothing.
constexpr double kNegligible = 1e-9;
constexpr double kUnbounded = 1e300;

struct Pair {
  Vector s, y;
};

class Lbfgs {
 public:
  Lbfgs(const SmoothObjective& f, Vector start, const LbfgsOptions& options)
      : f_(f), options_(options), bounds_(full_bounds(options.bounds, start.size(), "minimize_lbfgs")) {
    check_sample(start, 1, "minimize_lbfgs");
    clip(start, bounds_);
    result_.x = std::move(start);
    gradient_.resize(result_.x.size());
    result_.value = evaluate(result_.x, gradient_);
    ROUX_CHECK(std::isfinite(result_.value))
        << "minimize_lbfgs: objective at the start is " << result_.value << ", needed a finite value";
    for (size_t i = 0; i < gradient_.size(); ++i) {
      ROUX_CHECK(std::isfinite(gradient_[i])) << "minimize_lbfgs: gradient entry " << i << " at the start is "
                                              << gradient_[i] << ", needed a finite value";
    }
    scale_ = std::abs(result_.value);
  }

  Minimum run() {
    int small_steps = 0;
    for (; result_.iterations < options_.max_iterations; ++result_.iterations) {
      if (projected_gradient_size() <= options_.gradient_tolerance) return done(true, "gradient tolerance");
      const double before = result_.value;
      if (!advance()) {
        const bool small = predicted_ <= kNegligible * std::max(scale_, std::abs(result_.value));
        return done(small, small ? "no descent left in f64" : "the value does not fall along the gradient");
      }
      if (result_.value < -kUnbounded) return done(false, "unbounded below");
      const double scale = std::max(std::abs(before), std::abs(result_.value));
      small_steps = before - result_.value <= options_.value_tolerance * scale ? small_steps + 1 : 0;
      if (small_steps == 2) return done(true, "value tolerance");
    }
    return done(false, "iteration limit");
  }

 private:
  double evaluate(const Vector& x, Vector& gradient) {
    ++result_.evaluations;
    return f_(x, gradient);
  }

  Minimum done(bool converged, const char* reason) {
    result_.converged = converged;
    result_.reason = reason;
    return result_;
  }

  // A variable is held when it sits on a bound and descent would push it outside.
  bool held(size_t i) const {
    return (result_.x[i] <= bounds_.lower[i] && gradient_[i] > 0) ||
           (result_.x[i] >= bounds_.upper[i] && gradient_[i] < 0);
  }

  double projected_gradient_size() const {
    double size = 0;
    for (size_t i = 0; i < result_.x.size(); ++i) {
      if (!held(i)) size = std::max(size, std::abs(gradient_[i]));
    }
    return size;
  }

  // Two-loop recursion on the free variables; pairs without positive curvature there are passed over.
  Vector direction() const {
    const size_t n = result_.x.size();
    Vector free(n);
    Vector q(n);
    for (size_t i = 0; i < n; ++i) {
      free[i] = held(i) ? 0 : 1;
      q[i] = free[i] * gradient_[i];
    }
    std::vector<double> rho(pairs_.size());
    std::vector<double> alpha(pairs_.size());
    double scale = 1 / std::max(1.0, std::sqrt(dot(q, q)));
    bool scaled = false;
    const auto masked = [&](const Vector& a, const Vector& b) {
      double sum = 0;
      for (size_t i = 0; i < n; ++i) sum += free[i] * a[i] * b[i];
      return sum;
    };
    for (size_t k = pairs_.size(); k-- > 0;) {
      const double curvature = masked(pairs_[k].s, pairs_[k].y);
      const double yy = masked(pairs_[k].y, pairs_[k].y);
      if (!(curvature > 1e-14 * yy)) continue;
      rho[k] = 1 / curvature;
      if (!scaled) scale = curvature / yy;
      scaled = true;
      alpha[k] = rho[k] * masked(pairs_[k].s, q);
      for (size_t i = 0; i < n; ++i) q[i] -= alpha[k] * free[i] * pairs_[k].y[i];
    }
    for (double& v : q) v *= scale;
    for (size_t k = 0; k < pairs_.size(); ++k) {
      if (rho[k] == 0) continue;
      const double beta = rho[k] * masked(pairs_[k].y, q);
      for (size_t i = 0; i < n; ++i) q[i] += (alpha[k] - beta) * free[i] * pairs_[k].s[i];
    }
    for (double& v : q) v = -v;
    return q;
  }

  // One step; false when not even steepest descent lowers the value.
  bool advance() {
    Vector d = direction();
    predicted_ = -dot(d, gradient_);
    if (!(predicted_ > 0) || !search(d)) {
      pairs_.clear();
      d = direction();
      return search(d);
    }
    return true;
  }

  bool search(const Vector& d) {
    constexpr double kSufficient = 1e-4;
    constexpr double kCurvature = 0.9;
    const Vector& x = result_.x;
    const double slope = dot(d, gradient_);
    double low = 0;
    double high = kInfinity;
    double t = 1;
    Vector best_x, best_gradient;
    double best_value = result_.value;
    Vector trial(x.size());
    Vector gradient(x.size());
    for (int attempt = 0; attempt < 60; ++attempt) {
      for (size_t i = 0; i < x.size(); ++i) trial[i] = x[i] + t * d[i];
      clip(trial, bounds_);
      const double value = evaluate(trial, gradient);
      double moved = 0;        // first-order change along the projected path
      double trial_slope = 0;  // directional derivative over variables that a bound has not stopped
      for (size_t i = 0; i < x.size(); ++i) {
        moved += gradient_[i] * (trial[i] - x[i]);
        if (trial[i] > bounds_.lower[i] && trial[i] < bounds_.upper[i]) trial_slope += gradient[i] * d[i];
      }
      const bool usable = std::isfinite(value) && all_finite(gradient);
      if (!usable || !(value <= result_.value + kSufficient * std::min(0.0, moved))) {
        high = t;
      } else {
        if (value < best_value) {
          best_x = trial;
          best_gradient = gradient;
          best_value = value;
        }
        if (trial_slope >= kCurvature * slope) break;
        low = t;
      }
      t = std::isinf(high) ? 2 * t : 0.5 * (low + high);
      if (t == low || t == high) break;
    }
    if (best_x.empty()) return false;
    accept(std::move(best_x), std::move(best_gradient), best_value);
    return true;
  }

  void accept(Vector x, Vector gradient, double value) {
    Pair pair{Vector(x.size()), Vector(x.size())};
    for (size_t i = 0; i < x.size(); ++i) {
      pair.s[i] = x[i] - result_.x[i];
      pair.y[i] = gradient[i] - gradient_[i];
    }
    pairs_.push_back(std::move(pair));
    if (static_cast<int64_t>(pairs_.size()) > options_.memory) pairs_.pop_front();
    result_.x = std::move(x);
    result_.value = value;
    gradient_ = std::move(gradient);
  }

  const SmoothObjective& f_;
  const LbfgsOptions& options_;
  const Bounds bounds_;
  Minimum result_;
  Vector gradient_;
  std::deque<Pair> pairs_;
  double scale_ = 0;      // |value| at the start
  double predicted_ = 0;  // decrease that the gradient promises along the last direction
};

}  // namespace

Minimum minimize_lbfgs(const SmoothObjective& f, std::vector<double> start, const LbfgsOptions& options) {
  return Lbfgs(f, std::move(start), options).run();
}

namespace {

struct Vertex {
  Vector x;
  double value;
};

class NelderMead {
 public:
  NelderMead(const PlainObjective& f, size_t n, const NelderMeadOptions& options)
      : f_(f), options_(options), bounds_(full_bounds(options.bounds, n, "minimize_nelder_mead")) {}

  // One search from `start`; counts go into `result`.
  void run(Vector start, Minimum& result) {
    build(std::move(start), result);
    const auto n = static_cast<double>(simplex_.size() - 1);
    const double expand = 1 + 2 / n;
    const double contract = 0.75 - 0.5 / n;
    const double shrink = 1 - 1 / n;
    result.converged = false;
    while (result.evaluations < options_.max_evaluations) {
      sort();
      if (spread_is_small()) {
        result.converged = true;
        break;
      }
      ++result.iterations;
      const Vertex reflected = along(1, result);
      if (reflected.value < simplex_.front().value) {
        const Vertex expanded = along(expand, result);
        simplex_.back() = expanded.value < reflected.value ? expanded : reflected;
      } else if (reflected.value < simplex_[simplex_.size() - 2].value) {
        simplex_.back() = reflected;
      } else {
        const bool outside = reflected.value < simplex_.back().value;
        const Vertex contracted = along(outside ? contract : -contract, result);
        if (contracted.value <= (outside ? reflected.value : simplex_.back().value)) {
          simplex_.back() = contracted;
        } else {
          shrink_towards_best(n == 1 ? 0.5 : shrink, result);
        }
      }
    }
    sort();
    result.x = simplex_.front().x;
    result.value = simplex_.front().value;
  }

 private:
  Vertex evaluate(Vector x, Minimum& result) {
    clip(x, bounds_);
    ++result.evaluations;
    const double value = f_(x);
    return {std::move(x), std::isnan(value) ? kInfinity : value};
  }

  void build(Vector start, Minimum& result) {
    simplex_.clear();
    clip(start, bounds_);
    simplex_.push_back(evaluate(start, result));
    for (size_t i = 0; i < start.size(); ++i) {
      Vector x = start;
      const double step = x[i] != 0 ? options_.initial_step * std::abs(x[i]) : 0.00025;
      x[i] += x[i] + step <= bounds_.upper[i] ? step : -step;
      simplex_.push_back(evaluate(std::move(x), result));
    }
  }

  void sort() {
    std::stable_sort(simplex_.begin(), simplex_.end(),
                     [](const Vertex& a, const Vertex& b) { return a.value < b.value; });
  }

  bool spread_is_small() const {
    const Vertex& best = simplex_.front();
    for (const Vertex& v : simplex_) {
      for (size_t i = 0; i < v.x.size(); ++i) {
        if (std::abs(v.x[i] - best.x[i]) > options_.x_tolerance * (1 + std::abs(best.x[i]))) return false;
      }
    }
    return true;
  }

  // centroid + factor * (centroid - worst)
  Vertex along(double factor, Minimum& result) {
    const size_t n = simplex_.size() - 1;
    Vector x(n);
    for (size_t i = 0; i < n; ++i) {
      double centroid = 0;
      for (size_t v = 0; v < n; ++v) centroid += simplex_[v].x[i] / static_cast<double>(n);
      x[i] = centroid + factor * (centroid - simplex_.back().x[i]);
    }
    return evaluate(std::move(x), result);
  }

  void shrink_towards_best(double factor, Minimum& result) {
    const Vector best = simplex_.front().x;
    for (size_t v = 1; v < simplex_.size(); ++v) {
      Vector x = simplex_[v].x;
      for (size_t i = 0; i < x.size(); ++i) x[i] = best[i] + factor * (x[i] - best[i]);
      simplex_[v] = evaluate(std::move(x), result);
    }
  }

  const PlainObjective& f_;
  const NelderMeadOptions& options_;
  const Bounds bounds_;
  std::vector<Vertex> simplex_;
};

}  // namespace

Minimum minimize_nelder_mead(const PlainObjective& f, std::vector<double> start,
                             const NelderMeadOptions& options) {
  check_sample(start, 1, "minimize_nelder_mead");
  NelderMead search(f, start.size(), options);
  Minimum result;
  search.run(std::move(start), result);
  ROUX_CHECK(std::isfinite(result.value))
      << "minimize_nelder_mead: no finite value of the objective was found";
  for (int restart = 0; restart < 5 && result.converged; ++restart) {
    const double before = result.value;
    search.run(result.x, result);
    if (before - result.value <= options.value_tolerance * std::abs(before)) break;
  }
  result.reason = result.converged ? "simplex tolerance" : "evaluation limit";
  return result;
}

}  // namespace roux::stats
