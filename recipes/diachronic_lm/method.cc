#include "recipes/diachronic_lm/method.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numeric>
#include <set>
#include <unordered_map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "recipes/kit/stats/correlation.h"
#include "recipes/kit/stats/distributions.h"
#include "recipes/kit/stats/hypothesis.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"
#include "tensor/ops/distillation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss.h"

namespace roux::diachronic_lm {
namespace {

void check_grid(const Grid& grid, size_t least) {
  ROUX_CHECK(grid.size() >= least) << "the grid has " << grid.size() << " slices, needed " << least;
  for (const auto& row : grid) ROUX_CHECK(row.size() == grid.size()) << "the grid is not square";
}

// f(i, j, excess over the diagonal of column j) of all cells off the diagonal.
template <class F>
void off_diagonal(const Grid& grid, F f) {
  for (size_t i = 0; i < grid.size(); ++i) {
    for (size_t j = 0; j < grid.size(); ++j) {
      if (i != j) f(i, j, grid[i][j] - grid[j][j]);
    }
  }
}

double mean(const std::vector<double>& x) {
  ROUX_CHECK(!x.empty()) << "the mean of nothing";
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

using Vector = std::map<size_t, double>;

// Of each of `words` its positive pointwise mutual information with its neighbours, by their ids.
std::vector<Vector> ppmi(const std::vector<std::string>& tokens, const std::vector<std::string>& words,
                         int64_t reach, std::unordered_map<std::string, size_t>& ids) {
  std::vector<size_t> id;
  for (const std::string& token : tokens) id.push_back(ids.emplace(token, ids.size()).first->second);
  std::unordered_map<size_t, size_t> asked;
  for (size_t w = 0; w < words.size(); ++w) asked.emplace(ids.emplace(words[w], ids.size()).first->second, w);
  std::vector<double> context(ids.size());
  std::vector<Vector> pairs(words.size());
  double total = 0;
  const auto n = static_cast<int64_t>(id.size());
  for (int64_t i = 0; i < n; ++i) {
    const auto word = asked.find(id[static_cast<size_t>(i)]);
    for (int64_t j = std::max<int64_t>(0, i - reach); j < std::min(n, i + reach + 1); ++j) {
      if (j == i) continue;
      const size_t neighbour = id[static_cast<size_t>(j)];
      ++total, ++context[neighbour];
      if (word != asked.end()) ++pairs[word->second][neighbour];
    }
  }
  for (Vector& vector : pairs) {
    double own = 0;
    for (const auto& [neighbour, count] : vector) own += count;
    for (auto& [neighbour, count] : vector)
      count = std::max(0.0, std::log(count * total / (own * context[neighbour])));
  }
  return pairs;
}

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (const auto& [key, value] : a) {
    const auto other = b.find(key);
    if (other != b.end()) sum += value * other->second;
  }
  return sum;
}

}  // namespace

std::vector<std::vector<int64_t>> split_paragraphs(const std::vector<int64_t>& words,
                                                   const std::vector<int64_t>& budgets) {
  std::vector<int64_t> free(words.size());
  std::iota(free.begin(), free.end(), 0);
  std::vector<std::vector<int64_t>> parts;
  for (const int64_t budget : budgets) {
    std::vector<int64_t> part, left;
    int64_t used = 0;
    for (const int64_t i : free) {
      const int64_t size = words[static_cast<size_t>(i)];
      const bool fits = used + size <= budget;
      if (fits) used += size;
      (fits ? part : left).push_back(i);
    }
    parts.push_back(std::move(part));
    free = std::move(left);
  }
  parts.push_back(std::move(free));
  return parts;
}

std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> words;
  for (std::string_view part : kit::split_words(text)) {
    const auto punctuation = [](char c) { return absl::ascii_ispunct(static_cast<unsigned char>(c)); };
    while (!part.empty() && punctuation(part.front())) part.remove_prefix(1);
    while (!part.empty() && punctuation(part.back())) part.remove_suffix(1);
    if (part.empty()) continue;
    const auto begin = static_cast<size_t>(part.data() - text.data());
    words.push_back({begin, begin + part.size(), absl::AsciiStrToLower({part.data(), part.size()}),
                     absl::ascii_isupper(static_cast<unsigned char>(part.front()))});
  }
  return words;
}

Counts count_words(std::string_view text) {
  Counts counts;
  for (const Word& word : words_of(text)) ++counts[word.text];
  return counts;
}

int64_t chunk_count(int64_t tokens, int64_t length) { return std::max<int64_t>(0, tokens / length - 1); }

Tensor mean_logits(const std::vector<Tensor>& teachers) {
  ROUX_CHECK(!teachers.empty()) << "no teacher";
  Tensor sum = teachers[0];
  for (size_t i = 1; i < teachers.size(); ++i) sum = sum + teachers[i];
  return sum / static_cast<double>(teachers.size());
}

Tensor student_loss(const Tensor& logits, const Tensor& target, const Tensor& teacher,
                    const StudentLoss& options) {
  if (options.alpha == 1) return cross_entropy(logits, target);
  const Tensor kl = distillation_loss(logits, {.logits = teacher},
                                      {.divergence = Divergence::kForwardKL,
                                       .temperature = options.temperature,
                                       .scale_by_temperature_squared = true,
                                       .reduction = Reduction::kSum});
  const auto by = static_cast<double>(options.batchmean ? target.size(0) : target.numel());
  if (options.alpha == 0) return kl / by;
  return options.alpha * cross_entropy(logits, target) + ((1 - options.alpha) / by) * kl;
}

