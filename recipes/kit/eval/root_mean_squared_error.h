// Root mean squared error of predictions. Pure. R^2 and relative errors are in stats/regression.h.
#ifndef ROUX_RECIPES_KIT_EVAL_ROOT_MEAN_SQUARED_ERROR_H_
#define ROUX_RECIPES_KIT_EVAL_ROOT_MEAN_SQUARED_ERROR_H_

#include "absl/types/span.h"

namespace roux::kit {

// In the unit of the values. Lists of different length, empty ones and values that are not finite are misuse
// (Error).
double root_mean_squared_error(absl::Span<const double> truth, absl::Span<const double> predicted);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_ROOT_MEAN_SQUARED_ERROR_H_
