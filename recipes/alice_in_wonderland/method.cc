#include "recipes/alice_in_wonderland/method.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/stats/distributions.h"
#include "tensor/error.h"

namespace roux::alice {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The first digits behind the first `word`: what "word.*?(\d+)" finds where no line ends.
std::optional<std::string> digits_behind(std::string_view text, std::string_view word) {
  size_t at = text.find(word);
  if (at == std::string_view::npos) return std::nullopt;
  at += word.size();
  while (at < text.size() && !is_digit(text[at])) ++at;
  size_t end = at;
  while (end < text.size() && is_digit(text[end])) ++end;
  if (at == end) return std::nullopt;
  return std::string(text.substr(at, end - at));
}

// Whether the number stands in the text, not as a part of another.
bool holds_number(std::string_view text, const std::string& number) {
  for (size_t at = text.find(number); at != std::string_view::npos; at = text.find(number, at + 1)) {
    const size_t end = at + number.size();
    if ((at == 0 || !is_digit(text[at - 1])) && (end == text.size() || !is_digit(text[end]))) return true;
  }
  return false;
}

struct Margins {
  int64_t right = 0, trials = 0;
  double rate() const { return static_cast<double>(right) / static_cast<double>(trials); }
};

Margins margins_of(absl::Span<const Cell> cells) {
  ROUX_CHECK(cells.size() >= 2) << "fluctuation: " << cells.size() << " variations, needed 2 or more";
  Margins all;
  for (const Cell& cell : cells) {
    ROUX_CHECK(cell.trials >= 1 && cell.right >= 0 && cell.right <= cell.trials)
        << "fluctuation: " << cell.right << " right of " << cell.trials << " trials";
    all.right += cell.right, all.trials += cell.trials;
  }
  return all;
}

double statistic(absl::Span<const Cell> cells, absl::Span<const int64_t> right, double p) {
  double sum = 0;
  for (size_t i = 0; i < cells.size(); ++i) {
    const double n = static_cast<double>(cells[i].trials), off = static_cast<double>(right[i]) - n * p;
    sum += off * off / (n * p * (1 - p));
  }
  return sum;
}

double choose(int64_t n, int64_t k) {
  return std::exp(std::lgamma(static_cast<double>(n) + 1) - std::lgamma(static_cast<double>(k) + 1) -
                  std::lgamma(static_cast<double>(n - k) + 1));
}

// The share of arrangements of the right responses over cells of equal size whose statistic is at least the
// observed one. It grows with the sum of squares, so that (sum, sum of squares) is all that a partial table
// needs.
double arrangements_of_equal_cells(absl::Span<const Cell> cells, const Margins& all) {
  const int64_t n = cells[0].trials;
  int64_t observed = 0;
  for (const Cell& cell : cells) observed += cell.right * cell.right;
  std::map<std::pair<int64_t, int64_t>, double> ways = {{{0, 0}, 1.0}};
  for (size_t i = 0; i < cells.size(); ++i) {
    const int64_t left = n * static_cast<int64_t>(cells.size() - i - 1);  // responses of the cells behind
    std::map<std::pair<int64_t, int64_t>, double> next;
    double most = 0;
    for (const auto& [sums, weight] : ways) {
      for (int64_t k = 0; k <= n; ++k) {
        const int64_t right = sums.first + k;
        if (right > all.right || right + left < all.right) continue;
        double& w = next[{right, sums.second + k * k}];
        w += weight * choose(n, k);
        most = std::max(most, w);
      }
    }
    for (auto& entry : next) entry.second /= most;  // only shares count
    ways = std::move(next);
  }
  double total = 0, extreme = 0;
  for (const auto& [sums, weight] : ways) {
    total += weight;
    if (sums.second >= observed) extreme += weight;
  }
  return extreme / total;
}

double random_arrangements(absl::Span<const Cell> cells, const Margins& all, double observed) {
  constexpr int64_t kDraws = 100000;
  stats::RandomStream random(/*seed=*/1);
  int64_t extreme = 0;
  std::vector<int64_t> right(cells.size());
  for (int64_t draw = 0; draw < kDraws; ++draw) {
    // Responses one by one, without replacement.
    int64_t rights = all.right, rest = all.trials;
    for (size_t i = 0; i < cells.size(); ++i) {
      right[i] = 0;
      for (int64_t trial = 0; trial < cells[i].trials; ++trial, --rest) {
        if (random.below(rest) < rights) ++right[i], --rights;
      }
    }
    if (statistic(cells, right, all.rate()) >= observed * (1 - 1e-12)) ++extreme;
  }
  return static_cast<double>(extreme + 1) / static_cast<double>(kDraws + 1);
}

}  // namespace

std::optional<std::string> parse_answer(std::string_view response) {
  const std::string text = absl::AsciiStrToLower(absl::string_view(response.data(), response.size()));
  if (auto answer = digits_behind(text, "answer:")) return answer;
  return digits_behind(text, "has");
}

