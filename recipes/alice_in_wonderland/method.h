// How answers to the problems are read and judged (arXiv 2406.02061): the authors' parser, kinds of wrong
// answers, the Beta distribution of a correct response rate, and how much rates fluctuate over variations
// that leave the problem as it is. Plain functions in f64; misuse throws Error.
#ifndef ROUX_RECIPES_ALICE_IN_WONDERLAND_METHOD_H_
#define ROUX_RECIPES_ALICE_IN_WONDERLAND_METHOD_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/stats/random.h"

namespace roux::alice {

// The authors' parser: of the response in lower case, with spaces for line ends, the digits of the first
// match of "answer:.*?(\d+)", else of "has.*?(\d+)". Digits are ASCII: others never equal a right answer.
std::optional<std::string> parse_answer(std::string_view response);
// AIW Param: whether "M + 1" stands in the response, with or without spaces, or "1 + M"; any case. The
// authors' pattern takes "M+1" and "M 1" and misses "M + 1".
bool names_one_more(std::string_view response, char symbol);

// What an answer is, of N stated brothers and M stated sisters. The first that fits counts: N may equal M or
// M + 1. The counts are those of the person whose own sex is asked for; of Bob's problem N and M change
// places.
enum class Kind : uint8_t {
  kRight,
  kForgot,         // M: the person herself is forgotten, the stated number copied
  kOther,          // N
  kSum,            // N + M
  kSumAndOne,      // N + M + 1
  kRightUnparsed,  // no answer is parsed, but the right number stands in the text
  kUnparsed,
  kElse
};
inline constexpr int kKinds = 8;
const char* name_of(Kind kind);  // "right", "M", "N", "N+M", "N+M+1", "right, unparsed", "unparsed", "else"
struct Counts {
  int64_t right = 0;              // the right answer
  int64_t copied = 0, other = 0;  // M and N
};
Kind kind_of(const std::optional<std::string>& parsed, std::string_view response, const Counts& counts);

// Correct responses of one variation under one prompt type: p = right / trials.
struct Cell {
  std::string variation, type;
  int64_t right = 0, trials = 0;
  double rate() const { return static_cast<double>(right) / static_cast<double>(trials); }
};

// Beta(alpha, beta) of this mean and variance: nu = mean (1 - mean) / variance - 1, alpha = mean nu, beta =
// (1 - mean) nu. With the variance p (1 - p) / n of a rate nu is n - 1. At means of 0 and 1, and for one
// trial, there is none: a point, nullopt. Throws Error unless 0 <= mean <= 1 and variance >= 0.
struct Beta {
  double alpha = 0, beta = 0;
  double density(double x) const;  // 0 < x < 1
};
std::optional<Beta> match_beta(double mean, double variance);
std::optional<Beta> beta_of(const Cell& cell);

// How rates differ over variations, of two or more cells with trials.
struct Fluctuation {
  double range = 0;      // max_v p_v - min_v p_v
  double deviation = 0;  // sample standard deviation over variations
  double statistic =
      0;  // chi-square of homogeneity: sum (k - n p)^2 / (n p (1 - p)), p pooled; 0 where all agree
  int64_t degrees = 0;  // variations - 1
  // Of the chi-square distribution; where a right or wrong count below 5 is expected, of all arrangements of
  // the responses: exact for cells of equal size, else of 100,000 random ones.
  double p_value = 1;
  bool exact = false;  // whether arrangements were counted
  // R = 1 - (max - min), 1 for no fluctuation. Ours: the formula of the authors' score could not be verified.
  double robustness() const { return 1 - range; }
};
Fluctuation fluctuation(absl::Span<const Cell> cells);

// The parametric bootstrap: ranges of rates in `draws` draws of all cells at the pooled rate, ascending.
std::vector<double> ranges_under_equal_rates(absl::Span<const Cell> cells, int64_t draws,
                                             stats::RandomStream& random);

// Whether a response claims certainty: a lexicon of ours ("definitely", "double-checked", "the correct answer
// is" ...).
bool sounds_confident(std::string_view response);

}  // namespace roux::alice

#endif  // ROUX_RECIPES_ALICE_IN_WONDERLAND_METHOD_H_
