// What a claim is judged by: a value over seeds with its 95 % Student interval.
//
//   Measurement gap = paired(seeds, loss_baseline, loss_method);   // mean of baseline - method, seed by seed
//   gap.value, gap.interval->low
#ifndef ROUX_RECIPES_KIT_RUN_MEASUREMENT_H_
#define ROUX_RECIPES_KIT_RUN_MEASUREMENT_H_

#include <cstdint>
#include <optional>
#include <vector>

namespace roux::kit {

struct Interval {
  double low = 0;
  double high = 0;
};

// A measured number. `interval` is absent when the number is not a sample (recomputed from published data, or
// exact).
struct Measurement {
  double value = 0;
  std::optional<Interval> interval;
  std::vector<uint64_t> seeds;
};

// A number without spread: a closed form, or a fit to published data.
Measurement single(double value);

// Mean over seeds with the two-sided 95 % interval mean +- t(0.975, n-1) * s / sqrt(n), s the sample standard
// deviation. With one seed the interval is absent. Throws Error if the sizes differ, are 0 or a value is not
// finite.
Measurement over_seeds(const std::vector<uint64_t>& seeds, const std::vector<double>& values);

// over_seeds of a[i] - b[i]: what seeds have in common (initial weights, data order) cancels.
Measurement paired(const std::vector<uint64_t>& seeds, const std::vector<double>& a,
                   const std::vector<double>& b);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_MEASUREMENT_H_