double bits_per_byte(double nats, int64_t bytes) {
  ROUX_CHECK(bytes > 0) << "a text without bytes";
  return nats / (std::log(2.0) * static_cast<double>(bytes));
}

double diagonal_dominance(const Grid& grid) {
  check_grid(grid, 2);
  std::vector<double> above;
  off_diagonal(grid, [&](size_t, size_t, double excess) { above.push_back(excess > 0 ? 1 : 0); });
  return mean(above);
}

double separation(const Grid& grid) {
  check_grid(grid, 2);
  std::vector<double> all;  // columns have as many cells each
  off_diagonal(grid, [&](size_t, size_t, double excess) { all.push_back(excess); });
  return mean(all);
}

double growth_with_distance(const Grid& grid) {
  check_grid(grid, 3);
  std::vector<double> distance, above;
  off_diagonal(grid, [&](size_t i, size_t j, double excess) {
    distance.push_back(std::abs(static_cast<double>(i) - static_cast<double>(j)));
    above.push_back(excess);
  });
  return stats::spearman(distance, above).coefficient;
}

std::string exchange_words(const std::string& text,
                           const std::vector<std::pair<std::string, std::string>>& pairs,
                           stats::RandomStream& random) {
  std::map<std::string, std::vector<const Word*>> found;
  for (const auto& [a, b] : pairs) {
    ROUX_CHECK(a != b && found.emplace(a, std::vector<const Word*>()).second &&
               found.emplace(b, std::vector<const Word*>()).second)
        << "exchange_words: a word is in two pairs";
  }
  const std::vector<Word> words = words_of(text);
  for (const Word& word : words) {
    const auto of = found.find(word.text);
    if (of != found.end()) of->second.push_back(&word);
  }
  std::map<size_t, std::pair<const Word*, const std::string*>> changes;  // by place
  for (const auto& [a, b] : pairs) {
    const size_t m = std::min(found[a].size(), found[b].size()) / 2;
    for (const auto& [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
      std::vector<const Word*>& all = found[*from];
      for (size_t i = 0; i < m; ++i) {  // Fisher and Yates, the first m
        const auto left = static_cast<int64_t>(all.size() - i);
        std::swap(all[i], all[i + static_cast<size_t>(random.below(left))]);
        changes[all[i]->begin] = {all[i], to};
      }
    }
  }
  std::string out;
  size_t at = 0;
  for (const auto& [begin, change] : changes) {
    out.append(text, at, begin - at);
    std::string word = *change.second;
    if (change.first->capital) word[0] = absl::ascii_toupper(static_cast<unsigned char>(word[0]));
    out += word;
    at = change.first->end;
  }
  return out + text.substr(at);
}

double sense_change(const std::vector<Surprisals>& early_text, const std::vector<Surprisals>& late_text) {
  std::vector<double> in_late, in_early;
  for (const Surprisals& s : late_text) in_late.push_back(s.early - s.late);
  for (const Surprisals& s : early_text) in_early.push_back(s.late - s.early);
  return (mean(in_late) + mean(in_early)) / 2;
}

std::vector<double> neighbour_changes(const std::vector<std::string>& before,
                                      const std::vector<std::string>& after,
                                      const std::vector<std::string>& words, int64_t reach) {
  std::unordered_map<std::string, size_t> ids;
  const std::vector<Vector> a = ppmi(before, words, reach, ids), b = ppmi(after, words, reach, ids);
  std::vector<double> changes;
  for (size_t w = 0; w < words.size(); ++w) {
    const double norm = std::sqrt(dot(a[w], a[w]) * dot(b[w], b[w]));
    changes.push_back(norm > 0 ? 1 - dot(a[w], b[w]) / norm : 1);
  }
  return changes;
}

std::vector<std::string> changed_words(const Differences& differences, double level) {
  std::vector<std::pair<double, std::string>> words;
  std::vector<double> p;
  for (const auto& [word, d] : differences) {
    ROUX_CHECK(d.size() >= 2) << "'" << word << "' occurs " << d.size() << " times, needed 2";
    const double m = mean(d), n = static_cast<double>(d.size());
    double squares = 0;
    for (const double x : d) squares += (x - m) * (x - m);
    const double error = std::sqrt(squares / (n - 1) / n);
    words.emplace_back(m, word);
    p.push_back(error > 0 ? stats::student_cdf(-m / error, n - 1) : (m > 0 ? 0 : 1));
  }
  if (words.empty()) return {};
  const std::vector<double> q = stats::benjamini_hochberg(p);
  std::vector<std::pair<double, std::string>> found;
  for (size_t i = 0; i < words.size(); ++i)
    if (q[i] <= level) found.emplace_back(-words[i].first, words[i].second);
  std::sort(found.begin(), found.end());
  std::vector<std::string> ranked;
  for (const auto& [minus_mean, word] : found) ranked.push_back(word);
  return ranked;
}

bool is_known_change(const std::string& word) {
  static const auto* const kWords =
      new std::set<std::string>{"hath", "has", "doth", "does", "saith", "says",  "unto",  "thou",   "thee",
                                "thy",  "you", "your", "ye",   "thine", "spake", "spoke", "thereof"};
  if (kWords->contains(word)) return true;
  // cometh, goeth; no ordinals (twentieth), no teeth.
  return word.size() >= 5 && absl::EndsWith(word, "eth") && !absl::EndsWith(word, "ieth") && word != "teeth";
}

}  // namespace roux::diachronic_lm
