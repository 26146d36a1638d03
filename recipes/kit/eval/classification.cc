#include "recipes/kit/eval/classification.h"

#include <cmath>

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
  ROUX_CHECK(m.classes >= 0 && m.counts.size() == static_cast<size_t>(m.classes * m.classes))
      << "confusion matrix: " << m.counts.size() << " counts for " << m.classes << " classes";
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
    const PrecisionRecall s = scores(static_cast<double>(m.at(c, c)), sums.truth[c], sums.predicted[c]);
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
  constexpr int64_t kMostClasses = 32768;
  ROUX_CHECK(classes >= 1 && classes <= kMostClasses)
      << "confusion_matrix: classes is " << classes << ", expected 1 .. " << kMostClasses;
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

}  // namespace roux::kit
