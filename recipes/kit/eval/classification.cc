#include "recipes/kit/eval/classification.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "tensor/error.h"

namespace roux::kit {
namespace {

void check_sizes(const char* op, size_t a, size_t b) {
  ROUX_CHECK(a == b) << op << ": lists have " << a << " and " << b << " values";
  ROUX_CHECK(a > 0) << op << ": there are no values";
}

double ratio(double a, double b) { return b == 0 ? 0 : a / b; }

struct Marginals {
  std::vector<double> truth, predicted;
  double all = 0, diagonal = 0;
};

Marginals marginals(const ConfusionMatrix& m) {
  Marginals sums{std::vector<double>(m.classes), std::vector<double>(m.classes), 0, 0};
  for (int64_t t = 0; t < m.classes; ++t) {
    for (int64_t p = 0; p < m.classes; ++p) {
      const auto count = static_cast<double>(m.at(t, p));
      sums.truth[t] += count;
      sums.predicted[p] += count;
      sums.all += count;
      if (t == p) sums.diagonal += count;
    }
  }
  return sums;
}

PrecisionRecall scores(double hits, double truth, double predicted) {
  return {ratio(hits, predicted), ratio(hits, truth), ratio(2 * hits, truth + predicted)};
}

// Averages over classes that occur, with weight(truth items of the class).
template <class Weight>
PrecisionRecall averaged(const ConfusionMatrix& m, Weight weight) {
  const Marginals sums = marginals(m);
  PrecisionRecall out;
  double total = 0;
  for (int64_t c = 0; c < m.classes; ++c) {
    if (sums.truth[c] + sums.predicted[c] == 0) continue;
    const double w = weight(sums.truth[c]);
    const PrecisionRecall s = class_scores(m, c);
    out.precision += w * s.precision;
    out.recall += w * s.recall;
    out.f1 += w * s.f1;
    total += w;
  }
  return {ratio(out.precision, total), ratio(out.recall, total), ratio(out.f1, total)};
}

}  // namespace

ConfusionMatrix confusion_matrix(absl::Span<const int64_t> truth, absl::Span<const int64_t> predicted,
                                 int64_t classes) {
  check_sizes("confusion_matrix", truth.size(), predicted.size());
  ConfusionMatrix m{classes, std::vector<int64_t>(static_cast<size_t>(classes * classes))};
  for (size_t i = 0; i < truth.size(); ++i) {
    for (const int64_t label : {truth[i], predicted[i]}) {
      ROUX_CHECK(label >= 0 && label < classes)
          << "confusion_matrix: item " << i << " has class " << label << ", expected 0 .. " << classes - 1;
    }
    ++m.counts[truth[i] * classes + predicted[i]];
  }
  return m;
}

double accuracy(absl::Span<const int64_t> truth, absl::Span<const int64_t> predicted) {
  check_sizes("accuracy", truth.size(), predicted.size());
  int64_t hits = 0;
  for (size_t i = 0; i < truth.size(); ++i) hits += truth[i] == predicted[i] ? 1 : 0;
  return static_cast<double>(hits) / static_cast<double>(truth.size());
}

PrecisionRecall class_scores(const ConfusionMatrix& m, int64_t label) {
  ROUX_CHECK(label >= 0 && label < m.classes) << "class_scores: class " << label << " of " << m.classes;
  const Marginals sums = marginals(m);
  return scores(static_cast<double>(m.at(label, label)), sums.truth[label], sums.predicted[label]);
}

PrecisionRecall macro_scores(const ConfusionMatrix& m) {
  return averaged(m, [](double) { return 1.0; });
}

PrecisionRecall weighted_scores(const ConfusionMatrix& m) {
  return averaged(m, [](double truth) { return truth; });
}

PrecisionRecall micro_scores(const ConfusionMatrix& m) {
  const Marginals sums = marginals(m);
  return scores(sums.diagonal, sums.all, sums.all);
}

double matthews_correlation(const ConfusionMatrix& m) {
  const Marginals s = marginals(m);
  double both = 0, truth = 0, predicted = 0;
  for (int64_t c = 0; c < m.classes; ++c) {
    both += s.truth[c] * s.predicted[c];
    truth += s.truth[c] * s.truth[c];
    predicted += s.predicted[c] * s.predicted[c];
  }
  const double denominator = std::sqrt((s.all * s.all - predicted) * (s.all * s.all - truth));
  return ratio(s.diagonal * s.all - both, denominator);
}

double roc_auc(absl::Span<const int64_t> truth, absl::Span<const double> scores) {
  check_sizes("roc_auc", truth.size(), scores.size());
  std::vector<size_t> order(truth.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] < scores[b]; });
  double positives = 0, negatives = 0, wins = 0;
  for (size_t i = 0; i < order.size();) {  // groups of equal scores, from the lowest
    double tied_positives = 0, tied_negatives = 0;
    size_t k = i;
    for (; k < order.size() && scores[order[k]] == scores[order[i]]; ++k) {
      const int64_t label = truth[order[k]];
      ROUX_CHECK(label == 0 || label == 1)
          << "roc_auc: item " << order[k] << " has class " << label << ", expected 0 or 1";
      ROUX_CHECK(!std::isnan(scores[order[k]])) << "roc_auc: score " << order[k] << " is not a number";
      (label == 1 ? tied_positives : tied_negatives) += 1;
    }
    ROUX_CHECK(k > i) << "roc_auc: score " << order[i] << " is not a number";
    wins += tied_positives * (negatives + tied_negatives / 2);
    positives += tied_positives;
    negatives += tied_negatives;
    i = k;
  }
  ROUX_CHECK(positives > 0 && negatives > 0)
      << "roc_auc: needs both classes, got " << positives << " positives and " << negatives << " negatives";
  return wins / (positives * negatives);
}

