#include "recipes/kit/stats/moments.h"

#include <algorithm>
#include <cmath>

namespace roux::stats {
namespace {

// Summed as differences from the first value: equal values give 0, whatever n times them rounds to.
double mean_in(std::span<const double> x, double unit) {
  const double origin = x[0] / unit;
  double sum = 0;
  for (double v : x) sum += v / unit - origin;
  return origin + sum / static_cast<double>(x.size());
}

}  // namespace

double unit_of(std::span<const double> x) {
  double largest = 0;
  for (double v : x) largest = std::max(largest, std::abs(v));
  return largest > 0 ? std::ldexp(1.0, std::ilogb(largest)) : 1;
}

double mean_of(std::span<const double> x) {
  const double unit = unit_of(x);
  return mean_in(x, unit) * unit;
}

Moments moments(std::span<const double> x, double unit) {
  const auto n = static_cast<double>(x.size());
  Moments m{.mean = mean_in(x, unit)};
  double squares = 0;
  for (double v : x) squares += (v / unit - m.mean) * (v / unit - m.mean);
  m.variance_of_mean = squares / (n - 1) / n;
  return m;
}

double welch_degrees(const Moments& a, double size_a, const Moments& b, double size_b) {
  const double share_a = a.variance_of_mean / (a.variance_of_mean + b.variance_of_mean);
  const double share_b = b.variance_of_mean / (a.variance_of_mean + b.variance_of_mean);
  return 1 / (share_a * share_a / (size_a - 1) + share_b * share_b / (size_b - 1));
}

}  // namespace roux::stats
