#include "recipes/kit/eval/likelihood.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "tensor/error.h"

namespace roux::kit {
namespace {

// log sum exp(row) - logit, with the largest element kept out of the sum's digits; NaN if the row has one.
double surprisal(absl::Span<const float> row, double logit) {
  const double largest = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (const float x : row) sum += std::exp(static_cast<double>(x) - largest);
  return (largest - logit) + std::log(sum);
}

void check_likelihood(const char* op, double nll) {
  ROUX_CHECK(!std::isnan(nll)) << op << ": the negative log likelihood is not a number";
}

}  // namespace

TokenLikelihood token_likelihood(absl::Span<const float> logits, absl::Span<const int64_t> targets,
                                 int64_t ignored) {
  ROUX_CHECK(!targets.empty() && !logits.empty() && logits.size() % targets.size() == 0)
      << "token_likelihood: " << logits.size() << " logits, " << targets.size()
      << " targets; expected a row of logits for each target";
  const size_t vocabulary = logits.size() / targets.size();
  TokenLikelihood sum;
  for (size_t t = 0; t < targets.size(); ++t) {
    if (targets[t] == ignored) continue;
    ROUX_CHECK(targets[t] >= 0 && targets[t] < static_cast<int64_t>(vocabulary))
        << "token_likelihood: target " << t << " is " << targets[t] << ", expected 0 .. " << vocabulary - 1
        << " or " << ignored;
    const absl::Span<const float> row = logits.subspan(t * vocabulary, vocabulary);
    const double logit = row[static_cast<size_t>(targets[t])];
    const double nll =
        std::isinf(logit) && logit < 0 ? std::numeric_limits<double>::infinity() : surprisal(row, logit);
    ROUX_CHECK(!std::isnan(nll)) << "token_likelihood: row " << t << " has logits that are not finite";
    sum.negative_log_likelihood += nll;
    ++sum.tokens;
  }
  return sum;
}

double perplexity(double negative_log_likelihood, int64_t tokens) {
  ROUX_CHECK(tokens > 0) << "perplexity: there are " << tokens << " tokens";
  check_likelihood("perplexity", negative_log_likelihood);
  return std::exp(negative_log_likelihood / static_cast<double>(tokens));
}

double bits_per_byte(double negative_log_likelihood, int64_t bytes) {
  ROUX_CHECK(bytes > 0) << "bits_per_byte: there are " << bytes << " bytes";
  check_likelihood("bits_per_byte", negative_log_likelihood);
  return negative_log_likelihood / (std::numbers::ln2 * static_cast<double>(bytes));
}

double information_parity(absl::Span<const double> english, absl::Span<const double> other) {
  ROUX_CHECK(english.size() == other.size())
      << "information_parity: " << english.size() << " English phrases, " << other.size() << " others";
  const double english_sum = std::accumulate(english.begin(), english.end(), 0.0);
  const double other_sum = std::accumulate(other.begin(), other.end(), 0.0);
  ROUX_CHECK(std::isfinite(english_sum) && std::isfinite(other_sum) && english_sum >= 0 && other_sum > 0)
      << "information_parity: the negative log likelihoods add up to " << english_sum << " and " << other_sum
      << "; expected finite numbers above 0";
  return english_sum / other_sum;
}

}  // namespace roux::kit
