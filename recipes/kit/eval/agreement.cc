#include "recipes/kit/eval/agreement.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <numeric>

#include "tensor/error.h"

namespace roux::kit {
namespace {

using Ratings = std::vector<std::vector<std::optional<double>>>;

double class_distance(int64_t a, int64_t b, KappaWeights weights) {
  if (weights == KappaWeights::kNone) return a == b ? 0 : 1;
  const auto gap = static_cast<double>(std::abs(a - b));
  return weights == KappaWeights::kLinear ? gap : gap * gap;
}

// The different values in ascending order.
std::vector<double> values_of(const Ratings& ratings) {
  std::vector<double> values;
  for (size_t r = 0; r < ratings.size(); ++r) {
    ROUX_CHECK(ratings[r].size() == ratings[0].size())
        << "krippendorff_alpha: rater " << r << " has " << ratings[r].size() << " items, the first "
        << ratings[0].size();
    for (size_t i = 0; i < ratings[r].size(); ++i) {
      if (!ratings[r][i]) continue;
      ROUX_CHECK(std::isfinite(*ratings[r][i]))
          << "krippendorff_alpha: rater " << r << " gave item " << i << " the value " << *ratings[r][i];
      values.push_back(*ratings[r][i]);
    }
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  ROUX_CHECK(values.size() >= 2) << "krippendorff_alpha: there are " << values.size()
                                 << " different values, expected 2 or more";
  return values;
}

// The values that raters gave an item, as indices.
std::vector<size_t> given_to(size_t item, const Ratings& ratings, const std::vector<double>& values) {
  std::vector<size_t> given;
  for (const auto& rater : ratings) {
    if (!rater[item]) continue;
    given.push_back(
        static_cast<size_t>(std::lower_bound(values.begin(), values.end(), *rater[item]) - values.begin()));
  }
  return given;
}

// Where values lie such that their squared difference is that of the metric: themselves, or the middle of the
// ranks they take. total[v] is how often value v is in a pair.
std::vector<double> positions(std::vector<double> values, const std::vector<double>& total,
                              AlphaMetric metric) {
  if (metric != AlphaMetric::kOrdinal) return values;
  double below = 0;
  for (size_t v = 0; v < values.size(); ++v) {
    values[v] = below + total[v] / 2;
    below += total[v];
  }
  return values;
}

double alpha_distance(double a, double b, AlphaMetric metric) {
  if (a == b) return 0;
  if (metric == AlphaMetric::kNominal) return 1;
  const double gap = metric == AlphaMetric::kRatio ? (a - b) / (a + b) : a - b;
  return gap * gap;
}

// Sum of total[a] total[b] distance(a, b), in closed form but for the ratio metric.
double expected_distances(const std::vector<double>& at, const std::vector<double>& total, double all,
                          AlphaMetric metric) {
  double sum = 0;
  if (metric == AlphaMetric::kNominal) {
    for (const double t : total) sum += t * (all - t);
    return sum;
  }
  if (metric == AlphaMetric::kRatio) {
    for (size_t a = 0; a < at.size(); ++a) {
      for (size_t b = 0; b < a; ++b) sum += 2 * total[a] * total[b] * alpha_distance(at[a], at[b], metric);
    }
    return sum;
  }
  double mean = 0;
  for (size_t v = 0; v < at.size(); ++v) mean += total[v] * at[v] / all;
  for (size_t v = 0; v < at.size(); ++v) sum += total[v] * (at[v] - mean) * (at[v] - mean);
  return 2 * all * sum;
}

}  // namespace

double cohen_kappa(const ConfusionMatrix& m, KappaWeights weights) {
  ROUX_CHECK(m.classes >= 0 && m.counts.size() == static_cast<size_t>(m.classes * m.classes))
      << "cohen_kappa: " << m.counts.size() << " counts for " << m.classes << " classes";
  std::vector<double> rows(static_cast<size_t>(m.classes)), columns(rows);
  double all = 0;
  for (int64_t a = 0; a < m.classes; ++a) {
    for (int64_t b = 0; b < m.classes; ++b) {
      const auto count = static_cast<double>(m.at(a, b));
      rows[a] += count;
      columns[b] += count;
      all += count;
    }
  }
  ROUX_CHECK(all > 0) << "cohen_kappa: there are no items";
  double observed = 0, expected = 0;
  for (int64_t a = 0; a < m.classes; ++a) {
    for (int64_t b = 0; b < m.classes; ++b) {
      const double w = class_distance(a, b, weights);
      observed += w * static_cast<double>(m.at(a, b));
      expected += w * rows[a] * columns[b] / all;
    }
  }
  return 1 - observed / expected;
}

double fleiss_kappa(const std::vector<std::vector<int64_t>>& counts) {
  ROUX_CHECK(!counts.empty() && !counts[0].empty()) << "fleiss_kappa: there are no items";
  const auto raters = static_cast<double>(std::accumulate(counts[0].begin(), counts[0].end(), int64_t{0}));
  ROUX_CHECK(raters >= 2) << "fleiss_kappa: item 0 has " << raters << " raters, expected at least 2";
  std::vector<double> share(counts[0].size());
  double agreement = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    double sum = 0, squares = 0;
    ROUX_CHECK(counts[i].size() == share.size()) << "fleiss_kappa: item " << i << " has " << counts[i].size()
                                                 << " classes, the first " << share.size();
    for (size_t c = 0; c < share.size(); ++c) {
      ROUX_CHECK(counts[i][c] >= 0) << "fleiss_kappa: item " << i << " has " << counts[i][c]
                                    << " raters of class " << c;
      const auto n = static_cast<double>(counts[i][c]);
      sum += n;
      squares += n * n;
      share[c] += n;
    }
    ROUX_CHECK(sum == raters) << "fleiss_kappa: item " << i << " has " << sum << " raters, the first "
                              << raters;
    agreement += (squares - raters) / (raters * (raters - 1));
  }
  const auto items = static_cast<double>(counts.size());
  double chance = 0;
  for (const double s : share) chance += (s / (items * raters)) * (s / (items * raters));
  return (agreement / items - chance) / (1 - chance);
}

double krippendorff_alpha(const Ratings& ratings, AlphaMetric metric) {
  ROUX_CHECK(!ratings.empty()) << "krippendorff_alpha: there are no raters";
  const std::vector<double> values = values_of(ratings);
  ROUX_CHECK(metric != AlphaMetric::kRatio || values[0] >= 0)
      << "krippendorff_alpha: the smallest value is " << values[0] << ", the ratio metric needs 0 or more";
  std::vector<double> total(values.size());
  const size_t items = ratings[0].size();
  for (size_t item = 0; item < items; ++item) {
    const std::vector<size_t> given = given_to(item, ratings, values);
    if (given.size() < 2) continue;
    for (const size_t v : given) total[v] += 1;
  }
  const double all = std::accumulate(total.begin(), total.end(), 0.0);
  ROUX_CHECK(all > 0) << "krippendorff_alpha: no item has two values";
  const std::vector<double> at = positions(values, total, metric);
  double observed = 0;
  for (size_t item = 0; item < items; ++item) {
    const std::vector<size_t> given = given_to(item, ratings, values);
    double sum = 0;
    for (size_t a = 0; a < given.size(); ++a) {
      for (size_t b = 0; b < a; ++b) sum += 2 * alpha_distance(at[given[a]], at[given[b]], metric);
    }
    if (given.size() >= 2) observed += sum / static_cast<double>(given.size() - 1);
  }
  return 1 - observed * (all - 1) / expected_distances(at, total, all, metric);
}

}  // namespace roux::kit
