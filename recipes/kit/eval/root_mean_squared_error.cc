#include "recipes/kit/eval/root_mean_squared_error.h"

#include <cmath>

#include "tensor/error.h"

namespace roux::kit {

double root_mean_squared_error(absl::Span<const double> truth, absl::Span<const double> predicted) {
  ROUX_CHECK(truth.size() == predicted.size() && !truth.empty())
      << "root_mean_squared_error: there are " << truth.size() << " values and " << predicted.size()
      << " predictions";
  double sum = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    ROUX_CHECK(std::isfinite(truth[i]) && std::isfinite(predicted[i]))
        << "root_mean_squared_error: pair " << i << " is " << truth[i] << ", " << predicted[i]
        << "; expected finite numbers";
    sum += (truth[i] - predicted[i]) * (truth[i] - predicted[i]);
  }
  return std::sqrt(sum / static_cast<double>(truth.size()));
}

}  // namespace roux::kit
