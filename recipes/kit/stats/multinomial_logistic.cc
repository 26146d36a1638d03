#include "recipes/kit/stats/multinomial_logistic.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "recipes/kit/stats/check.h"
#include "recipes/kit/stats/moments.h"
#include "recipes/kit/stats/optimize.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

using Vector = std::vector<double>;

void check(const Matrix& x, std::span<const int64_t> labels, int64_t classes,
           const MultinomialOptions& options) {
  ROUX_CHECK(static_cast<int64_t>(labels.size()) == x.rows)
      << "fit_multinomial: rows differ: x is f64[" << x.rows << "," << x.cols << "], labels are "
      << labels.size();
  check_sample(x.values, 1, "fit_multinomial");
  ROUX_CHECK(classes >= 2) << "fit_multinomial: there are " << classes << " classes, needed 2 or more";
  ROUX_CHECK(options.l2 >= 0 && std::isfinite(options.l2))
      << "fit_multinomial: l2 is " << options.l2 << ", needed >= 0 and finite";
  const Vector& w = options.sample_weights;
  ROUX_CHECK(w.empty() || static_cast<int64_t>(w.size()) == x.rows)
      << "fit_multinomial: there are " << w.size() << " sample weights for " << x.rows << " rows";
  std::vector<bool> seen(static_cast<size_t>(classes), false);
  for (size_t i = 0; i < labels.size(); ++i) {
    ROUX_CHECK(labels[i] >= 0 && labels[i] < classes)
        << "fit_multinomial: label " << i << " is " << labels[i] << ", needed 0 to " << classes - 1;
    ROUX_CHECK(w.empty() || (w[i] >= 0 && std::isfinite(w[i])))
        << "fit_multinomial: sample weight " << i << " is " << w[i] << ", needed >= 0";
    if (w.empty() || w[i] > 0) seen[static_cast<size_t>(labels[i])] = true;
  }
  for (int64_t k = 0; k < classes; ++k)
    ROUX_CHECK(seen[static_cast<size_t>(k)])
        << "fit_multinomial: no row" << (w.empty() ? "" : " of weight > 0") << " has label " << k;
}

// Columns centred where an intercept can take that up, and divided by their root mean square: units and
// offsets cost neither steps nor digits. The penalty's share of the curvature counts as l2 / rows of mean
// square: else a column of 1e-33 (a dead unit of an encoder) would have one of l2 * 1e66.
struct Scaling {
  Vector centre, scale;
};

Scaling standardise(Matrix& x, bool centred, double l2) {
  Scaling scaling{Vector(x.cols, 0.0), Vector(x.cols, 1.0)};
  Vector column(x.rows);
  for (int64_t j = 0; j < x.cols; ++j) {
    for (int64_t i = 0; i < x.rows; ++i) column[i] = x(i, j);
    if (centred) scaling.centre[j] = mean_of(column);
    for (double& v : column) v -= scaling.centre[j];
    const double unit = unit_of(column);
    double squares = 0;
    for (double v : column) squares += v / unit * (v / unit);
    const auto rows = static_cast<double>(x.rows);
    const double size = std::hypot(unit * std::sqrt(squares / rows), std::sqrt(l2 / rows));
    if (size > 0) scaling.scale[j] = size;
    for (int64_t i = 0; i < x.rows; ++i) x(i, j) = column[i] / scaling.scale[j];
  }
  return scaling;
}

// Probabilities from scores, in place; returns log sum exp.
double softmax(Vector& z) {
  const double most = *std::max_element(z.begin(), z.end());
  double sum = 0;
  for (double& v : z) sum += v = std::exp(v - most);
  for (double& v : z) v /= sum;
  return most + std::log(sum);
}

}  // namespace

