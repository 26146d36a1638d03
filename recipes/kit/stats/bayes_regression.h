// Bayesian linear regression with known noise, exact, one pair after the other; and mixtures of its
// predictions. All in f64.
//
//   LinearPosterior posterior = LinearPosterior::standard(/*dimension=*/2, /*noise=*/0.25);
//   const Gaussian next = posterior.predict(x);      // of the label, noise included
//   posterior.observe(x, y);
//   posterior.log_evidence()                         // ln p(all labels seen), for weights of a mixture
#ifndef ROUX_RECIPES_KIT_STATS_BAYES_REGRESSION_H_
#define ROUX_RECIPES_KIT_STATS_BAYES_REGRESSION_H_

#include <cstdint>
#include <span>
#include <vector>

#include "recipes/kit/stats/matrix.h"

namespace roux::stats {

struct Gaussian {
  double mean = 0, variance = 1;
};
double log_density(const Gaussian& g, double y);
double dot(std::span<const double> a, std::span<const double> b);

// y = w . x + sqrt(noise) e, e ~ N(0, 1), w ~ N(mean, covariance). Throws Error for sizes that do not fit and
// unless noise > 0. The covariance may be singular: what the prior knows exactly stays.
class LinearPosterior {
 public:
  LinearPosterior(std::vector<double> mean, Matrix covariance, double noise);
  // w ~ N(0, scale^2 I).
  static LinearPosterior standard(int64_t dimension, double noise, double scale = 1);

  Gaussian predict(std::span<const double> x) const;  // N(m . x, x' P x + noise)
  // The update of Kalman: m += P x (y - m . x) / v, P -= P x (P x)' / v, v the variance of predict(x).
  // Throws Error where the difference would lose ten of f64's digits: x about 1e5 deviations of the noise.
  void observe(std::span<const double> x, double y);

  const std::vector<double>& mean() const { return mean_; }
  const Matrix& covariance() const { return covariance_; }
  double noise() const { return noise_; }
  double log_evidence() const { return log_evidence_; }

 private:
  std::vector<double> times_covariance(std::span<const double> x) const;
  std::vector<double> mean_;
  Matrix covariance_;
  double noise_;
  double log_evidence_ = 0;
};

// softmax: weights that sum to 1. Throws Error unless one is above -inf.
std::vector<double> normalized_weights(std::span<const double> log_weights);

// Mean and variance of the mixture sum_i g_i N(m_i, v_i) with g = normalized_weights(log_weights): its
// variance is sum_i g_i (v_i + (m_i - mean)^2). Throws Error for sizes that differ.
Gaussian mixture(std::span<const double> log_weights, std::span<const Gaussian> components);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_BAYES_REGRESSION_H_
