#include "recipes/kit/eval/chrf.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "recipes/kit/eval/ngram_matches.h"
#include "recipes/kit/text/unicode.h"
#include "recipes/kit/text/utf8.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

bool is_ascii_punctuation(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x80 && std::ispunct(byte) != 0;
}

// One ASCII punctuation mark is taken off the end of a word, or else off its start.
std::vector<std::string_view> chrf_words(std::string_view text) {
  std::vector<std::string_view> words;
  for (const std::string_view w : split_words(text)) {
    if (count_chars(w) == 1) {
      words.push_back(w);
    } else if (is_ascii_punctuation(w.back())) {
      words.push_back(w.substr(0, w.size() - 1));
      words.push_back(w.substr(w.size() - 1));
    } else if (is_ascii_punctuation(w.front())) {
      words.push_back(w.substr(0, 1));
      words.push_back(w.substr(1));
    } else {
      words.push_back(w);
    }
  }
  return words;
}

Symbols chars_without_space(std::string_view text) {
  std::string solid;
  for (const std::string_view word : split_words(text)) solid += word;
  return char_symbols(solid);
}

struct Segment {
  Symbols chars, words;
};

Segment segment_of(std::string_view text, const ChrfOptions& options, TokenNumbers* numbers) {
  Segment s;
  s.chars = options.whitespace ? char_symbols(text) : chars_without_space(text);
  if (options.word_order > 0) s.words = numbers->of(chrf_words(text));
  return s;
}

void append_orders(const Symbols& hypothesis, const Symbols& reference, int max_order,
                   ChrfStatistics* statistics) {
  const std::vector<int64_t> matches = clipped_ngram_matches(hypothesis, {reference}, max_order);
  for (int n = 1; n <= max_order; ++n) {
    const int64_t in_reference = ngram_total(static_cast<int64_t>(reference.size()), n);
    const int64_t in_hypothesis = ngram_total(static_cast<int64_t>(hypothesis.size()), n);
    // An order that the reference is too short for doesn't count.
    statistics->orders.push_back({in_reference == 0 ? 0 : in_hypothesis, in_reference, matches[n - 1]});
  }
}

}  // namespace

ChrfStatistics& ChrfStatistics::operator+=(const ChrfStatistics& other) {
  orders.resize(std::max(orders.size(), other.orders.size()));
  for (size_t n = 0; n < other.orders.size(); ++n) {
    orders[n].hypothesis += other.orders[n].hypothesis;
    orders[n].reference += other.orders[n].reference;
    orders[n].match += other.orders[n].match;
  }
  return *this;
}

ChrfStatistics chrf_statistics(std::string_view hypothesis, absl::Span<const std::string> references,
                               const ChrfOptions& options) {
  ROUX_CHECK(options.char_order >= 0 && options.word_order >= 0 &&
             options.char_order + options.word_order > 0)
      << "chrf: char_order is " << options.char_order << ", word_order " << options.word_order
      << "; at least one must be above 0";
  ROUX_CHECK(options.beta >= 0 && std::isfinite(options.beta))
      << "chrf: beta is " << options.beta << ", expected 0 or more";
  ROUX_CHECK(!references.empty()) << "chrf: a hypothesis has no reference";
  TokenNumbers numbers;
  const auto prepared = [&](std::string_view text) {
    return segment_of(options.lowercase ? lowercase(text) : std::string(text), options, &numbers);
  };
  const Segment segment = prepared(hypothesis);
  ChrfStatistics best;
  double best_score = -1;
  for (const std::string& text : references) {
    const Segment reference = prepared(text);
    ChrfStatistics statistics;
    append_orders(segment.chars, reference.chars, options.char_order, &statistics);
    append_orders(segment.words, reference.words, options.word_order, &statistics);
    const double score = chrf_score(statistics, options);
    if (score > best_score) best_score = score, best = std::move(statistics);
  }
  return best;
}

double chrf_score(const ChrfStatistics& statistics, const ChrfOptions& options) {
  ROUX_CHECK(!statistics.orders.empty()) << "chrf: there are no statistics";
  constexpr double kEps = 1e-16;  // sacreBLEU's
  const double factor = options.beta * options.beta;
  double precision = 0, recall = 0, sum = 0;
  int used = 0;
  for (const ChrfStatistics::Order& order : statistics.orders) {
    const auto match = static_cast<double>(order.match);
    const double p = order.hypothesis > 0 ? match / static_cast<double>(order.hypothesis) : kEps;
    const double r = order.reference > 0 ? match / static_cast<double>(order.reference) : kEps;
    const double denominator = factor * p + r;
    sum += denominator > 0 ? (1 + factor) * p * r / denominator : kEps;
    if (order.hypothesis == 0 || order.reference == 0) continue;
    precision += p;
    recall += r;
    ++used;
  }
  if (options.eps_smoothing) return 100 * sum / static_cast<double>(statistics.orders.size());
  if (used == 0 || precision + recall == 0) return 0;
  precision /= used;
  recall /= used;
  return 100 * (1 + factor) * precision * recall / (factor * precision + recall);
}

double corpus_chrf(absl::Span<const std::string> hypotheses,
                   absl::Span<const std::vector<std::string>> references, const ChrfOptions& options) {
  ROUX_CHECK(hypotheses.size() == references.size() && !hypotheses.empty())
      << "chrf: " << hypotheses.size() << " hypotheses, " << references.size() << " lists of references";
  ChrfStatistics sum;
  for (size_t i = 0; i < hypotheses.size(); ++i)
    sum += chrf_statistics(hypotheses[i], references[i], options);
  return chrf_score(sum, options);
}

double sentence_chrf(std::string_view hypothesis, absl::Span<const std::string> references,
                     const ChrfOptions& options) {
  return chrf_score(chrf_statistics(hypothesis, references, options), options);
}

}  // namespace roux::kit
