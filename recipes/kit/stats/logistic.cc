#include "recipes/kit/stats/logistic.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "recipes/kit/stats/check.h"
#include "recipes/kit/stats/distributions.h"
#include "recipes/kit/stats/linear_algebra.h"
#include "recipes/kit/stats/optimize.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

using Vector = std::vector<double>;

double softplus(double z) { return z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z)); }
double sigmoid(double z) { return z >= 0 ? 1 / (1 + std::exp(-z)) : std::exp(z) / (1 + std::exp(z)); }

// Rows with their labels and weights; a parameter vector is (intercept, weights...), the intercept held at 0
// if unused.
class Problem {
 public:
  Problem(const Matrix& x, std::span<const int64_t> labels, const LogisticOptions& options)
      : x_(x), labels_(labels), options_(options) {
    ROUX_CHECK(static_cast<int64_t>(labels.size()) == x.rows)
        << "fit_logistic: rows differ: x is f64[" << x.rows << "," << x.cols << "], labels are "
        << labels.size();
    check_sample(x.values, 1, "fit_logistic");
    for (size_t i = 0; i < labels.size(); ++i) {
      ROUX_CHECK(labels[i] == 0 || labels[i] == 1)
          << "fit_logistic: label " << i << " is " << labels[i] << ", needed 0 or 1";
    }
    ROUX_CHECK(options.l1 >= 0 && options.l2 >= 0)
        << "fit_logistic: penalties are l1 " << options.l1 << ", l2 " << options.l2 << ", needed both >= 0";
    const std::vector<double>& w = options.sample_weights;
    ROUX_CHECK(w.empty() || static_cast<int64_t>(w.size()) == x.rows)
        << "fit_logistic: there are " << w.size() << " sample weights for " << x.rows << " rows";
    for (size_t i = 0; i < w.size(); ++i) {
      ROUX_CHECK(w[i] >= 0 && std::isfinite(w[i]))
          << "fit_logistic: sample weight " << i << " is " << w[i] << ", needed >= 0";
    }
  }

  int64_t size() const { return x_.cols + 1; }
  bool intercept() const { return options_.intercept; }

  // Weighted loss without penalties and its gradient (overwritten).
  double loss(std::span<const double> p, std::span<double> gradient) const {
    std::fill(gradient.begin(), gradient.end(), 0.0);
    double sum = 0;
    for (int64_t i = 0; i < x_.rows; ++i) {
      const double z = score(p, i);
      sum += weight(i) * (softplus(z) - (labels_[i] == 1 ? z : 0));
      const double d = weight(i) * (sigmoid(z) - static_cast<double>(labels_[i]));
      gradient[0] += options_.intercept ? d : 0;
      for (int64_t j = 0; j < x_.cols; ++j) gradient[j + 1] += d * x_(i, j);
    }
    return sum;
  }

  double smooth_objective(std::span<const double> p, std::span<double> gradient) const {
    double sum = loss(p, gradient);
    for (int64_t j = 1; j < size(); ++j) {
      sum += 0.5 * options_.l2 * p[j] * p[j];
      gradient[j] += options_.l2 * p[j];
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
      const double q = sigmoid(score(p, i));
      const double curvature = weight(i) * q * (1 - q);
      for (int64_t j = 0; j < n; ++j) row[j] = j + first == 0 ? 1 : x_(i, j + first - 1);
      for (int64_t a = 0; a < n; ++a) {
        for (int64_t b = 0; b < n; ++b) h(a, b) += curvature * row[a] * row[b];
      }
    }
    for (int64_t j = options_.intercept ? 1 : 0; j < n; ++j) h(j, j) += options_.l2;
    return h;
  }

 private:
  double weight(int64_t i) const { return options_.sample_weights.empty() ? 1 : options_.sample_weights[i]; }
  double score(std::span<const double> p, int64_t i) const {
    double z = p[0];
    for (int64_t j = 0; j < x_.cols; ++j) z += p[j + 1] * x_(i, j);
    return z;
  }

  const Matrix& x_;
  std::span<const int64_t> labels_;
  const LogisticOptions& options_;
};

// L1 in a smooth way: w = u - v with u, v >= 0 and l1 * sum (u + v), a bounded problem; at its optimum one of
// each pair is exactly 0.
Minimum minimise_l1(const Problem& problem, double l1, const LbfgsOptions& base) {
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
      penalty += l1 * (uv[j] + uv[n - 1 + j]);
    }
    const double value = problem.smooth_objective(p, gradient);
    g[0] = gradient[0];
    for (int64_t j = 1; j < n; ++j) {
      g[j] = gradient[j] + l1;
      g[n - 1 + j] = l1 - gradient[j];
    }
    return value + penalty;
  };
  Minimum m = minimize_lbfgs(objective, Vector(2 * n - 1, 0.0), options);
  for (int64_t j = 1; j < n; ++j) m.x[j] -= m.x[n - 1 + j];
  m.x.resize(n);
  return m;
}

// Newton steps from an L-BFGS solution: the last digits, which standard errors and references are compared
// on.
void polish(const Problem& problem, Vector& p) {
  const int64_t first = problem.intercept() ? 0 : 1;
  Vector gradient(problem.size());
  for (int step = 0; step < 3; ++step) {
    problem.smooth_objective(p, gradient);
    const Vector move =
        solve_positive_definite(problem.hessian(p), Vector(gradient.begin() + first, gradient.end()));
    for (size_t j = 0; j < move.size(); ++j) p[j + first] -= move[j];
  }
}

void infer(const Problem& problem, const Vector& p, LogisticFit& fit) {
  const Matrix covariance = invert_positive_definite(problem.hessian(p));
  const int64_t first = problem.intercept() ? 0 : 1;
  for (int64_t j = 0; j < covariance.rows; ++j) {
    fit.standard_errors.push_back(std::sqrt(covariance(j, j)));
    fit.z_values.push_back(p[j + first] / fit.standard_errors.back());
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
  Minimum m = options.l1 > 0 ? minimise_l1(problem, options.l1, search)
                             : minimize_lbfgs(smooth, Vector(problem.size(), 0.0), search);
  LogisticFit fit;
  fit.converged = m.converged;
  if (options.l1 == 0) {
    // A singular Hessian means that the data do not determine the weights (separable or dependent columns).
    try {
      polish(problem, m.x);
      infer(problem, m.x, fit);
    } catch (const Error&) {
      fit.converged = false;
    }
  }
  fit.intercept = m.x[0];
  fit.weights.assign(m.x.begin() + 1, m.x.end());
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
  const int64_t folds = x.rows == 0 ? 0 : 1 + *std::max_element(fold_of_row.begin(), fold_of_row.end());
  double sum = 0;
  for (int64_t fold = 0; fold < folds; ++fold) {
    std::vector<int64_t> training, held_out;
    for (int64_t i = 0; i < x.rows; ++i) (fold_of_row[i] == fold ? held_out : training).push_back(i);
    if (held_out.empty()) continue;
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
