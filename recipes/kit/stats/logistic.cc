#include "recipes/kit/stats/logistic.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "recipes/kit/stats/check.h"
#include "recipes/kit/stats/distributions.h"
#include "recipes/kit/stats/linear_algebra.h"
#include "recipes/kit/stats/moments.h"
#include "recipes/kit/stats/optimize.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

using Vector = std::vector<double>;

double softplus(double z) { return z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z)); }
double sigmoid(double z) { return z >= 0 ? 1 / (1 + std::exp(-z)) : std::exp(z) / (1 + std::exp(z)); }

// Rows with their labels and weights. Inside, columns are standardised (centred where there is an intercept
// that can take it up, and divided by their root mean square), so that units and offsets cost neither steps
// nor digits; the penalties follow. A parameter vector is (intercept, weights...) of these columns, the
// intercept held at 0 if unused.
class Problem {
 public:
  Problem(const Matrix& x, std::span<const int64_t> labels, const LogisticOptions& options)
      : x_(x), labels_(labels), options_(options), centre_(x.cols, 0.0), scale_(x.cols, 1.0) {
    check(x, labels, options);
    Vector column(x.rows);
    for (int64_t j = 0; j < x.cols; ++j) {
      for (int64_t i = 0; i < x.rows; ++i) column[i] = x(i, j);
      if (options.intercept) centre_[j] = mean_of(column);
      for (double& v : column) v -= centre_[j];
      const double unit = unit_of(column);
      double squares = 0;
      for (double v : column) squares += v / unit * (v / unit);
      if (squares > 0) scale_[j] = unit * std::sqrt(squares / static_cast<double>(x.rows));
      for (int64_t i = 0; i < x.rows; ++i) x_(i, j) = column[i] / scale_[j];
    }
  }

  int64_t size() const { return x_.cols + 1; }
  bool intercept() const { return options_.intercept; }
  double l1(int64_t j) const { return options_.l1 / scale_[j - 1]; }  // of parameter j >= 1
  double l2(int64_t j) const { return options_.l2 / scale_[j - 1] / scale_[j - 1]; }

  // Weighted loss without penalties and its gradient (overwritten).
  double loss(std::span<const double> p, std::span<double> gradient) const {
    std::fill(gradient.begin(), gradient.end(), 0.0);
    double sum = 0;
    for (int64_t i = 0; i < x_.rows; ++i) {
      const double z = score(p, i);
      sum += weight(i) * softplus(labels_[i] == 1 ? -z : z);
      const double d = weight(i) * (labels_[i] == 1 ? -sigmoid(-z) : sigmoid(z));
      gradient[0] += options_.intercept ? d : 0;
      for (int64_t j = 0; j < x_.cols; ++j) gradient[j + 1] += d * x_(i, j);
    }
    return sum;
  }

  double smooth_objective(std::span<const double> p, std::span<double> gradient) const {
    double sum = loss(p, gradient);
    for (int64_t j = 1; j < size(); ++j) {
      sum += 0.5 * l2(j) * p[j] * p[j];
      gradient[j] += l2(j) * p[j];
    }
    return sum;
  }

  // Of the smooth objective, over (intercept, weights) or weights alone.
  Matrix hessian(std::span<const double> p) const {
    const int64_t first = options_.intercept ? 0 : 1;
    const int64_t n = size() - first;
    Matrix h(n, n);
    Vector row(n);
    for (int64_t i = 0; i < x_.rows; ++i) {
      const double z = score(p, i);
      const double curvature = weight(i) * sigmoid(z) * sigmoid(-z);
      for (int64_t j = 0; j < n; ++j) row[j] = j + first == 0 ? 1 : x_(i, j + first - 1);
      for (int64_t a = 0; a < n; ++a) {
        for (int64_t b = 0; b < n; ++b) h(a, b) += curvature * row[a] * row[b];
      }
    }
    for (int64_t j = options_.intercept ? 1 : 0; j < n; ++j) h(j, j) += l2(j + first);
    return h;
  }

  // Intercept and weights of the columns as they were given.
  void store(const Vector& p, LogisticFit& fit) const {
    fit.intercept = p[0];
    for (int64_t j = 0; j < x_.cols; ++j) {
      fit.weights.push_back(p[j + 1] / scale_[j]);
      fit.intercept -= fit.weights.back() * centre_[j];
    }
  }