MultinomialFit fit_multinomial(const Matrix& given, std::span<const int64_t> labels, int64_t classes,
                               const MultinomialOptions& options) {
  check(given, labels, classes, options);
  Matrix x = given;
  const Scaling scaling = standardise(x, options.intercept, options.l2);
  // A parameter vector is, class by class, (intercept, weights...) of the standardised columns.
  const int64_t width = x.cols + 1;
  Vector z(static_cast<size_t>(classes));
  double loss = 0;
  const auto objective = [&](std::span<const double> p, std::span<double> gradient) {
    std::fill(gradient.begin(), gradient.end(), 0.0);
    loss = 0;
    for (int64_t i = 0; i < x.rows; ++i) {
      const double weight = options.sample_weights.empty() ? 1 : options.sample_weights[i];
      for (int64_t k = 0; k < classes; ++k) {
        z[k] = p[k * width];
        for (int64_t j = 0; j < x.cols; ++j) z[k] += p[k * width + 1 + j] * x(i, j);
      }
      const double own = z[labels[i]];
      loss += weight * (softmax(z) - own);
      for (int64_t k = 0; k < classes; ++k) {
        const double d = weight * (z[k] - (k == labels[i] ? 1 : 0));
        if (options.intercept) gradient[k * width] += d;
        for (int64_t j = 0; j < x.cols; ++j) gradient[k * width + 1 + j] += d * x(i, j);
      }
    }
    double penalty = 0;
    for (int64_t k = 0; k < classes; ++k) {
      for (int64_t j = 0; j < x.cols; ++j) {
        const double l2 = options.l2 / scaling.scale[j] / scaling.scale[j];
        penalty += 0.5 * l2 * p[k * width + 1 + j] * p[k * width + 1 + j];
        gradient[k * width + 1 + j] += l2 * p[k * width + 1 + j];
      }
    }
    return loss + penalty;
  };
  LbfgsOptions minimiser;
  minimiser.max_iterations = options.max_iterations;
  const Minimum minimum =
      minimize_lbfgs(objective, Vector(static_cast<size_t>(classes * width), 0.0), minimiser);
  Vector unused(minimum.x.size());
  objective(minimum.x, unused);  // the last evaluation may have been elsewhere
  MultinomialFit fit{Matrix(classes, x.cols), Vector(static_cast<size_t>(classes), 0.0), loss,
                     minimum.converged};
  for (int64_t k = 0; k < classes; ++k) {
    fit.intercepts[k] = minimum.x[k * width];
    for (int64_t j = 0; j < x.cols; ++j) {
      fit.weights(k, j) = minimum.x[k * width + 1 + j] / scaling.scale[j];
      fit.intercepts[k] -= fit.weights(k, j) * scaling.centre[j];
    }
  }
  for (int64_t j = 0; j < x.cols; ++j) {
    double mean = 0;
    for (int64_t k = 0; k < classes; ++k) mean += fit.weights(k, j) / static_cast<double>(classes);
    for (int64_t k = 0; k < classes; ++k) fit.weights(k, j) -= mean;
  }
  const double mean = mean_of(fit.intercepts);
  for (double& intercept : fit.intercepts) intercept -= mean;
  return fit;
}

Matrix predict_probabilities(const MultinomialFit& fit, const Matrix& x) {
  ROUX_CHECK(x.cols == fit.weights.cols) << "predict_probabilities: x is f64[" << x.rows << "," << x.cols
                                         << "], the fit has " << fit.weights.cols << " features";
  Matrix p(x.rows, fit.weights.rows);
  Vector z(static_cast<size_t>(fit.weights.rows));
  for (int64_t i = 0; i < x.rows; ++i) {
    for (int64_t k = 0; k < fit.weights.rows; ++k) {
      z[k] = fit.intercepts[k];
      for (int64_t j = 0; j < x.cols; ++j) z[k] += fit.weights(k, j) * x(i, j);
    }
    softmax(z);
    std::copy(z.begin(), z.end(), p.row(i).begin());
  }
  return p;
}

}  // namespace roux::stats