bool names_one_more(std::string_view response, char symbol) {
  std::string text;
  for (const char c : response)
    if (!absl::ascii_isspace(static_cast<unsigned char>(c)))
      text += absl::ascii_tolower(static_cast<unsigned char>(c));
  const char s = absl::ascii_tolower(static_cast<unsigned char>(symbol));
  const auto found = [&](const std::string& sum) {
    for (size_t at = text.find(sum); at != std::string::npos; at = text.find(sum, at + 1)) {
      const size_t end = at + sum.size();
      // "M + 1", not "M + 12", "1 + M", not "11 + M".
      if ((at == 0 || !is_digit(text[at - 1])) && (end == text.size() || !is_digit(text[end]))) return true;
    }
    return false;
  };
  return found(absl::StrCat(std::string(1, s), "+1")) || found(absl::StrCat("1+", std::string(1, s)));
}

const char* name_of(Kind kind) {
  static constexpr const char* kNames[kKinds] = {"right",           "M",        "N",   "N+M", "N+M+1",
                                                 "right, unparsed", "unparsed", "else"};
  return kNames[static_cast<size_t>(kind)];
}

Kind kind_of(const std::optional<std::string>& parsed, std::string_view response, const Counts& counts) {
  if (!parsed)
    return holds_number(response, absl::StrCat(counts.right)) ? Kind::kRightUnparsed : Kind::kUnparsed;
  const auto is = [&](int64_t number) { return *parsed == absl::StrCat(number); };
  if (is(counts.right)) return Kind::kRight;
  if (is(counts.copied)) return Kind::kForgot;
  if (is(counts.other)) return Kind::kOther;
  if (is(counts.copied + counts.other)) return Kind::kSum;
  if (is(counts.copied + counts.other + 1)) return Kind::kSumAndOne;
  return Kind::kElse;
}

double Beta::density(double x) const {
  return std::exp((alpha - 1) * std::log(x) + (beta - 1) * std::log1p(-x) + std::lgamma(alpha + beta) -
                  std::lgamma(alpha) - std::lgamma(beta));
}

std::optional<Beta> match_beta(double mean, double variance) {
  ROUX_CHECK(mean >= 0 && mean <= 1 && variance >= 0)
      << "match_beta: mean " << mean << ", variance " << variance << ", needed 0 to 1, and 0 or more";
  if (mean == 0 || mean == 1 || variance == 0) return std::nullopt;
  const double nu = mean * (1 - mean) / variance - 1;
  if (nu <= 0) return std::nullopt;
  return Beta{mean * nu, (1 - mean) * nu};
}

std::optional<Beta> beta_of(const Cell& cell) {
  const double p = cell.rate();
  return match_beta(p, p * (1 - p) / static_cast<double>(cell.trials));
}

Fluctuation fluctuation(absl::Span<const Cell> cells) {
  const Margins all = margins_of(cells);
  Fluctuation out{.degrees = static_cast<int64_t>(cells.size()) - 1};
  std::vector<int64_t> right;
  double low = 1, high = 0, mean = 0, squares = 0, least = static_cast<double>(all.trials);
  const double p = all.rate();
  bool equal = true;
  for (const Cell& cell : cells) {
    right.push_back(cell.right);
    low = std::min(low, cell.rate()), high = std::max(high, cell.rate());
    mean += cell.rate() / static_cast<double>(cells.size());
    least = std::min(least, static_cast<double>(cell.trials) * std::min(p, 1 - p));
    equal = equal && cell.trials == cells[0].trials;
  }
  for (const Cell& cell : cells) squares += (cell.rate() - mean) * (cell.rate() - mean);
  out.range = high - low;
  out.deviation = std::sqrt(squares / static_cast<double>(cells.size() - 1));
  out.exact = least < 5;
  if (all.right == 0 || all.right == all.trials) return out;
  out.statistic = statistic(cells, right, p);
  out.p_value = !out.exact ? stats::chi_square_upper(out.statistic, static_cast<double>(out.degrees))
                : equal    ? arrangements_of_equal_cells(cells, all)
                           : random_arrangements(cells, all, out.statistic);
  return out;
}

std::vector<double> ranges_under_equal_rates(absl::Span<const Cell> cells, int64_t draws,
                                             stats::RandomStream& random) {
  ROUX_CHECK(draws >= 1) << "ranges_under_equal_rates: " << draws << " draws, needed 1 or more";
  const double p = margins_of(cells).rate();
  std::vector<double> ranges;
  for (int64_t draw = 0; draw < draws; ++draw) {
    double low = 1, high = 0;
    for (const Cell& cell : cells) {
      int64_t right = 0;
      for (int64_t trial = 0; trial < cell.trials; ++trial) right += random.uniform() < p;
      const double rate = static_cast<double>(right) / static_cast<double>(cell.trials);
      low = std::min(low, rate), high = std::max(high, rate);
    }
    ranges.push_back(high - low);
  }
  std::sort(ranges.begin(), ranges.end());
  return ranges;
}

bool sounds_confident(std::string_view response) {
  static constexpr const char* kPhrases[] = {"certainly",
                                             "definitely",
                                             "clearly",
                                             "obviously",
                                             "undoubtedly",
                                             "without a doubt",
                                             "no doubt",
                                             "i am sure",
                                             "i'm sure",
                                             "confident",
                                             "double-check",
                                             "double check",
                                             "the correct answer is",
                                             "correct solution",
                                             "is correct",
                                             "therefore",
                                             "it is clear",
                                             "verified"};
  const std::string text = absl::AsciiStrToLower(absl::string_view(response.data(), response.size()));
  return std::any_of(std::begin(kPhrases), std::end(kPhrases),
                     [&](const char* phrase) { return absl::StrContains(text, phrase); });
}

}  // namespace roux::alice
