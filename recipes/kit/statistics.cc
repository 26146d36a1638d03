#include "recipes/kit/statistics.h"

#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>

#include "tensor/error.h"

namespace roux::kit {

double student_quantile(double confidence, int degrees) {
  return boost::math::quantile(boost::math::students_t(degrees), 0.5 + confidence / 2);
}

double mean(const std::vector<double>& values) {
  ROUX_CHECK(!values.empty()) << "mean: no values";
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double sample_stddev(const std::vector<double>& values) {
  const double center = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - center) * (value - center);
  return values.size() < 2 ? 0 : std::sqrt(squares / static_cast<double>(values.size() - 1));
}

Measurement single(double value) { return {value, std::nullopt, {}}; }

Measurement over_seeds(const std::vector<uint64_t>& seeds, const std::vector<double>& values) {
  ROUX_CHECK(seeds.size() == values.size() && !values.empty())
      << "over_seeds: one value a seed is needed: " << seeds.size() << " seeds, " << values.size()
      << " values";
  for (size_t i = 0; i < values.size(); ++i) {
    ROUX_CHECK(std::isfinite(values[i]))
        << "over_seeds: the value of seed " << seeds[i] << " is " << values[i];
  }
  Measurement result{mean(values), std::nullopt, seeds};
  if (values.size() < 2) return result;
  const int degrees = static_cast<int>(values.size()) - 1;
  const double half =
      student_quantile(0.95, degrees) * sample_stddev(values) / std::sqrt(static_cast<double>(values.size()));
  result.interval = Interval{result.value - half, result.value + half};
  return result;
}

Measurement paired(const std::vector<uint64_t>& seeds, const std::vector<double>& a,
                   const std::vector<double>& b) {
  ROUX_CHECK(a.size() == b.size()) << "paired: sizes differ: " << a.size() << " and " << b.size();
  std::vector<double> differences;
  for (size_t i = 0; i < a.size(); ++i) differences.push_back(a[i] - b[i]);
  return over_seeds(seeds, differences);
}

}  // namespace roux::kit
