#include "recipes/llm_datasets_survey/method.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::llm_datasets_survey {
namespace {

uint64_t fnv(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

bool is_letter(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)) || (c & 0x80) != 0; }

// f(pair) of each pair of ASCII letters that are neighbours.
template <class F>
void for_letter_pairs(std::string_view text, F f) {
  for (size_t i = 1; i < text.size(); ++i) {
    const auto a = static_cast<unsigned char>(text[i - 1]), b = static_cast<unsigned char>(text[i]);
    if (absl::ascii_isalpha(a) && absl::ascii_isalpha(b))
      f(static_cast<size_t>(26 * (absl::ascii_tolower(a) - 'a') + absl::ascii_tolower(b) - 'a'));
  }
}

class UnionFind {
 public:
  explicit UnionFind(size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), 0); }
  int64_t root(int64_t i) {
    while (at(i) != i) i = at(i) = at(at(i));
    return i;
  }
  void join(int64_t a, int64_t b) {
    a = root(a), b = root(b);
    at(std::max(a, b)) = std::min(a, b);  // so that the root is the first member
  }

 private:
  int64_t& at(int64_t i) { return parent_[static_cast<size_t>(i)]; }
  std::vector<int64_t> parent_;
};

// Two years, or a year with a month and a day before or after it.
bool is_date(std::string_view token) {
  const std::vector<std::string> parts =
      absl::StrSplit(std::string(token), absl::ByAnyChar("-()"), absl::SkipEmpty());
  const auto is_year = [](const std::string& p) { return p.size() == 4 && (p[0] == '1' || p[0] == '2'); };
  const auto is_short = [](const std::string& p) { return p.size() <= 2; };
  if (parts.size() == 2) return is_year(parts[0]) && is_year(parts[1]);
  return parts.size() == 3 && is_short(parts[1]) &&
         ((is_year(parts[0]) && is_short(parts[2])) || (is_short(parts[0]) && is_year(parts[2])));
}

// Without the blanks and punctuation around it, a token of digits and the separators of phone numbers.
bool is_phone(std::string_view token) {
  if (token.find_first_of("-+()") == token.npos && token[0] != '0') return false;
  if (is_date(token)) return false;
  int digits = 0;
  for (const char c : token) {
    if (absl::ascii_isdigit(static_cast<unsigned char>(c))) {
      ++digits;
    } else if (c != '-' && c != '+' && c != '(' && c != ')') {
      return false;
    }
  }
  return digits >= 7;
}

bool is_ip(std::string_view token) {
  const std::vector<std::string> parts = absl::StrSplit(std::string(token), '.');
  return parts.size() == 4 && std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
           return !part.empty() && part.size() <= 3 &&
                  std::all_of(part.begin(), part.end(), absl::ascii_isdigit) && std::stoi(part) <= 255;
         });
}

bool is_email(std::string_view token) {
  const size_t at = token.find('@');
  return at != token.npos && at > 0 && token.find('@', at + 1) == token.npos &&
         token.find('.', at + 2) != token.npos;
}

}  // namespace

LetterPairs::LetterPairs(std::string_view reference) : share_(26 * 26) {
  double pairs = 0;
  for_letter_pairs(reference, [&](size_t pair) { ++share_[pair], ++pairs; });
  ROUX_CHECK(pairs > 0) << "the reference text has no pair of letters";
  for (double& share : share_) share /= pairs;
}

double LetterPairs::rare_share(std::string_view text) const {
  double rare = 0, pairs = 0;
  for_letter_pairs(text, [&](size_t pair) { rare += share_[pair] < 0.001, ++pairs; });
  return pairs == 0 ? 0 : rare / pairs;
}

