#include "recipes/kit/stats/check.h"

#include <cmath>

#include "tensor/error.h"

namespace roux::stats {

void check_sample(std::span<const double> x, int64_t least, const char* function) {
  ROUX_CHECK(static_cast<int64_t>(x.size()) >= least)
      << function << ": too few values: got " << x.size() << ", needed at least " << least;
  for (size_t i = 0; i < x.size(); ++i) {
    ROUX_CHECK(std::isfinite(x[i])) << function << ": value " << i << " is " << x[i]
                                    << ", needed finite values";
  }
}

void check_same_length(std::span<const double> x, std::span<const double> y, int64_t least,
                       const char* function) {
  ROUX_CHECK(x.size() == y.size()) << function << ": samples differ in length: " << x.size() << " and "
                                   << y.size();
  check_sample(x, least, function);
  check_sample(y, least, function);
}

void check_confidence(double confidence, const char* function) {
  ROUX_CHECK(confidence > 0 && confidence < 1)
      << function << ": confidence is " << confidence << ", needed a value inside (0, 1)";
}

}  // namespace roux::stats
