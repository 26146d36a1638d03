// Non-negative least squares.
#ifndef ROUX_RECIPES_KIT_STATS_NNLS_H_
#define ROUX_RECIPES_KIT_STATS_NNLS_H_

#include <span>
#include <vector>

#include "recipes/kit/stats/matrix.h"

namespace roux::stats {

// argmin |A x - b| over x >= 0, by the active-set method of Lawson & Hanson (1974, chapter 23) with QR on the
// passive columns. a: [rows, cols], rows >= 1; b: [rows]; finite values, else roux::Error. Columns of zeros
// get 0. Thread-safe.
std::vector<double> nnls(const Matrix& a, std::span<const double> b);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_NNLS_H_
