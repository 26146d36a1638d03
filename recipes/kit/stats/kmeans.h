// k-means clustering by Lloyd's iterations in f64. Deterministic given the RandomStream; bad input throws
// roux::Error.
#ifndef ROUX_RECIPES_KIT_STATS_KMEANS_H_
#define ROUX_RECIPES_KIT_STATS_KMEANS_H_

#include <cstdint>
#include <vector>

#include "recipes/kit/stats/matrix.h"
#include "recipes/kit/stats/random.h"

namespace roux::stats {

struct KMeansOptions {
  int64_t max_iterations = 300;
  int64_t restarts = 4;  // runs from different starts; the one with the smallest inertia is returned
};

struct KMeans {
  Matrix centres;               // [clusters, features]
  std::vector<int64_t> labels;  // cluster of each row; equal distances go to the lower index
  double inertia = 0;           // sum of squared distances of rows to their centres
  int64_t iterations = 0;
  bool converged = false;  // labels or centres no longer change
};

// Starts from k-means++ seeds [Arthur & Vassilvitskii 2007]. 1 <= clusters <= rows.
KMeans kmeans(const Matrix& x, int64_t clusters, RandomStream& random, const KMeansOptions& options = {});

// Starts from these centres [clusters, features]. A cluster that loses all its rows takes the row that is
// farthest from its own centre.
KMeans kmeans_from(const Matrix& x, Matrix centres, int64_t max_iterations = 300);

// Nearest centre of every row.
std::vector<int64_t> assign_to_centres(const Matrix& x, const Matrix& centres);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_KMEANS_H_
