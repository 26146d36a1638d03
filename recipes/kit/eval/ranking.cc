#include "recipes/kit/eval/ranking.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "tensor/error.h"

namespace roux::kit {
namespace {

// Positives and negatives that share one score.
struct Tie {
  double positives = 0, negatives = 0;
};

// From the lowest score to the highest.
std::vector<Tie> ties_of(const char* op, absl::Span<const int64_t> truth, absl::Span<const double> scores) {
  ROUX_CHECK(truth.size() == scores.size() && !truth.empty())
      << op << ": there are " << truth.size() << " labels and " << scores.size() << " scores";
  for (size_t i = 0; i < truth.size(); ++i) {
    ROUX_CHECK(truth[i] == 0 || truth[i] == 1)
        << op << ": label " << i << " is " << truth[i] << ", expected 0 or 1";
    ROUX_CHECK(!std::isnan(scores[i])) << op << ": score " << i << " is not a number";
  }
  std::vector<size_t> order(truth.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] < scores[b]; });
  std::vector<Tie> ties;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || scores[order[i]] != scores[order[i - 1]]) ties.emplace_back();
    (truth[order[i]] == 1 ? ties.back().positives : ties.back().negatives) += 1;
  }
  return ties;
}

}  // namespace

double roc_auc(absl::Span<const int64_t> truth, absl::Span<const double> scores) {
  double positives = 0, negatives = 0, wins = 0;
  for (const Tie& tie : ties_of("roc_auc", truth, scores)) {
    wins += tie.positives * (negatives + tie.negatives / 2);
    positives += tie.positives;
    negatives += tie.negatives;
  }
  ROUX_CHECK(positives > 0 && negatives > 0)
      << "roc_auc: needs both labels, got " << positives << " positives and " << negatives << " negatives";
  return wins / (positives * negatives);
}

double average_precision(absl::Span<const int64_t> truth, absl::Span<const double> scores) {
  const std::vector<Tie> ties = ties_of("average_precision", truth, scores);
  double hits = 0, taken = 0, sum = 0;
  for (auto tie = ties.rbegin(); tie != ties.rend(); ++tie) {
    hits += tie->positives;
    taken += tie->positives + tie->negatives;
    sum += tie->positives * (hits / taken);
  }
  return hits == 0 ? 0 : sum / hits;
}

double precision_at(absl::Span<const int64_t> truth, absl::Span<const double> scores, int64_t k) {
  const std::vector<Tie> ties = ties_of("precision_at", truth, scores);
  ROUX_CHECK(k >= 1 && k <= static_cast<int64_t>(truth.size()))
      << "precision_at: k is " << k << ", expected 1 .. " << truth.size();
  double hits = 0, left = static_cast<double>(k);
  for (auto tie = ties.rbegin(); tie != ties.rend() && left > 0; ++tie) {
    const double items = tie->positives + tie->negatives, used = std::min(items, left);
    hits += tie->positives * used / items;
    left -= used;
  }
  return hits / static_cast<double>(k);
}

}  // namespace roux::kit
