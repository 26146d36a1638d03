#include "recipes/kit/stats/intervals.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "recipes/kit/stats/check.h"
#include "recipes/kit/stats/distributions.h"
#include "recipes/kit/stats/moments.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

// estimate and variance are in `unit`.
Interval around(double estimate, double variance, double degrees, double confidence, double unit) {
  // The variance is 0 when all values are equal; no quantile is needed (and Welch's degrees are 0/0) then.
  const double half =
      variance == 0 ? 0 : student_quantile(0.5 + confidence / 2, degrees) * std::sqrt(variance);
  return {estimate * unit, (estimate - half) * unit, (estimate + half) * unit};
}

}  // namespace

Interval student_interval(std::span<const double> x, double confidence) {
  check_sample(x, 2, "student_interval");
  check_confidence(confidence, "student_interval");
  const double unit = unit_of(x);
  const Moments m = moments(x, unit);
  return around(m.mean, m.variance_of_mean, static_cast<double>(x.size()) - 1, confidence, unit);
}

Interval paired_interval(std::span<const double> a, std::span<const double> b, double confidence) {
  check_same_length(a, b, 2, "paired_interval");
  std::vector<double> differences(a.size());
  for (size_t i = 0; i < a.size(); ++i) differences[i] = a[i] - b[i];
  return student_interval(differences, confidence);
}

Interval welch_interval(std::span<const double> a, std::span<const double> b, double confidence) {
  check_sample(a, 2, "welch_interval");
  check_sample(b, 2, "welch_interval");
  check_confidence(confidence, "welch_interval");
  const double unit = std::max(unit_of(a), unit_of(b));
  const Moments ma = moments(a, unit);
  const Moments mb = moments(b, unit);
  return around(ma.mean - mb.mean, ma.variance_of_mean + mb.variance_of_mean,
                welch_degrees(ma, static_cast<double>(a.size()), mb, static_cast<double>(b.size())),
                confidence, unit);
}

Interval wilson_interval(int64_t successes, int64_t trials, double confidence) {
  ROUX_CHECK(trials >= 1 && successes >= 0 && successes <= trials)
      << "wilson_interval: successes are " << successes << " of " << trials
      << ", needed trials >= 1 and 0 <= successes <= trials";
  check_confidence(confidence, "wilson_interval");
  const auto n = static_cast<double>(trials);
  const double share = static_cast<double>(successes) / n;
  const double z = normal_quantile(0.5 + confidence / 2);
  const double centre = (share + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z / (1 + z * z / n) * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  // At the ends the formula touches 0 or 1 exactly; rounding must not leave it a hair inside.
  return {share, successes == 0 ? 0 : centre - half, successes == trials ? 1 : centre + half};
}

}  // namespace roux::stats
