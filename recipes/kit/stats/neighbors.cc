#include "recipes/kit/stats/neighbors.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "recipes/kit/stats/check.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

void check_targets(const Neighbors& neighbors, size_t targets, const char* name) {
  for (int64_t i : neighbors.indices) {
    ROUX_CHECK(i >= 0 && i < static_cast<int64_t>(targets))
        << name << ": neighbour " << i << " has no target; there are " << targets;
  }
}

}  // namespace

double euclidean_distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (size_t j = 0; j < a.size(); ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return std::sqrt(sum);
}

double cosine_distance(std::span<const double> a, std::span<const double> b) {
  double aa = 0, bb = 0, ab = 0;
  for (size_t j = 0; j < a.size(); ++j) aa += a[j] * a[j], bb += b[j] * b[j], ab += a[j] * b[j];
  return aa == 0 || bb == 0 ? 1 : 1 - ab / (std::sqrt(aa) * std::sqrt(bb));
}

Neighbors nearest_neighbors(const Matrix& base, const Matrix& queries, int64_t k, const Distance& distance) {
  ROUX_CHECK(base.cols == queries.cols && k >= 1 && k <= base.rows)
      << "nearest_neighbors: base is f64[" << base.rows << "," << base.cols << "], queries are f64["
      << queries.rows << "," << queries.cols << "], k is " << k
      << "; needed equal columns and 1 <= k <= " << base.rows;
  check_sample(base.values, 1, "nearest_neighbors");
  check_sample(queries.values, 0, "nearest_neighbors");
  Neighbors result{.k = k, .distances = Matrix(queries.rows, k)};
  std::vector<std::pair<double, int64_t>> all(base.rows);
  for (int64_t q = 0; q < queries.rows; ++q) {
    for (int64_t i = 0; i < base.rows; ++i) {
      all[i] = {distance(queries.row(q), base.row(i)), i};
      ROUX_CHECK(!std::isnan(all[i].first))
          << "nearest_neighbors: the distance of query " << q << " to row " << i << " is not a number";
    }
    std::partial_sort(all.begin(), all.begin() + k, all.end());
    for (int64_t n = 0; n < k; ++n) {
      result.distances(q, n) = all[n].first;
      result.indices.push_back(all[n].second);
    }
  }
  return result;
}

std::vector<double> neighbor_mean(const Neighbors& neighbors, std::span<const double> targets,
                                  bool by_distance) {
  check_targets(neighbors, targets.size(), "neighbor_mean");
  std::vector<double> means(neighbors.distances.rows);
  for (int64_t q = 0; q < neighbors.distances.rows; ++q) {
    const double nearest = neighbors.distances(q, 0);
    double sum = 0;
    double weights = 0;
    for (int64_t n = 0; n < neighbors.k; ++n) {
      const double d = neighbors.distances(q, n);
      // In units of the nearest: 1 / d alone overflows for tiny distances.
      const double weight = !by_distance || d == nearest ? 1 : nearest / d;
      sum += weight * targets[neighbors.indices[q * neighbors.k + n]];
      weights += weight;
    }
    means[q] = sum / weights;
  }
  return means;
}

std::vector<int64_t> neighbor_vote(const Neighbors& neighbors, std::span<const int64_t> labels) {
  check_targets(neighbors, labels.size(), "neighbor_vote");
  std::vector<int64_t> votes(neighbors.distances.rows);
  for (int64_t q = 0; q < neighbors.distances.rows; ++q) {
    std::map<int64_t, int64_t> counts;
    for (int64_t n = 0; n < neighbors.k; ++n) ++counts[labels[neighbors.indices[q * neighbors.k + n]]];
    votes[q] = std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
                 return a.second < b.second;
               })->first;
  }
  return votes;
}

}  // namespace roux::stats
