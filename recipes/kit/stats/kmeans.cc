#include "recipes/kit/stats/kmeans.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "recipes/kit/stats/check.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

double squared_distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (size_t j = 0; j < a.size(); ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return sum;
}

struct Nearest {
  int64_t centre = 0;
  double distance = std::numeric_limits<double>::infinity();
};

Nearest nearest(std::span<const double> row, const Matrix& centres) {
  Nearest best;
  for (int64_t c = 0; c < centres.rows; ++c) {
    const double d = squared_distance(row, centres.row(c));
    if (d < best.distance) best = {c, d};
  }
  return best;
}

void check_clusters(const Matrix& x, int64_t clusters, int64_t features, const char* name) {
  check_sample(x.values, 1, name);
  ROUX_CHECK(clusters >= 1 && clusters <= x.rows && features == x.cols)
      << name << ": " << clusters << " centres with " << features << " features do not fit x, which is f64["
      << x.rows << "," << x.cols << "]; needed 1.." << x.rows << " centres";
}

// Labels and distances of all rows; whether a label changed.
bool assign(const Matrix& x, KMeans& result, std::vector<double>& distances) {
  bool changed = false;
  result.inertia = 0;
  for (int64_t i = 0; i < x.rows; ++i) {
    const Nearest best = nearest(x.row(i), result.centres);
    changed |= result.labels[i] != best.centre;
    result.labels[i] = best.centre;
    distances[i] = best.distance;
    result.inertia += best.distance;
  }
  ROUX_CHECK(std::isfinite(result.inertia)) << "kmeans: squared distances overflow; needed smaller values";
  return changed;
}

void move_centres(const Matrix& x, KMeans& result, std::vector<double>& distances) {
  const int64_t clusters = result.centres.rows;
  std::vector<int64_t> counts(clusters, 0);
  for (int64_t label : result.labels) ++counts[label];
  for (int64_t c = 0; c < clusters; ++c) {
    if (counts[c] > 0) continue;
    int64_t farthest = -1;
    for (int64_t i = 0; i < x.rows; ++i) {
      const bool takeable = counts[result.labels[i]] > 1;
      if (takeable && (farthest < 0 || distances[i] > distances[farthest])) farthest = i;
    }
    --counts[result.labels[farthest]];
    result.labels[farthest] = c;
    distances[farthest] = 0;
    counts[c] = 1;
  }
  std::fill(result.centres.values.begin(), result.centres.values.end(), 0.0);
  for (int64_t i = 0; i < x.rows; ++i) {
    for (int64_t j = 0; j < x.cols; ++j) result.centres(result.labels[i], j) += x(i, j);
  }
  for (int64_t c = 0; c < clusters; ++c) {
    for (double& v : result.centres.row(c)) v /= static_cast<double>(counts[c]);
  }
}

// Each next seed is a row drawn with probability proportional to its squared distance from the seeds so far.
Matrix seeds(const Matrix& x, int64_t clusters, RandomStream& random) {
  Matrix centres(clusters, x.cols);
  std::vector<double> distances(x.rows, std::numeric_limits<double>::infinity());
  int64_t chosen = random.below(x.rows);
  for (int64_t c = 0; c < clusters; ++c) {
    std::copy_n(x.row(chosen).begin(), x.cols, centres.row(c).begin());
    double total = 0;
    for (int64_t i = 0; i < x.rows; ++i) {
      distances[i] = std::min(distances[i], squared_distance(x.row(i), centres.row(c)));
      total += distances[i];
    }
    double target = random.uniform() * total;
    if (total == 0) {  // every row equals a seed already
      chosen = random.below(x.rows);
      continue;
    }
    for (chosen = 0; chosen < x.rows - 1; ++chosen) {
      if (target < distances[chosen]) break;
      target -= distances[chosen];
    }
  }
  return centres;
}

}  // namespace

KMeans kmeans_from(const Matrix& x, Matrix centres, int64_t max_iterations) {
  check_clusters(x, centres.rows, centres.cols, "kmeans");
  check_sample(centres.values, 1, "kmeans");
  KMeans result{.centres = std::move(centres), .labels = std::vector<int64_t>(x.rows, -1)};
  std::vector<double> distances(x.rows);
  while (assign(x, result, distances)) {
    if (result.iterations == max_iterations) return result;
    const std::vector<double> before = result.centres.values;
    move_centres(x, result, distances);
    ++result.iterations;
    // Equal rows in several clusters can change labels for ever.
    if (result.centres.values == before) break;
  }
  result.converged = true;
  return result;
}

KMeans kmeans(const Matrix& x, int64_t clusters, RandomStream& random, const KMeansOptions& options) {
  check_clusters(x, clusters, x.cols, "kmeans");
  ROUX_CHECK(options.restarts >= 1) << "kmeans: restarts are " << options.restarts << ", needed >= 1";
  KMeans best;
  for (int64_t run = 0; run < options.restarts; ++run) {
    KMeans next = kmeans_from(x, seeds(x, clusters, random), options.max_iterations);
    if (run == 0 || next.inertia < best.inertia) best = std::move(next);
  }
  return best;
}

std::vector<int64_t> assign_to_centres(const Matrix& x, const Matrix& centres) {
  check_clusters(x, 1, centres.cols, "assign_to_centres");
  ROUX_CHECK(centres.rows >= 1) << "assign_to_centres: there is no centre";
  std::vector<int64_t> labels(x.rows);
  for (int64_t i = 0; i < x.rows; ++i) labels[i] = nearest(x.row(i), centres).centre;
  return labels;
}

}  // namespace roux::stats