  // Standard errors of the same, from the covariance of (intercept, weights) or weights alone.
  Vector standard_errors(const Matrix& covariance) const {
    Vector errors;
    const int64_t first = options_.intercept ? 1 : 0;
    if (options_.intercept) {
      Vector row(covariance.rows, 1.0);  // the original intercept as a combination of the parameters
      for (int64_t j = 0; j < x_.cols; ++j) row[j + 1] = -centre_[j] / scale_[j];
      double variance = 0;
      for (int64_t a = 0; a < covariance.rows; ++a) {
        for (int64_t b = 0; b < covariance.rows; ++b) variance += row[a] * covariance(a, b) * row[b];
      }
      errors.push_back(std::sqrt(variance));
    }
    for (int64_t j = 0; j < x_.cols; ++j)
      errors.push_back(std::sqrt(covariance(j + first, j + first)) / scale_[j]);
    return errors;
  }

 private:
  static void check(const Matrix& x, std::span<const int64_t> labels, const LogisticOptions& options) {
    ROUX_CHECK(static_cast<int64_t>(labels.size()) == x.rows)
        << "fit_logistic: rows differ: x is f64[" << x.rows << "," << x.cols << "], labels are "
        << labels.size();
    check_sample(x.values, 1, "fit_logistic");
    for (size_t i = 0; i < labels.size(); ++i) {
      ROUX_CHECK(labels[i] == 0 || labels[i] == 1)
          << "fit_logistic: label " << i << " is " << labels[i] << ", needed 0 or 1";
    }
    ROUX_CHECK(options.l1 >= 0 && options.l2 >= 0 && std::isfinite(options.l1 + options.l2))
        << "fit_logistic: penalties are l1 " << options.l1 << ", l2 " << options.l2
        << ", needed both >= 0 and finite";
    const std::vector<double>& w = options.sample_weights;
    ROUX_CHECK(w.empty() || static_cast<int64_t>(w.size()) == x.rows)
        << "fit_logistic: there are " << w.size() << " sample weights for " << x.rows << " rows";
    bool seen[2] = {false, false};  // labels of rows that count
    for (size_t i = 0; i < labels.size(); ++i) {
      ROUX_CHECK(w.empty() || (w[i] >= 0 && std::isfinite(w[i])))
          << "fit_logistic: sample weight " << i << " is " << w[i] << ", needed >= 0";
      seen[labels[i]] |= w.empty() || w[i] > 0;
    }
    ROUX_CHECK(seen[0] || seen[1]) << "fit_logistic: all sample weights are 0";
    ROUX_CHECK(seen[0] && seen[1]) << "fit_logistic: every row" << (w.empty() ? "" : " of weight > 0")
                                   << " has label " << (seen[1] ? 1 : 0) << ", needed rows of both classes";
  }

  double weight(int64_t i) const { return options_.sample_weights.empty() ? 1 : options_.sample_weights[i]; }
  double score(std::span<const double> p, int64_t i) const {
    double z = p[0];
    for (int64_t j = 0; j < x_.cols; ++j) z += p[j + 1] * x_(i, j);
    return z;
  }

  Matrix x_;  // standardised
  std::span<const int64_t> labels_;
  const LogisticOptions& options_;
  Vector centre_, scale_;
};

// L1 in a smooth way: w = u - v with u, v >= 0 and l1 (u + v), a bounded problem; at its optimum one of
// each pair is exactly 0.
Minimum minimise_l1(const Problem& problem, const LbfgsOptions& base) {
  const int64_t n = problem.size();
  LbfgsOptions options = base;
  options.bounds.lower.assign(2 * n - 1, 0.0);
  options.bounds.lower[0] = -std::numeric_limits<double>::infinity();
  Vector p(n), gradient(n);
  const auto objective = [&, p, gradient](std::span<const double> uv, std::span<double> g) mutable {
    p[0] = uv[0];
    double penalty = 0;
    for (int64_t j = 1; j < n; ++j) {
      p[j] = uv[j] - uv[n - 1 + j];
      penalty += problem.l1(j) * (uv[j] + uv[n - 1 + j]);
    }
    const double value = problem.smooth_objective(p, gradient);
    g[0] = gradient[0];
    for (int64_t j = 1; j < n; ++j) {
      g[j] = gradient[j] + problem.l1(j);
      g[n - 1 + j] = problem.l1(j) - gradient[j];
    }
    return value + penalty;
  };
  Minimum m = minimize_lbfgs(objective, Vector(2 * n - 1, 0.0), options);
  for (int64_t j = 1; j < n; ++j) m.x[j] -= m.x[n - 1 + j];
  m.x.resize(n);
  return m;
}

double largest_entry(const Vector& x) {
  double largest = 0;
  for (double v : x) largest = std::max(largest, std::abs(v));
  return largest;
}

