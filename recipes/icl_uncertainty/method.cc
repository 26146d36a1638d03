#include "recipes/icl_uncertainty/method.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "nn/heads.h"
#include "recipes/kit/stats/samplers.h"
#include "tensor/error.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/regression_loss.h"
#include "tensor/ops/view.h"

namespace roux::icl_uncertainty {
namespace {

using stats::dot;
using stats::LinearPosterior;

std::vector<double> normals(int64_t count, double scale, stats::RandomStream& random) {
  std::vector<double> out;
  for (int64_t i = 0; i < count; ++i) out.push_back(scale * random.normal());
  return out;
}

}  // namespace

Task draw_task(const TaskLaw& law, stats::RandomStream& random) {
  Task task;
  if (!law.pool.empty()) {
    task = law.pool[static_cast<size_t>(random.below(static_cast<int64_t>(law.pool.size())))];
  } else if (law.sigmas.empty()) {
    task.sigma = std::sqrt(law.b / stats::sample_gamma(law.a, random));
    task.w = normals(law.dimension, task.sigma, random);
  } else if (law.tied) {
    task.w = normals(law.dimension, law.w_scale, random);
    task.sigma = law.sigmas.at(task.w[0] > 0 ? 0 : 1);
  } else {
    task.sigma = law.sigmas[static_cast<size_t>(random.below(static_cast<int64_t>(law.sigmas.size())))];
    task.w = normals(law.dimension, law.w_scale, random);
  }
  if (law.exchanged) {
    ROUX_CHECK(law.sigmas.size() == 2)
        << "draw_task: there are " << law.sigmas.size() << " sigmas, exchanged are two";
    task.sigma = task.sigma == law.sigmas[0] ? law.sigmas[1] : law.sigmas[0];
  }
  return task;
}

std::vector<Task> task_pool(int64_t n, const TaskLaw& law, uint64_t seed) {
  std::vector<Task> pool;
  for (int64_t i = 0; i < n; ++i) {
    stats::RandomStream random(seed, static_cast<uint64_t>(i));
    pool.push_back({normals(law.dimension, law.w_scale, random),
                    law.sigmas[static_cast<size_t>(i) % law.sigmas.size()]});
  }
  return pool;
}

Task add_prompt(const TaskLaw& law, stats::RandomStream& random, RegressionPrompts& prompts) {
  Task task = draw_task(law, random);
  const double scale = law.x_low + (law.x_high - law.x_low) * random.uniform();
  std::vector<double> x, y;
  for (int64_t t = 0; t < prompts.length; ++t) {
    std::vector<double> xt = normals(law.dimension, scale, random);
    for (double& value : xt) value += law.x_mean;
    y.push_back(dot(task.w, xt) + task.sigma * random.normal());
    x.insert(x.end(), xt.begin(), xt.end());
  }
  prompts.add(x, y);
  return task;
}

Predictor bayes_discrete(const std::vector<double>& sigmas, int64_t dimension, double w_scale) {
  std::vector<LinearPosterior> priors;
  for (const double s : sigmas) priors.push_back(LinearPosterior::standard(dimension, s * s, w_scale));
  return kit::posterior_mixture(priors);
}

Predictor bayes_inverse_gamma(double a, double b) {
  ROUX_CHECK(a > 1 && b > 0) << "bayes_inverse_gamma: a is " << a << ", b is " << b
                             << "; needed a > 1, for a variance, and b > 0";
  return [=](const RegressionPrompts& prompts, int64_t row) {
    LinearPosterior unit = LinearPosterior::standard(prompts.dimension, 1);  // of w and noise over sigma
    double shape = a, rate = b;
    return kit::along_prompt(prompts, row, [&](int64_t, std::span<const double> x, double y) {
      const Gaussian next = unit.predict(x);
      const Gaussian predicted{next.mean, rate / (shape - 1) * next.variance};
      unit.observe(x, y);
      shape += 0.5;
      rate += (y - next.mean) * (y - next.mean) / (2 * next.variance);
      return predicted;
    });
  };
}

// With z = mean / sqrt(variance): probability Phi(z), mean z + h and variance 1 - h (z + h) in units of the
// deviation, h = phi(z) / Phi(z). Far below 0 all three cancel; there z + h is Laplace's continued fraction.
PositivePart positive_part(double mean, double variance) {
  const double deviation = std::sqrt(variance), z = mean / deviation;
  const double log_phi = -0.5 * z * z - 0.5 * std::log(2 * std::numbers::pi);
  double log_probability, h, sum;  // sum: z + h
  if (z > -2) {
    log_probability = std::log(0.5 * std::erfc(-z / std::numbers::sqrt2));
    h = std::exp(log_phi - log_probability);
    sum = z + h;
  } else {
    double fraction = 0;
    for (int64_t i = 200; i >= 1; --i) fraction = static_cast<double>(i) / (-z + fraction);
    sum = fraction, h = -z + fraction;
    log_probability = log_phi - std::log(h);
  }
  return {log_probability, deviation * sum, variance * (1 - h * sum)};
}

Predictor bayes_tied(double plus_sigma, double minus_sigma) {
  return [=](const RegressionPrompts& prompts, int64_t row) {
    LinearPosterior plus = LinearPosterior::standard(prompts.dimension, plus_sigma * plus_sigma);
    LinearPosterior minus = LinearPosterior::standard(prompts.dimension, minus_sigma * minus_sigma);
    return kit::along_prompt(prompts, row, [&](int64_t, std::span<const double> x, double y) {
      std::vector<double> evidence;
      std::vector<Gaussian> parts;
      for (LinearPosterior* posterior : {&plus, &minus}) {
        const double sign = posterior == &plus ? 1 : -1;
        const double m1 = posterior->mean()[0], p11 = posterior->covariance()(0, 0);
        const PositivePart w1 = positive_part(sign * m1, p11);              // of sign * w_1
        const double slope = dot(posterior->covariance().row(0), x) / p11;  // of w . x on w_1
        Gaussian label = posterior->predict(x);
        label.mean += slope * (sign * w1.mean - m1);
        label.variance += slope * slope * (w1.variance - p11);
        evidence.push_back(posterior->log_evidence() + w1.log_probability);
        parts.push_back(label);
        posterior->observe(x, y);
      }
      return stats::mixture(evidence, parts);
    });
  };
}

Predictor bayes_of(const TaskLaw& law) {
  ROUX_CHECK(!law.exchanged) << "bayes_of: exchanged pairs have no prior of their own";
  ROUX_CHECK(law.w_scale == 1 || !(law.tied || law.sigmas.empty()))
      << "bayes_of: w_scale is " << law.w_scale << ", which only the discrete prior knows";
  if (!law.pool.empty()) return kit::pool_posterior(law.pool);
  if (law.sigmas.empty()) return bayes_inverse_gamma(law.a, law.b);
  return law.tied ? bayes_tied(law.sigmas.at(0), law.sigmas.at(1))
                  : bayes_discrete(law.sigmas, law.dimension, law.w_scale);
}

Tensor sigma_of(const Tensor& outputs) {
  return gaussian_scale(outputs.slice(2, 1, 2).squeeze(2), kSigmaFloor);
}

Tensor objective_loss(Objective objective, const Tensor& outputs, const Tensor& y) {
  const Tensor mean = outputs.slice(2, 0, 1).squeeze(2);
  if (objective == Objective::kMean) return mse_loss(mean, y);
  const Tensor sigma = sigma_of(outputs);
  return gaussian_nll_loss(mean, y, sigma * sigma);
}

double nll(const Gaussian& predicted, double y) {
  const double error = y - predicted.mean;
  return 0.5 * (std::log(predicted.variance) + error * error / predicted.variance);
}

}  // namespace roux::icl_uncertainty
