#include "recipes/kit/run/measurement.h"

#include <cmath>

#include "recipes/kit/stats/intervals.h"
#include "tensor/error.h"

namespace roux::kit {

Measurement single(double value) { return {value, std::nullopt, {}}; }

Measurement over_seeds(const std::vector<uint64_t>& seeds, const std::vector<double>& values) {
  ROUX_CHECK(seeds.size() == values.size() && !values.empty())
      << "over_seeds: one value a seed is needed: " << seeds.size() << " seeds, " << values.size()
      << " values";
  for (size_t i = 0; i < values.size(); ++i) {
    ROUX_CHECK(std::isfinite(values[i]))
        << "over_seeds: the value of seed " << seeds[i] << " is " << values[i];
  }
  if (values.size() == 1) return {values[0], std::nullopt, seeds};
  const stats::Interval interval = stats::student_interval(values);
  return {interval.estimate, Interval{interval.low, interval.high}, seeds};
}

Measurement paired(const std::vector<uint64_t>& seeds, const std::vector<double>& a,
                   const std::vector<double>& b) {
  ROUX_CHECK(a.size() == b.size()) << "paired: sizes differ: " << a.size() << " and " << b.size();
  std::vector<double> differences;
  for (size_t i = 0; i < a.size(); ++i) differences.push_back(a[i] - b[i]);
  return over_seeds(seeds, differences);
}

}  // namespace roux::kit