// Newton steps from an L-BFGS solution, as long as they make the gradient smaller: the last digits, which
// standard errors and references are compared on. Returns the decrease of the objective that a further step
// promises.
double polish(const Problem& problem, Vector& p) {
  const int64_t first = problem.intercept() ? 0 : 1;
  Vector gradient(problem.size());
  double decrease = std::numeric_limits<double>::infinity();
  problem.smooth_objective(p, gradient);
  for (int step = 0; step < 20; ++step) {
    const Vector slope(gradient.begin() + first, gradient.end());
    const Vector move = solve_positive_definite(problem.hessian(p), slope);
    decrease = 0;
    Vector next = p;
    for (size_t j = 0; j < move.size(); ++j) {
      next[j + first] -= move[j];
      decrease += 0.5 * move[j] * slope[j];
    }
    const double size = largest_entry(gradient);
    problem.smooth_objective(next, gradient);
    if (!(largest_entry(gradient) < size)) break;
    p = std::move(next);
  }
  return decrease;
}

// The same for an L1 solution: steps over the parameters that are not 0, where the penalty is linear, as long
// as none of them changes its sign.
void polish_l1(const Problem& problem, Vector& p) {
  const int64_t first = problem.intercept() ? 0 : 1;
  std::vector<int64_t> free;
  for (int64_t j = first; j < problem.size(); ++j) {
    if (j == 0 || p[j] != 0) free.push_back(j);
  }
  const auto count = static_cast<int64_t>(free.size());
  if (count == 0) return;
  const auto slopes = [&](const Vector& at) {
    Vector gradient(problem.size());
    problem.smooth_objective(at, gradient);
    Vector slope;
    for (int64_t j : free) slope.push_back(gradient[j] + (j == 0 ? 0 : std::copysign(problem.l1(j), at[j])));
    return slope;
  };
  Vector slope = slopes(p);
  for (int step = 0; step < 20; ++step) {
    const Matrix all = problem.hessian(p);
    Matrix hessian(count, count);
    for (int64_t a = 0; a < count; ++a) {
      for (int64_t b = 0; b < count; ++b) hessian(a, b) = all(free[a] - first, free[b] - first);
    }
    const Vector move = solve_positive_definite(hessian, slope);
    Vector next = p;
    bool same_signs = true;
    for (int64_t a = 0; a < count; ++a) {
      next[free[a]] -= move[a];
      same_signs &= free[a] == 0 || next[free[a]] * p[free[a]] > 0;
    }
    if (!same_signs) return;
    Vector next_slope = slopes(next);
    if (!(largest_entry(next_slope) < largest_entry(slope))) return;
    p = std::move(next);
    slope = std::move(next_slope);
  }
}

void infer(const Problem& problem, const Vector& p, LogisticFit& fit) {
  // A coefficient whose variance the others inflate this much cannot be told from an undetermined one.
  constexpr double kInflation = 1e13;
  const Matrix hessian = problem.hessian(p);
  const Matrix covariance = invert_positive_definite(hessian);
  for (int64_t j = 0; j < covariance.rows; ++j) {
    if (!(covariance(j, j) * hessian(j, j) < kInflation)) {
      fit.converged = false;
      return;
    }
  }
  fit.standard_errors = problem.standard_errors(covariance);
  for (size_t j = 0; j < fit.standard_errors.size(); ++j) {
    const double coefficient =
        problem.intercept() ? (j == 0 ? fit.intercept : fit.weights[j - 1]) : fit.weights[j];
    fit.z_values.push_back(coefficient / fit.standard_errors[j]);
    fit.p_values.push_back(normal_two_sided(fit.z_values.back()));
  }
}

}  // namespace

LogisticFit fit_logistic(const Matrix& x, std::span<const int64_t> labels, const LogisticOptions& options) {
  const Problem problem(x, labels, options);
  LbfgsOptions search;
  search.memory = 20;
  search.max_iterations = options.max_iterations;
  search.gradient_tolerance = 1e-10;
  search.value_tolerance = 0;
  const auto smooth = [&](std::span<const double> p, std::span<double> g) {
    return problem.smooth_objective(p, g);
  };
  Minimum m = options.l1 > 0 ? minimise_l1(problem, search)
                             : minimize_lbfgs(smooth, Vector(problem.size(), 0.0), search);
  LogisticFit fit;
  fit.converged = m.converged;
  // A singular Hessian means that the data do not determine the weights (separable or dependent columns).
  try {
    if (options.l1 > 0) {
      polish_l1(problem, m.x);
    } else {
      fit.converged = polish(problem, m.x) <= 1e-9 * (1 + std::abs(m.value));
    }
  } catch (const Error&) {
    fit.converged &= options.l1 > 0;
  }
  problem.store(m.x, fit);
  if (options.l1 == 0 && fit.converged) {
    try {
      infer(problem, m.x, fit);
    } catch (const Error&) {
      fit.converged = false;
    }
  }
  Vector gradient(problem.size());
  fit.log_loss = problem.loss(m.x, gradient);
  return fit;
}

