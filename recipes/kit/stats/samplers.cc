#include "recipes/kit/stats/samplers.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "recipes/kit/stats/check.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

// Sums 0 < c_0 <= ... <= c_{n-1} = 1 of weights divided by their total.
std::vector<double> cumulative_shares(std::span<const double> weights) {
  std::vector<double> sums;
  double sum = 0;
  for (double w : weights) sums.push_back(sum += w);
  for (double& s : sums) s /= sum;
  return sums;
}

// The first i with u < sums[i]; weights of 0 are never chosen, not even by a u that was rounded up to 1.
int64_t pick(const std::vector<double>& sums, double u) {
  return std::upper_bound(sums.begin(), sums.end(), std::min(u, 1 - 0x1p-53)) - sums.begin();
}

// log of a Gamma(shape, 1) draw.
double sample_log_gamma(double shape, RandomStream& random) {
  if (shape < 1) return sample_log_gamma(shape + 1, random) + std::log(random.uniform_positive()) / shape;
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double z = random.normal();
    const double root = 1 + c * z;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(random.uniform_positive()) < 0.5 * z * z + d - d * v + d * std::log(v))
      return std::log(d * v);
  }
}

// 0.b0 b1 b2 ... for index = ... b2 b1 b0: the van der Corput sequence.
double reversed_bits(uint64_t index) {
  uint64_t reversed = 0;
  for (int i = 0; i < 53; ++i) reversed = (reversed << 1) | ((index >> i) & 1);
  return static_cast<double>(reversed) * 0x1p-53;
}

void check_weights(std::span<const double> weights, const char* name) {
  check_sample(weights, 1, name);
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    ROUX_CHECK(weights[i] >= 0) << name << ": weight " << i << " is " << weights[i] << ", needed >= 0";
    sum += weights[i];
  }
  ROUX_CHECK(sum > 0 && std::isfinite(sum))
      << name << ": weights add up to " << sum << ", needed a finite sum > 0";
}

}  // namespace

double sample_gamma(double shape, RandomStream& random) {
  ROUX_CHECK(shape > 0 && std::isfinite(shape)) << "sample_gamma: shape is " << shape << ", needed > 0";
  return std::exp(sample_log_gamma(shape, random));
}

std::vector<double> sample_dirichlet(std::span<const double> alpha, RandomStream& random) {
  check_sample(alpha, 1, "sample_dirichlet");
  std::vector<double> x(alpha.size());
  double largest = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < alpha.size(); ++i) {
    // log(uniform) / alpha must stay finite.
    ROUX_CHECK(alpha[i] >= 1e-300) << "sample_dirichlet: alpha[" << i << "] is " << alpha[i]
                                   << ", needed at least 1e-300";
    x[i] = sample_log_gamma(alpha[i], random);
    largest = std::max(largest, x[i]);
  }
  double sum = 0;
  for (double& v : x) sum += v = std::exp(v - largest);
  for (double& v : x) v /= sum;
  return x;
}

ZipfSampler::ZipfSampler(int64_t n, double exponent) : exponent_(exponent) {
  ROUX_CHECK(n >= 1 && exponent >= 0 && std::isfinite(exponent))
      << "ZipfSampler: n is " << n << ", exponent is " << exponent << ", needed n >= 1 and exponent >= 0";
  std::vector<double> weights(n);
  for (int64_t k = 0; k < n; ++k) weights[k] = std::pow(static_cast<double>(k + 1), -exponent);
  cumulative_ = cumulative_shares(weights);
  first_ = cumulative_[0];
}

int64_t ZipfSampler::operator()(RandomStream& random) const {
  return 1 + pick(cumulative_, random.uniform());
}

double ZipfSampler::probability(int64_t rank) const {
  if (rank < 1 || rank > static_cast<int64_t>(cumulative_.size())) return 0;
  return first_ * std::pow(static_cast<double>(rank), -exponent_);
}

AliasSampler::AliasSampler(std::span<const double> weights)
    : own_(weights.size(), 1), alias_(weights.size()) {
  check_weights(weights, "AliasSampler");
  const int64_t n = static_cast<int64_t>(weights.size());
  double sum = 0;
  for (double w : weights) sum += w;
  // Columns of height 1 hold n p_i; what one lacks comes from one that has too much.
  std::vector<int64_t> small, large;
  for (int64_t i = 0; i < n; ++i) {
    alias_[i] = i;
    own_[i] = weights[i] / sum * static_cast<double>(n);
    (own_[i] < 1 ? small : large).push_back(i);
  }
  while (!small.empty() && !large.empty()) {
    const int64_t low = small.back(), high = large.back();
    small.pop_back();
    alias_[low] = high;
    own_[high] -= 1 - own_[low];
    if (own_[high] >= 1) continue;
    large.pop_back();
    small.push_back(high);
  }
  // Left over by rounding: full columns. One without weight keeps the largest as its alias.
  const int64_t largest = std::max_element(weights.begin(), weights.end()) - weights.begin();
  for (const std::vector<int64_t>* rest : {&small, &large}) {
    for (int64_t i : *rest) {
      own_[i] = weights[i] > 0 ? 1 : 0;
      if (weights[i] == 0) alias_[i] = largest;
    }
  }
}

int64_t AliasSampler::operator()(RandomStream& random) const {
  const int64_t column = random.below(static_cast<int64_t>(own_.size()));
  return random.uniform() < own_[column] ? column : alias_[column];
}

std::vector<double> temperature_shares(std::span<const double> sizes, double temperature) {
  check_weights(sizes, "temperature_shares");
  ROUX_CHECK(temperature > 0) << "temperature_shares: temperature is " << temperature << ", needed > 0";
  const double largest = *std::max_element(sizes.begin(), sizes.end());
  std::vector<double> shares(sizes.size());
  double sum = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    shares[i] = sizes[i] > 0 ? std::pow(sizes[i] / largest, 1 / temperature) : 0;
    sum += shares[i];
  }
  for (double& share : shares) share /= sum;
  return shares;
}

MixtureSampler::MixtureSampler(std::span<const double> shares, uint64_t seed, int64_t block)
    : seed_(seed), block_(block) {
  check_weights(shares, "MixtureSampler");
  ROUX_CHECK(block >= 1) << "MixtureSampler: block is " << block << ", needed >= 1";
  cumulative_ = cumulative_shares(shares);
  double sum = 0;
  for (double w : shares) sum += w;
  for (double w : shares) shares_.push_back(w / sum);
}

int64_t MixtureSampler::operator()(int64_t index) const {
  ROUX_CHECK(index >= 0) << "MixtureSampler: index is " << index << ", needed >= 0";
  const int64_t block = index / block_;
  // Systematic sampling: the block's items take the points (k + offset) / block_ of [0, 1), k = 0 .. block_ -
  // 1, in random order. The offsets of 2^m consecutive blocks from the start are 2^m equidistant points, so
  // that all their items together are equidistant too, and intervals of length share hold the right number of
  // them.
  RandomStream shift(seed_, 0);
  double offset = reversed_bits(static_cast<uint64_t>(block)) + shift.uniform();
  offset -= std::floor(offset);
  RandomStream random(seed_, static_cast<uint64_t>(block) + 1);
  const int64_t k = random_permutation(block_, random)[index % block_];
  return pick(cumulative_, (static_cast<double>(k) + offset) / static_cast<double>(block_));
}

}  // namespace roux::stats
