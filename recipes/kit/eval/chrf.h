// chrF and chrF++ [Popovic 2015, 2017] as sacreBLEU 2 computes them: F-score of character (and word) n-grams.
// All functions are pure. Texts are UTF-8.
#ifndef ROUX_RECIPES_KIT_EVAL_CHRF_H_
#define ROUX_RECIPES_KIT_EVAL_CHRF_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace roux::kit {

struct ChrfOptions {
  int char_order = 6;
  int word_order = 0;  // 2: chrF++
  double beta = 2;     // recall counts beta times as much as precision
  bool lowercase = false;
  bool whitespace = false;     // white space counts as characters
  bool eps_smoothing = false;  // average of the orders' scores as in chrF++.py, instead of sacreBLEU's
};

// Counts of one or more segments, by order; character orders first. Those of a corpus are the sums.
struct ChrfStatistics {
  struct Order {
    int64_t hypothesis = 0, reference = 0, match = 0;
  };
  std::vector<Order> orders;
  ChrfStatistics& operator+=(const ChrfStatistics& other);
};

// One segment against the reference (of at least one, otherwise Error) that gives it the best score.
ChrfStatistics chrf_statistics(std::string_view hypothesis, absl::Span<const std::string> references,
                               const ChrfOptions& options = {});
double chrf_score(const ChrfStatistics& statistics, const ChrfOptions& options = {});

// 0 .. 100. references[i] are those of hypotheses[i]. Lists of different length, or empty ones, are misuse
// (Error).
double corpus_chrf(absl::Span<const std::string> hypotheses,
                   absl::Span<const std::vector<std::string>> references, const ChrfOptions& options = {});
double sentence_chrf(std::string_view hypothesis, absl::Span<const std::string> references,
                     const ChrfOptions& options = {});

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_CHRF_H_
