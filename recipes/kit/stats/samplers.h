// Random draws that recipes mix data with: gamma, Dirichlet, Zipf, and domain mixtures with temperature.
// Every draw comes from a RandomStream or a seed and repeats exactly. Parameters out of range throw
// roux::Error.
#ifndef ROUX_RECIPES_KIT_STATS_SAMPLERS_H_
#define ROUX_RECIPES_KIT_STATS_SAMPLERS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "recipes/kit/stats/random.h"

namespace roux::stats {

// Gamma(shape, 1), shape > 0 (a draw may underflow to 0 for tiny ones); below 1 through shape + 1 and a power
// of a uniform.          [Marsaglia & Tsang 2000]
double sample_gamma(double shape, RandomStream& random);

// A point of the simplex with density ~ prod x_i^(alpha_i - 1); all alpha >= 1e-300. Small alphas do not
// underflow: the normalisation happens on logarithms.
std::vector<double> sample_dirichlet(std::span<const double> alpha, RandomStream& random);

// Ranks 1 .. n with probability ~ rank^-exponent, by inverse transform of a table: O(n) to build, O(log n) a
// draw.
class ZipfSampler {
 public:
  ZipfSampler(int64_t n, double exponent);  // n >= 1, exponent >= 0 (0: uniform)
  int64_t operator()(RandomStream& random) const;
  double probability(int64_t rank) const;

 private:
  double exponent_;
  double first_ = 0;  // probability of rank 1
  std::vector<double> cumulative_;
};

// Indices 0 .. n-1 with probability ~ weights[i]: O(n) to build, O(1) a draw.          [Walker 1977; Vose
// 1991]
class AliasSampler {
 public:
  explicit AliasSampler(std::span<const double> weights);  // >= 0, not all 0
  int64_t operator()(RandomStream& random) const;

 private:
  std::vector<double> own_;     // share of column i that is i's own
  std::vector<int64_t> alias_;  // whose the rest is
};

// Shares p_i ~ size_i^(1 / temperature): 1 keeps the sizes' proportions, larger is flatter, infinity is
// uniform. Sizes >= 0, not all 0 (an empty domain gets 0); temperature > 0.
std::vector<double> temperature_shares(std::span<const double> sizes, double temperature);

// Which domain the i-th item of a run comes from: a pure function of (seed, i), so loaders resume, skip and
// split it over ranks without state. Shares are exact, not only expected: in each block of `block` items
// every domain appears floor or ceil of its share times block, and over every 2^m blocks from the start its
// count is within 1 of share * 2^m * block. Inside a block the order is random. Thread-safe.
class MixtureSampler {
 public:
  // shares: >= 0, not all 0 (normalised here); block >= 1.
  MixtureSampler(std::span<const double> shares, uint64_t seed, int64_t block = 64);
  int64_t operator()(int64_t index) const;  // domain of item `index` >= 0
  const std::vector<double>& shares() const { return shares_; }

 private:
  std::vector<double> shares_;
  std::vector<double> cumulative_;
  uint64_t seed_;
  int64_t block_;
};

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_SAMPLERS_H_
