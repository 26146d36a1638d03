// Exact nearest neighbours by brute force, and predictions from them. f64; thread-safe; bad input throws
// roux::Error.
#ifndef ROUX_RECIPES_KIT_STATS_NEIGHBORS_H_
#define ROUX_RECIPES_KIT_STATS_NEIGHBORS_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "recipes/kit/stats/matrix.h"

namespace roux::stats {

using Distance = std::function<double(std::span<const double>, std::span<const double>)>;

double euclidean_distance(std::span<const double> a, std::span<const double> b);
double cosine_distance(std::span<const double> a,
                       std::span<const double> b);  // 1 - cos; 1 if one vector is 0

struct Neighbors {
  int64_t k = 0;
  std::vector<int64_t>
      indices;       // [queries, k] rows of the base, nearest first; equal distances by lower index
  Matrix distances;  // [queries, k]
};

// The k rows of `base` nearest to each row of `queries`. Same number of columns; 1 <= k <= base rows.
Neighbors nearest_neighbors(const Matrix& base, const Matrix& queries, int64_t k,
                            const Distance& distance = euclidean_distance);

// Mean target of each query's neighbours; with `by_distance` weighted by 1 / distance (an exact match decides
// alone).
std::vector<double> neighbor_mean(const Neighbors& neighbors, std::span<const double> targets,
                                  bool by_distance = false);

// Most frequent label of each query's neighbours; ties go to the smallest label.
std::vector<int64_t> neighbor_vote(const Neighbors& neighbors, std::span<const int64_t> labels);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_NEIGHBORS_H_