std::vector<double> predict_probability(const LogisticFit& fit, const Matrix& x) {
  ROUX_CHECK(static_cast<int64_t>(fit.weights.size()) == x.cols)
      << "predict_probability: features differ: the model has " << fit.weights.size() << ", x is f64["
      << x.rows << "," << x.cols << "]";
  std::vector<double> p(x.rows);
  for (int64_t i = 0; i < x.rows; ++i) {
    double z = fit.intercept;
    for (int64_t j = 0; j < x.cols; ++j) z += fit.weights[j] * x(i, j);
    p[i] = sigmoid(z);
  }
  return p;
}

std::vector<int64_t> group_folds(std::span<const int64_t> groups, int64_t folds) {
  std::map<int64_t, int64_t> sizes;
  for (int64_t g : groups) ++sizes[g];
  ROUX_CHECK(folds >= 2 && static_cast<int64_t>(sizes.size()) >= folds)
      << "group_folds: there are " << sizes.size() << " groups for " << folds
      << " folds, needed folds >= 2 and at least as many groups";
  std::vector<std::pair<int64_t, int64_t>> order;  // (rows, group)
  for (const auto& [group, rows] : sizes) order.emplace_back(rows, group);
  std::sort(order.rbegin(), order.rend());
  std::vector<int64_t> load(folds, 0);
  std::map<int64_t, int64_t> fold_of_group;
  for (const auto& [rows, group] : order) {
    const auto lightest = std::min_element(load.begin(), load.end()) - load.begin();
    load[lightest] += rows;
    fold_of_group[group] = lightest;
  }
  std::vector<int64_t> fold_of_row;
  for (int64_t g : groups) fold_of_row.push_back(fold_of_group[g]);
  return fold_of_row;
}

double cross_validated_log_loss(const Matrix& x, std::span<const int64_t> labels,
                                std::span<const int64_t> fold_of_row, const LogisticOptions& options) {
  ROUX_CHECK(static_cast<int64_t>(fold_of_row.size()) == x.rows && labels.size() == fold_of_row.size())
      << "cross_validated_log_loss: rows differ: x is f64[" << x.rows << "," << x.cols << "], labels are "
      << labels.size() << ", folds are " << fold_of_row.size();
  for (size_t i = 0; i < fold_of_row.size(); ++i) {
    ROUX_CHECK(fold_of_row[i] >= 0) << "cross_validated_log_loss: fold of row " << i << " is "
                                    << fold_of_row[i] << ", needed >= 0";
  }
  check_sample(x.values, 1, "cross_validated_log_loss");
  const int64_t folds = 1 + *std::max_element(fold_of_row.begin(), fold_of_row.end());
  double sum = 0;
  for (int64_t fold = 0; fold < folds; ++fold) {
    std::vector<int64_t> training, held_out;
    for (int64_t i = 0; i < x.rows; ++i) (fold_of_row[i] == fold ? held_out : training).push_back(i);
    if (held_out.empty()) continue;
    ROUX_CHECK(!training.empty()) << "cross_validated_log_loss: all rows are in fold " << fold
                                  << ", needed at least two folds";
    Matrix train_x(static_cast<int64_t>(training.size()), x.cols);
    std::vector<int64_t> train_labels;
    LogisticOptions fold_options = options;
    fold_options.sample_weights.clear();
    for (size_t k = 0; k < training.size(); ++k) {
      const int64_t i = training[k];
      std::copy_n(x.row(i).begin(), x.cols, train_x.row(static_cast<int64_t>(k)).begin());
      train_labels.push_back(labels[i]);
      if (!options.sample_weights.empty()) fold_options.sample_weights.push_back(options.sample_weights[i]);
    }
    const LogisticFit fit = fit_logistic(train_x, train_labels, fold_options);
    for (int64_t i : held_out) {
      double z = fit.intercept;
      for (int64_t j = 0; j < x.cols; ++j) z += fit.weights[j] * x(i, j);
      sum += softplus(labels[i] == 1 ? -z : z);
    }
  }
  return sum / static_cast<double>(x.rows);
}

}  // namespace roux::stats
