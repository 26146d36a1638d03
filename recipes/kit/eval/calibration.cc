#include "recipes/kit/eval/calibration.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "recipes/kit/stats/distributions.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

void check_label(const char* op, size_t i, int64_t label, int64_t classes) {
  ROUX_CHECK(label >= 0 && label < classes)
      << op << ": label " << i << " is " << label << ", expected 0 .. " << classes - 1;
}

void check_probability(const char* op, size_t i, double p) {
  ROUX_CHECK(p >= 0 && p <= 1) << op << ": probability " << i << " is " << p << ", expected 0 .. 1";
}

void check_items(const char* op, size_t truth, size_t others, const char* what) {
  ROUX_CHECK(truth == others && truth > 0)
      << op << ": there are " << truth << " labels and " << others << " " << what;
}

}  // namespace

double expected_calibration_error(absl::Span<const int64_t> correct, absl::Span<const double> confidence,
                                  int64_t bins) {
  constexpr const char* kOp = "expected_calibration_error";
  check_items(kOp, correct.size(), confidence.size(), "confidences");
  ROUX_CHECK(bins > 0) << kOp << ": bins is " << bins << ", expected 1 or more";
  const auto count = static_cast<double>(bins);
  std::vector<double> gap(static_cast<size_t>(bins));  // right answers less confidence
  for (size_t i = 0; i < correct.size(); ++i) {
    const double c = confidence[i];
    check_label(kOp, i, correct[i], 2);
    check_probability(kOp, i, c);
    auto bin = std::clamp<int64_t>(static_cast<int64_t>(std::ceil(c * count)) - 1, 0, bins - 1);
    // c * bins is rounded: compare with the edges themselves.
    if (bin > 0 && c <= static_cast<double>(bin) / count) --bin;
    if (bin + 1 < bins && c > static_cast<double>(bin + 1) / count) ++bin;
    gap[static_cast<size_t>(bin)] += static_cast<double>(correct[i]) - c;
  }
  double error = 0;
  for (const double g : gap) error += std::abs(g);
  return error / static_cast<double>(correct.size());
}

double brier_score(absl::Span<const int64_t> truth, absl::Span<const double> probabilities) {
  check_items("brier_score", truth.size(), probabilities.size(), "probabilities");
  double sum = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    check_label("brier_score", i, truth[i], 2);
    check_probability("brier_score", i, probabilities[i]);
    const double error = static_cast<double>(truth[i]) - probabilities[i];
    sum += error * error;
  }
  return sum / static_cast<double>(truth.size());
}

double brier_score_multiclass(absl::Span<const int64_t> truth, absl::Span<const double> probabilities,
                              int64_t classes) {
  constexpr const char* kOp = "brier_score_multiclass";
  ROUX_CHECK(classes >= 2) << kOp << ": classes is " << classes << ", expected 2 or more";
  const size_t needed = truth.size() * static_cast<size_t>(classes);
  ROUX_CHECK(needed > 0 && probabilities.size() == needed)
      << kOp << ": there are " << probabilities.size() << " probabilities for " << truth.size()
      << " labels of " << classes << " classes, needed one item or more and " << needed << " probabilities";
  double sum = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    check_label(kOp, i, truth[i], classes);
    double total = 0;
    for (int64_t c = 0; c < classes; ++c) {
      const size_t at = i * static_cast<size_t>(classes) + static_cast<size_t>(c);
      check_probability(kOp, at, probabilities[at]);
      const double error = (c == truth[i] ? 1 : 0) - probabilities[at];
      sum += error * error;
      total += probabilities[at];
    }
    ROUX_CHECK(std::abs(total - 1) <= 1e-6) << kOp << ": probabilities of item " << i << " sum to " << total;
  }
  return sum / static_cast<double>(truth.size());
}

double interval_coverage(absl::Span<const double> z, double half_width) {
  ROUX_CHECK(!z.empty()) << "interval_coverage: there are no z-scores";
  const auto inside = std::count_if(z.begin(), z.end(), [&](double v) { return std::abs(v) <= half_width; });
  return static_cast<double>(inside) / static_cast<double>(z.size());
}

double quantile_calibration_error(absl::Span<const double> z, int64_t levels) {
  constexpr const char* kOp = "quantile_calibration_error";
  ROUX_CHECK(!z.empty() && levels >= 2)
      << kOp << ": there are " << z.size() << " z-scores and " << levels << " levels, needed 1 and 2 or more";
  double sum = 0;
  for (int64_t level = 1; level < levels; ++level) {
    const double p = static_cast<double>(level) / static_cast<double>(levels);
    const double quantile = stats::normal_quantile(p);
    const auto below = std::count_if(z.begin(), z.end(), [&](double v) { return v <= quantile; });
    sum += std::abs(static_cast<double>(below) / static_cast<double>(z.size()) - p);
  }
  return sum / static_cast<double>(levels - 1);
}

}  // namespace roux::kit
