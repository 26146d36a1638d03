// Tests and intervals that re-use the data: bootstrap, permutation and sign-flip. Monte Carlo answers depend
// on the RandomStream alone and so repeat exactly; small problems are enumerated and need none. Misuse, and a
// statistic that is not finite on some resample, throw roux::Error.
#ifndef ROUX_RECIPES_KIT_STATS_RESAMPLING_H_
#define ROUX_RECIPES_KIT_STATS_RESAMPLING_H_

#include <cstdint>
#include <functional>
#include <span>

#include "recipes/kit/stats/intervals.h"
#include "recipes/kit/stats/random.h"

namespace roux::stats {

// A statistic of a re-sampled data set, given as indices (with repetition) into the original one.
using IndexStatistic = std::function<double(std::span<const int64_t> indices)>;

struct BootstrapOptions {
  int64_t resamples = 1000;
  double confidence = 0.95;
};

// Percentile interval of `statistic` over resamples of n units; `estimate` is the statistic of the original
// order. Quantiles interpolate linearly between order statistics. For corpus-level metrics (BLEU, F1) the
// statistic sums the sufficient counts of the chosen units. [Efron & Tibshirani 1993]
Interval bootstrap_interval(int64_t n, const IndexStatistic& statistic, RandomStream& random,
                            const BootstrapOptions& options = {});

// The same for the mean of x.
Interval bootstrap_mean(std::span<const double> x, RandomStream& random,
                        const BootstrapOptions& options = {});

struct PairedBootstrap {
  Interval difference;     // statistic of a minus statistic of b
  double share_above = 0;  // share of resamples where a is strictly above b
  double p_value =
      1;  // two-sided: 2 * min of the shares <= 0 and >= 0, each counted with one extra, at most 1
};

// Both systems on the same resamples of the n test units.                                             [Koehn
// 2004]
PairedBootstrap paired_bootstrap(int64_t n, const IndexStatistic& a, const IndexStatistic& b,
                                 RandomStream& random, const BootstrapOptions& options = {});

// For per-unit scores and their means.
PairedBootstrap paired_bootstrap_mean(std::span<const double> a, std::span<const double> b,
                                      RandomStream& random, const BootstrapOptions& options = {});

struct ResamplingTest {
  double statistic = 0;
  double p_value = 1;  // two-sided
  bool exact = false;  // every rearrangement was enumerated
  int64_t rearrangements = 0;
};

// Is the mean of paired differences 0? Signs are exchangeable under that hypothesis. Statistic: mean;
// p-value: share of sign patterns with |mean| >= the observed one. All 2^n patterns for n <= 20, else
// `resamples` random ones with (count + 1) / (resamples + 1). n >= 1.
ResamplingTest sign_flip_test(std::span<const double> differences, RandomStream& random,
                              int64_t resamples = 100000);

// Do two independent samples come from one distribution? Statistic: mean a - mean b; p-value: twice the
// smaller tail, at most 1. All C(n, |a|) splits if they are at most 200000, else random ones as above. Both
// non-empty.
ResamplingTest permutation_test(std::span<const double> a, std::span<const double> b, RandomStream& random,
                                int64_t resamples = 100000);

// Is y paired with x at random? `statistic` gets a permutation of 0 .. n-1 (which y goes with each x): a
// correlation, a Mantel or QAP coefficient. p-value: share of permutations with |statistic| >= the observed
// one. All n! for n <= 8, else random ones as above. n >= 2.
ResamplingTest pairing_test(int64_t n, const IndexStatistic& statistic, RandomStream& random,
                            int64_t resamples = 10000);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_RESAMPLING_H_
