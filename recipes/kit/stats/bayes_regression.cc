#include "recipes/kit/stats/bayes_regression.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "tensor/error.h"

namespace roux::stats {
namespace {

constexpr double kMostCertain = 1e-10;  // share of a variance that one pair may leave

}  // namespace

double dot(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

double log_density(const Gaussian& g, double y) {
  const double error = y - g.mean;
  return -0.5 * (std::log(2 * std::numbers::pi * g.variance) + error * error / g.variance);
}

LinearPosterior::LinearPosterior(std::vector<double> mean, Matrix covariance, double noise)
    : mean_(std::move(mean)), covariance_(std::move(covariance)), noise_(noise) {
  const auto d = static_cast<int64_t>(mean_.size());
  ROUX_CHECK(covariance_.rows == d && covariance_.cols == d && noise_ > 0)
      << "LinearPosterior: " << d << " means, covariance [" << covariance_.rows << "," << covariance_.cols
      << "], noise " << noise_ << ": needed a square covariance of that size and noise above 0";
}

LinearPosterior LinearPosterior::standard(int64_t dimension, double noise, double scale) {
  Matrix covariance(dimension, dimension);
  for (int64_t i = 0; i < dimension; ++i) covariance(i, i) = scale * scale;
  return {std::vector<double>(static_cast<size_t>(dimension)), std::move(covariance), noise};
}

std::vector<double> LinearPosterior::times_covariance(std::span<const double> x) const {
  ROUX_CHECK(x.size() == mean_.size())
      << "LinearPosterior: x has " << x.size() << " values, needed " << mean_.size();
  std::vector<double> out(x.size());
  for (size_t i = 0; i < x.size(); ++i) out[i] = dot(covariance_.row(static_cast<int64_t>(i)), x);
  return out;
}

Gaussian LinearPosterior::predict(std::span<const double> x) const {
  return {dot(mean_, x), dot(times_covariance(x), x) + noise_};
}

void LinearPosterior::observe(std::span<const double> x, double y) {
  const std::vector<double> px = times_covariance(x);
  const Gaussian label{dot(mean_, x), dot(px, x) + noise_};
  log_evidence_ += log_density(label, y);
  for (size_t i = 0; i < px.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    const double gain = px[i] / label.variance, before = covariance_(row, row);
    mean_[i] += gain * (y - label.mean);
    for (size_t j = 0; j < px.size(); ++j) covariance_(row, static_cast<int64_t>(j)) -= gain * px[j];
    ROUX_CHECK(before == 0 || covariance_(row, row) > kMostCertain * before)
        << "LinearPosterior: the variance of weight " << i + 1 << " would fall from " << before << " to "
        << covariance_(row, row) << ": x is too large beside the noise's deviation of " << std::sqrt(noise_);
  }
}

std::vector<double> normalized_weights(std::span<const double> log_weights) {
  ROUX_CHECK(!log_weights.empty()) << "normalized_weights: there are no weights";
  const double largest = *std::max_element(log_weights.begin(), log_weights.end());
  ROUX_CHECK(std::isfinite(largest)) << "normalized_weights: the largest logarithm is " << largest;
  std::vector<double> weights;
  double sum = 0;
  for (const double log_weight : log_weights) {
    weights.push_back(std::exp(log_weight - largest));
    sum += weights.back();
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

Gaussian mixture(std::span<const double> log_weights, std::span<const Gaussian> components) {
  ROUX_CHECK(log_weights.size() == components.size())
      << "mixture: there are " << log_weights.size() << " weights of " << components.size() << " components";
  const std::vector<double> g = normalized_weights(log_weights);
  Gaussian mixed{0, 0};
  for (size_t i = 0; i < g.size(); ++i) mixed.mean += g[i] * components[i].mean;
  for (size_t i = 0; i < g.size(); ++i) {
    const double distance = components[i].mean - mixed.mean;
    mixed.variance += g[i] * (components[i].variance + distance * distance);
  }
  return mixed;
}

}  // namespace roux::stats
