// What a claim is judged by: a value over units with its interval. What trains has seeds as units, what
// trains nothing has items: questions, documents, languages.
//
//   Measurement gap = paired(seeds, loss_baseline, loss_method);   // mean of baseline - method, seed by seed
//   Measurement accuracy = over_items(scores, {.unit = "question"});
//   Measurement share = measured(stats::wilson_interval(9, 12), "question", 12);
//
// Trained arms that are scored on items: the mean over items of each seed, over_seeds.
#ifndef ROUX_RECIPES_KIT_RUN_MEASUREMENT_H_
#define ROUX_RECIPES_KIT_RUN_MEASUREMENT_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "recipes/kit/stats/intervals.h"

namespace roux::kit {

struct Interval {
  double low = 0;
  double high = 0;
};

// The values that a quantity can have at all: {0, 1} for an accuracy, {.high = 1} for R^2.
struct Bounds {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

// A measured number. `interval` is absent when the number is not a sample (recomputed from published data, or
// exact).
struct Measurement {
  double value = 0;
  std::optional<Interval> interval;
  std::vector<uint64_t> seeds;
  std::string unit = "seed";  // of what there are `units`; empty for a number that is no sample
  int64_t units = 0;          // where the unit is not the seed
  // How many units there are: seeds, or `units`.
  int64_t unit_count() const { return unit == "seed" ? static_cast<int64_t>(seeds.size()) : units; }
};

// A number without spread: a closed form, or a fit to published data.
Measurement single(double value);

// Mean over seeds with the two-sided 95 % interval mean +- t(0.975, n-1) * s / sqrt(n), s the sample standard
// deviation. Of a bounded quantity the interval is cut at the bounds: the mean of such a quantity lies within
// them, so that what is cut off never held it and the coverage stays the same. With one seed the interval is
// absent. Throws Error if the sizes differ, are 0 or a value is not finite or out of bounds.
Measurement over_seeds(const std::vector<uint64_t>& seeds, const std::vector<double>& values,
                       const Bounds& bounds = {});

// over_seeds of a[i] - b[i]: what seeds have in common (initial weights, data order) cancels. `bounds` are
// those of the difference: {-1, 1} for two accuracies.
Measurement paired(const std::vector<uint64_t>& seeds, const std::vector<double>& a,
                   const std::vector<double>& b, const Bounds& bounds = {});

struct ItemOptions {
  std::string unit;  // "question", "document": what an item is, or a group of them
  // Of each item, where items of one group are alike: groups are drawn, not items.
  std::vector<int64_t> group = {};
  double confidence = 0.95;
};

// Mean over items with its percentile bootstrap interval (4000 resamples, always the same ones). Drawn groups
// bring all their items, and the mean is that of the items drawn. Throws Error when there are no scores, one
// is not finite, the unit has no name or is the seed, or the groups are not as many as the scores.
Measurement over_items(const std::vector<double>& scores, const ItemOptions& options);

// over_items of a[i] - b[i]: two systems on the same items.
Measurement paired_items(const std::vector<double>& a, const std::vector<double>& b,
                         const ItemOptions& options);

// Any interval of stats/ over `units` units: Wilson's of a share, a bootstrap of BLEU or of an AUC.
Measurement measured(const stats::Interval& interval, const std::string& unit, int64_t units);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_MEASUREMENT_H_
