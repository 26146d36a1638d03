#include "recipes/kit/eval/bleu.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "recipes/kit/eval/ngram_matches.h"
#include "recipes/kit/text/unicode.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

int64_t closest_length(int64_t length, absl::Span<const Symbols> references) {
  int64_t best = -1;
  for (const Symbols& reference : references) {
    const auto size = static_cast<int64_t>(reference.size());
    const int64_t gap = std::abs(size - length), best_gap = std::abs(best - length);
    if (best < 0 || gap < best_gap || (gap == best_gap && size < best)) best = size;
  }
  return best;
}

double smooth_value(const BleuOptions& options) {
  return options.smooth_value.value_or(options.smoothing == BleuSmoothing::kFloor ? 0.1 : 1.0);
}

// In per cent; zero from the first order that has no n-gram. Returns the number of orders that count.
int smoothed_precisions(const BleuStatistics& s, const BleuOptions& options,
                        std::vector<double>* precisions) {
  double halving = 1;
  int orders = options.max_order;
  for (int n = 1; n <= options.max_order; ++n) {
    const double added = options.smoothing == BleuSmoothing::kAddK && n > 1 ? smooth_value(options) : 0;
    const double correct = static_cast<double>(s.correct[n - 1]) + added;
    const double total = static_cast<double>(s.total[n - 1]) + added;
    if (total == 0) break;
    if (options.effective_order) orders = n;
    double hits = correct;
    if (correct == 0 && options.smoothing == BleuSmoothing::kExp) hits = 1 / (halving *= 2);
    if (correct == 0 && options.smoothing == BleuSmoothing::kFloor) hits = smooth_value(options);
    (*precisions)[n - 1] = 100 * hits / total;
  }
  return orders;
}

}  // namespace

BleuStatistics& BleuStatistics::operator+=(const BleuStatistics& other) {
  hypothesis_length += other.hypothesis_length;
  reference_length += other.reference_length;
  correct.resize(std::max(correct.size(), other.correct.size()));
  total.resize(correct.size());
  for (size_t n = 0; n < other.correct.size(); ++n) {
    correct[n] += other.correct[n];
    total[n] += other.total[n];
  }
  return *this;
}

BleuStatistics bleu_statistics(std::string_view hypothesis, absl::Span<const std::string> references,
                               const BleuOptions& options) {
  ROUX_CHECK(options.max_order >= 1 && options.max_order <= 1000)
      << "bleu: max_order is " << options.max_order << ", expected 1 .. 1000";
  ROUX_CHECK(!references.empty()) << "bleu: a hypothesis has no reference";
  TokenNumbers numbers;
  const auto symbols_of = [&](std::string_view text) {
    text = right_strip(text);
    return numbers.of(bleu_tokens(options.lowercase ? lowercase(text) : std::string(text), options.tokens));
  };
  const Symbols tokens = symbols_of(hypothesis);
  std::vector<Symbols> others;
  for (const std::string& reference : references) others.push_back(symbols_of(reference));
  BleuStatistics s;
  s.hypothesis_length = static_cast<int64_t>(tokens.size());
  s.reference_length = closest_length(s.hypothesis_length, others);
  s.correct = clipped_ngram_matches(tokens, others, options.max_order);
  for (int n = 1; n <= options.max_order; ++n) s.total.push_back(ngram_total(s.hypothesis_length, n));
  return s;
}

BleuScore bleu_score(const BleuStatistics& s, const BleuOptions& options) {
  ROUX_CHECK(options.max_order >= 1 && s.correct.size() == static_cast<size_t>(options.max_order) &&
             s.total.size() == s.correct.size())
      << "bleu: the statistics have " << s.correct.size() << " orders, the options " << options.max_order;
  BleuScore out;
  out.precisions.resize(s.correct.size());
  out.hypothesis_length = s.hypothesis_length;
  out.reference_length = s.reference_length;
  if (s.hypothesis_length < s.reference_length) {
    out.brevity_penalty = s.hypothesis_length == 0
                              ? 0
                              : std::exp(1 - static_cast<double>(s.reference_length) /
                                                 static_cast<double>(s.hypothesis_length));
  }
  if (std::all_of(s.correct.begin(), s.correct.end(), [](int64_t c) { return c == 0; })) return out;
  const int orders = smoothed_precisions(s, options, &out.precisions);
  double log_sum = 0;
  for (int n = 0; n < orders; ++n) {
    if (out.precisions[n] <= 0) return out;  // too short for this order: the score is zero
    log_sum += std::log(out.precisions[n]);
  }
  out.score = out.brevity_penalty * std::exp(log_sum / orders);
  return out;
}

BleuScore corpus_bleu(absl::Span<const std::string> hypotheses,
                      absl::Span<const std::vector<std::string>> references, const BleuOptions& options) {
  ROUX_CHECK(hypotheses.size() == references.size() && !hypotheses.empty())
      << "bleu: " << hypotheses.size() << " hypotheses, " << references.size() << " lists of references";
  BleuStatistics sum;
  for (size_t i = 0; i < hypotheses.size(); ++i)
    sum += bleu_statistics(hypotheses[i], references[i], options);
  return bleu_score(sum, options);
}

double sentence_bleu(std::string_view hypothesis, absl::Span<const std::string> references,
                     const BleuOptions& options) {
  return bleu_score(bleu_statistics(hypothesis, references, options), options).score;
}

}  // namespace roux::kit