std::string drop_reason(std::string_view document, const FilterRules& rules, const LetterPairs* pairs) {
  const std::vector<std::string_view> words = kit::split_words(document);
  const auto count = static_cast<double>(words.size());
  if (count < static_cast<double>(rules.min_words)) return "too short";
  double bytes = 0, letters = 0;
  for (const std::string_view word : words) {
    bytes += static_cast<double>(word.size());
    letters += static_cast<double>(std::count_if(word.begin(), word.end(), is_letter));
  }
  if (letters < rules.min_letters * bytes) return "few letters";
  if (bytes < rules.min_mean_word * count || bytes > rules.max_mean_word * count) return "mean word length";
  double lines = 0, bullets = 0, repeated = 0;
  std::unordered_set<std::string> seen;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(std::string(document), '\n'))) {
    const std::string text(kit::strip(line));
    if (text.empty()) continue;
    ++lines, bullets += text[0] == '*' || text[0] == '-' || text.starts_with("•");
    repeated += !seen.insert(text).second;
  }
  if (bullets > rules.max_bullet_lines * lines) return "bullet lines";
  if (repeated > rules.max_repeated_lines * lines) return "repeated lines";
  if (pairs != nullptr && pairs->rare_share(document) > rules.max_rare_bigrams) return "gibberish";
  return "";
}

std::string mask_personal_data(std::string_view text) {
  std::string out;
  size_t i = 0;
  while (i < text.size()) {
    size_t end = i;
    while (end < text.size() && !absl::ascii_isspace(static_cast<unsigned char>(text[end]))) ++end;
    std::string_view token = text.substr(i, end - i), core = token;
    constexpr std::string_view kAround = ".,;:!?<>\"'[]";
    const size_t first = core.find_first_not_of(kAround);
    if (first != core.npos) {
      const size_t last = core.find_last_not_of(kAround);
      core = core.substr(first, last - first + 1);
      const char* mask = is_email(core) ? "[EMAIL]" : is_ip(core) ? "[IP]" : is_phone(core) ? "[PHONE]" : "";
      out.append(token.substr(0, first)).append(*mask == 0 ? core : mask).append(token.substr(last + 1));
    } else {
      out.append(token);
    }
    if (end < text.size()) out.push_back(text[end]);
    i = end + 1;
  }
  return out;
}

std::string normalised(std::string_view text) {
  std::string joined;
  for (const std::string_view word : kit::split_words(text)) (joined += joined.empty() ? "" : " ") += word;
  absl::AsciiStrToLower(&joined);
  return joined;
}

std::vector<uint64_t> word_shingles(std::string_view text, int64_t n) {
  const std::string lowered = normalised(text);
  std::vector<int64_t> words;
  for (const std::string_view word : kit::split_words(lowered))
    words.push_back(static_cast<int64_t>(fnv(word)));
  return stats::token_shingles(words, n);
}

Clusters exact_duplicates(const std::vector<std::string>& documents) {
  std::unordered_map<std::string, int64_t> first;
  Clusters clusters;
  for (const std::string& document : documents) {
    const auto index = static_cast<int64_t>(clusters.size());
    clusters.push_back(first.emplace(normalised(document), index).first->second);
  }
  return clusters;
}

Clusters near_duplicates(const std::vector<std::string>& documents, const NearOptions& options) {
  const stats::MinHash hasher(options.bands * options.rows, options.seed);
  stats::LshIndex index(options.bands, options.rows);
  UnionFind sets(documents.size());
  // Of equal documents the first stands for all: many copies of one text would all be candidates of each
  // other.
  const Clusters exact = exact_duplicates(documents);
  std::vector<std::vector<uint64_t>> shingles(documents.size());
  for (size_t i = 0; i < documents.size(); ++i) {
    const auto own = static_cast<int64_t>(i);
    shingles[i] = word_shingles(documents[i], options.shingle);
    if (shingles[i].empty()) continue;
    if (exact[i] != own) {
      sets.join(exact[i], own);
      continue;
    }
    const std::vector<uint64_t> signature = hasher.signature(shingles[i]);
    for (const int64_t other : index.candidates(signature)) {
      if (sets.root(other) != sets.root(own) &&
          stats::jaccard(shingles[i], shingles[static_cast<size_t>(other)]) >= options.min_jaccard)
        sets.join(other, own);
    }
    index.add(own, signature);
  }
  Clusters clusters;
  for (size_t i = 0; i < documents.size(); ++i) clusters.push_back(sets.root(static_cast<int64_t>(i)));
  return clusters;
}