double expected_calibration_error(absl::Span<const int64_t> correct, absl::Span<const double> confidence,
                                  int64_t bins) {
  check_sizes("expected_calibration_error", correct.size(), confidence.size());
  ROUX_CHECK(bins > 0) << "expected_calibration_error: bins is " << bins << ", expected 1 or more";
  std::vector<double> hits(bins), sum(bins);
  for (size_t i = 0; i < correct.size(); ++i) {
    const double c = confidence[i];
    ROUX_CHECK(c >= 0 && c <= 1) << "expected_calibration_error: confidence " << i << " is " << c
                                 << ", expected 0 .. 1";
    const int64_t bin =
        std::clamp<int64_t>(static_cast<int64_t>(std::ceil(c * static_cast<double>(bins))) - 1, 0, bins - 1);
    hits[bin] += static_cast<double>(correct[i]);
    sum[bin] += c;
  }
  double error = 0;
  for (int64_t b = 0; b < bins; ++b) error += std::abs(hits[b] - sum[b]);
  return error / static_cast<double>(correct.size());
}

double root_mean_squared_error(absl::Span<const double> truth, absl::Span<const double> predicted) {
  check_sizes("root_mean_squared_error", truth.size(), predicted.size());
  double sum = 0;
  for (size_t i = 0; i < truth.size(); ++i) sum += (truth[i] - predicted[i]) * (truth[i] - predicted[i]);
  return std::sqrt(sum / static_cast<double>(truth.size()));
}

double cohen_kappa(const ConfusionMatrix& m, KappaWeights weights) {
  const Marginals sums = marginals(m);
  double observed = 0, expected = 0;
  for (int64_t a = 0; a < m.classes; ++a) {
    for (int64_t b = 0; b < m.classes; ++b) {
      const auto gap = static_cast<double>(std::abs(a - b));
      const double w = weights == KappaWeights::kNone     ? (a == b ? 0 : 1)
                       : weights == KappaWeights::kLinear ? gap
                                                          : gap * gap;
      observed += w * static_cast<double>(m.at(a, b));
      expected += w * sums.truth[a] * sums.predicted[b] / sums.all;
    }
  }
  return 1 - observed / expected;
}

double fleiss_kappa(const std::vector<std::vector<int64_t>>& counts) {
  ROUX_CHECK(!counts.empty() && !counts[0].empty()) << "fleiss_kappa: there are no items";
  const double raters = static_cast<double>(std::accumulate(counts[0].begin(), counts[0].end(), int64_t{0}));
  ROUX_CHECK(raters >= 2) << "fleiss_kappa: item 0 has " << raters << " raters, expected at least 2";
  std::vector<double> share(counts[0].size());
  double agreement = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    double sum = 0, squares = 0;
    ROUX_CHECK(counts[i].size() == share.size()) << "fleiss_kappa: item " << i << " has " << counts[i].size()
                                                 << " classes, the first " << share.size();
    for (size_t c = 0; c < share.size(); ++c) {
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

double krippendorff_alpha(const std::vector<std::vector<std::optional<double>>>& ratings,
                          AlphaMetric metric) {
  ROUX_CHECK(!ratings.empty()) << "krippendorff_alpha: there are no raters";
  std::map<double, size_t> index;
  for (const auto& rater : ratings) {
    ROUX_CHECK(rater.size() == ratings[0].size())
        << "krippendorff_alpha: raters have " << ratings[0].size() << " and " << rater.size() << " items";
    for (const auto& value : rater) {
      if (value) index.emplace(*value, 0);
    }
  }
  std::vector<double> values;
  for (auto& [value, at] : index) {
    at = values.size();
    values.push_back(value);
  }
  const size_t n = values.size();
  std::vector<double> coincidence(n * n), total(n);
  for (size_t item = 0; item < ratings[0].size(); ++item) {
    std::vector<size_t> given;
    for (const auto& rater : ratings) {
      if (rater[item]) given.push_back(index[*rater[item]]);
    }
    if (given.size() < 2) continue;
    const double weight = 1 / static_cast<double>(given.size() - 1);
    for (size_t a = 0; a < given.size(); ++a) {
      for (size_t b = 0; b < given.size(); ++b) {
        if (a != b) coincidence[given[a] * n + given[b]] += weight;
      }
    }
  }
  double all = 0;
  for (size_t a = 0; a < n; ++a) {
    for (size_t b = 0; b < n; ++b) total[a] += coincidence[a * n + b];
    all += total[a];
  }
  ROUX_CHECK(all > 0) << "krippendorff_alpha: no item has two values";
  const auto distance = [&](size_t a, size_t b) {
    if (metric == AlphaMetric::kNominal) return a == b ? 0.0 : 1.0;
    if (metric == AlphaMetric::kInterval) return (values[a] - values[b]) * (values[a] - values[b]);
    const size_t low = std::min(a, b), high = std::max(a, b);
    double between = -(total[low] + total[high]) / 2;  // ranks passed from one value to the other
    for (size_t k = low; k <= high; ++k) between += total[k];
    return between * between;
  };
  double observed = 0, expected = 0;
  for (size_t a = 0; a < n; ++a) {
    for (size_t b = 0; b < n; ++b) {
      observed += coincidence[a * n + b] * distance(a, b);
      expected += total[a] * total[b] * distance(a, b) / (all - 1);
    }
  }
  return expected == 0 ? 1 : 1 - observed / expected;  // a single value: no disagreement is possible
}

}  // namespace roux::kit
