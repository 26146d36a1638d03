#include "recipes/kit/worlds/prompt_predictors.h"

#include <limits>

#include "recipes/kit/stats/linear_algebra.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using stats::dot;
using stats::Gaussian;
using stats::LinearPosterior;
using stats::Matrix;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// The first k pairs of a prompt.
Matrix inputs(const RegressionPrompts& prompts, int64_t row, int64_t k) {
  const auto first = prompts.x.begin() + row * prompts.length * prompts.dimension;
  return {k, prompts.dimension, {first, first + k * prompts.dimension}};
}
std::span<const double> labels(const RegressionPrompts& prompts, int64_t row, int64_t k) {
  return {prompts.y.data() + row * prompts.length, static_cast<size_t>(k)};
}

}  // namespace

std::vector<Gaussian> along_prompt(
    const RegressionPrompts& prompts, int64_t row,
    const std::function<Gaussian(int64_t t, std::span<const double> x, double y)>& f) {
  std::vector<Gaussian> out;
  for (int64_t t = 0; t < prompts.length; ++t)
    out.push_back(f(t, prompts.x_at(row, t), prompts.y_at(row, t)));
  return out;
}

std::vector<Gaussian> predict_all(const PromptPredictor& predictor, const RegressionPrompts& prompts) {
  std::vector<Gaussian> all;
  for (int64_t row = 0; row < prompts.rows(); ++row) {
    const std::vector<Gaussian> some = predictor(prompts, row);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

PromptPredictor posterior_mixture(const std::vector<LinearPosterior>& priors,
                                  const std::vector<double>& log_prior) {
  ROUX_CHECK(!priors.empty() && (log_prior.empty() || log_prior.size() == priors.size()))
      << "posterior_mixture: there are " << priors.size() << " priors and " << log_prior.size()
      << " probabilities of them";
  return [=](const RegressionPrompts& prompts, int64_t row) {
    std::vector<LinearPosterior> posteriors = priors;
    return along_prompt(prompts, row, [&](int64_t, std::span<const double> x, double y) {
      std::vector<double> evidence = log_prior;
      evidence.resize(posteriors.size());
      std::vector<Gaussian> parts;
      for (size_t i = 0; i < posteriors.size(); ++i) {
        evidence[i] += posteriors[i].log_evidence();
        parts.push_back(posteriors[i].predict(x));
        posteriors[i].observe(x, y);
      }
      return stats::mixture(evidence, parts);
    });
  };
}

PromptPredictor pool_posterior(const std::vector<LinearTask>& pool) {
  return [=](const RegressionPrompts& prompts, int64_t row) {
    std::vector<double> log_weights(pool.size());
    std::vector<Gaussian> parts(pool.size());
    return along_prompt(prompts, row, [&](int64_t, std::span<const double> x, double y) {
      for (size_t i = 0; i < pool.size(); ++i) parts[i] = {dot(pool[i].w, x), pool[i].sigma * pool[i].sigma};
      const Gaussian predicted = stats::mixture(log_weights, parts);
      for (size_t i = 0; i < pool.size(); ++i) log_weights[i] += stats::log_density(parts[i], y);
      return predicted;
    });
  };
}

PromptPredictor least_squares_predictor() {
  return [](const RegressionPrompts& prompts, int64_t row) {
    return along_prompt(prompts, row, [&](int64_t k, std::span<const double> x, double) -> Gaussian {
      const int64_t d = prompts.dimension;
      if (k <= d) return {kNone, kNone};
      const Matrix seen = inputs(prompts, row, k);
      const stats::LeastSquares fit = stats::least_squares(seen, labels(prompts, row, k));
      if (fit.rank < d) return {kNone, kNone};
      double squares = 0, leverage = 0;
      for (int64_t i = 0; i < k; ++i) {
        const double residual = prompts.y_at(row, i) - dot(fit.x, seen.row(i));
        squares += residual * residual;
      }
      for (int64_t i = 0; i < d; ++i)
        leverage += x[static_cast<size_t>(i)] * dot(fit.normal_inverse.row(i), x);
      return {dot(fit.x, x), squares / static_cast<double>(k - d) * (1 + leverage)};
    });
  };
}

PromptPredictor ridge_predictor(const std::vector<double>& penalties) {
  return [=](const RegressionPrompts& prompts, int64_t row) {
    return along_prompt(prompts, row, [&](int64_t k, std::span<const double> x, double) -> Gaussian {
      const int64_t d = prompts.dimension;
      Gaussian best{kNone, kNone};
      if (k == 0) return best;
      const Matrix seen = inputs(prompts, row, k);
      for (const double penalty : penalties) {
        Matrix normal(d, d);
        std::vector<double> xy(static_cast<size_t>(d));
        for (int64_t i = 0; i < d; ++i) normal(i, i) = penalty;
        for (int64_t n = 0; n < k; ++n) {
          for (int64_t i = 0; i < d; ++i) {
            xy[static_cast<size_t>(i)] += seen(n, i) * prompts.y_at(row, n);
            for (int64_t j = 0; j < d; ++j) normal(i, j) += seen(n, i) * seen(n, j);
          }
        }
        const Matrix inverse = stats::invert_positive_definite(normal);
        std::vector<double> w;
        for (int64_t i = 0; i < d; ++i) w.push_back(dot(inverse.row(i), xy));
        double squares = 0;  // of left-out residuals: r / (1 - h), h the leverage
        for (int64_t n = 0; n < k; ++n) {
          double h = 0;
          for (int64_t i = 0; i < d; ++i) h += seen(n, i) * dot(inverse.row(i), seen.row(n));
          const double left_out = (prompts.y_at(row, n) - dot(w, seen.row(n))) / (1 - h);
          squares += left_out * left_out;
        }
        const double variance = squares / static_cast<double>(k);
        if (!(best.variance <= variance)) best = {dot(w, x), variance};
      }
      return best;
    });
  };
}

}  // namespace roux::kit