std::vector<int64_t> first_of_each(const Clusters& clusters) {
  std::vector<int64_t> kept;
  for (size_t i = 0; i < clusters.size(); ++i) {
    if (clusters[i] == static_cast<int64_t>(i)) kept.push_back(clusters[i]);
  }
  return kept;
}

double jaccard_after_edits(double edits, int64_t n) {
  const double s = std::pow(1 - edits, n);
  return s / (2 - s);
}

std::vector<bool> contaminated(const std::vector<std::string>& corpus, const std::vector<std::string>& items,
                               int64_t n) {
  const auto long_enough = [&](const std::string& text) {
    return static_cast<int64_t>(kit::split_words(text).size()) >= n;
  };
  std::unordered_set<uint64_t> seen;
  for (const std::string& document : corpus) {
    if (!long_enough(document)) continue;
    for (const uint64_t shingle : word_shingles(document, n)) seen.insert(shingle);
  }
  std::vector<bool> found;
  for (const std::string& item : items) {
    const std::vector<uint64_t> own = word_shingles(item, n);
    found.push_back(long_enough(item) && std::any_of(own.begin(), own.end(), [&](uint64_t shingle) {
                      return seen.contains(shingle);
                    }));
  }
  return found;
}

double exposure(const std::vector<double>& losses) {
  ROUX_CHECK(!losses.empty()) << "exposure: no losses";
  const auto rank = std::count_if(losses.begin(), losses.end(), [&](double x) { return x <= losses[0]; });
  return std::log2(static_cast<double>(losses.size()) / static_cast<double>(rank));
}

std::vector<Preferred> pairs_of_sort(const std::vector<int64_t>& best_first) {
  std::vector<Preferred> pairs;
  for (size_t i = 0; i < best_first.size(); ++i) {
    for (size_t j = i + 1; j < best_first.size(); ++j)
      pairs.push_back({best_first[i], best_first[j], static_cast<double>(j - i)});
  }
  return pairs;
}

std::vector<Preferred> pairs_of_scores(const std::vector<double>& scores) {
  std::vector<Preferred> pairs;
  for (size_t i = 0; i < scores.size(); ++i) {
    for (size_t j = i + 1; j < scores.size(); ++j) {
      const auto a = static_cast<int64_t>(i), b = static_cast<int64_t>(j);
      if (scores[i] > scores[j]) pairs.push_back({a, b, scores[i] - scores[j]});
      if (scores[i] < scores[j]) pairs.push_back({b, a, scores[j] - scores[i]});
    }
  }
  return pairs;
}

std::vector<Preferred> pair_of_votes(int64_t a, int64_t b, const std::vector<int>& ratings_a,
                                     const std::vector<int>& ratings_b) {
  ROUX_CHECK(ratings_a.size() == ratings_b.size()) << "both items need the votes of the same raters";
  int votes = 0;
  for (size_t i = 0; i < ratings_a.size(); ++i)
    votes += (ratings_a[i] > ratings_b[i]) - (ratings_a[i] < ratings_b[i]);
  if (votes == 0) return {};
  return {votes > 0 ? Preferred{a, b, static_cast<double>(votes)}
                    : Preferred{b, a, static_cast<double>(-votes)}};
}

std::vector<double> trigram_shares(std::string_view text, int64_t buckets) {
  const std::string lowered = " " + normalised(text) + " ";
  std::vector<double> shares(static_cast<size_t>(buckets));
  const double all = std::max<double>(1, static_cast<double>(lowered.size()) - 2);
  for (size_t i = 0; i + 3 <= lowered.size(); ++i)
    shares[fnv(std::string_view(lowered).substr(i, 3)) % static_cast<uint64_t>(buckets)] += 1 / all;
  return shares;
}

}  // namespace roux::llm_datasets_survey
