#include "recipes/kit/eval/ngram_overlap.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "absl/container/flat_hash_map.h"
#include "recipes/kit/eval/edit_distance.h"
#include "recipes/kit/text/unicode.h"
#include "recipes/kit/text/utf8.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr char kJoin = '\x1F';  // between the tokens of an n-gram; no token holds it
using Counts = absl::flat_hash_map<std::string, int64_t>;

void replace_all(std::string_view from, std::string_view to, std::string* text) {
  for (size_t at = 0; (at = text->find(from, at)) != std::string::npos; at += to.size()) {
    text->replace(at, from.size(), to);
  }
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The first rule of mteval-v13a: {-~ [-` space-& (-+ :-@ / stand alone.
bool is_mteval_symbol(char c) {
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
         (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}

// Length of the character at i, which may be invalid.
size_t length_at(std::string_view text, size_t i) { return decode_utf8(text, i).length; }

// The language-dependent rules of mteval-v13a, one pass each as in the regular expressions they were.
std::string mteval_split(std::string_view text) {
  std::string a = " ";
  for (const char c : text) {
    if (is_mteval_symbol(c)) {
      a += {' ', c, ' '};
    } else {
      a += c;
    }
  }
  a += ' ';
  // A period or comma after a character that is no digit: "x." -> "x . ".
  std::string b;
  for (size_t i = 0; i < a.size();) {
    const size_t n = length_at(a, i);
    const bool hit = !is_digit(a[i]) && i + n < a.size() && (a[i + n] == '.' || a[i + n] == ',');
    b.append(a, i, n);
    if (hit) b += {' ', a[i + n], ' '};
    i += hit ? n + 1 : n;
  }
  // A period or comma before a character that is no digit: ".x" -> " . x".
  std::string c;
  for (size_t i = 0; i < b.size();) {
    const bool mark = b[i] == '.' || b[i] == ',';
    if (mark && i + 1 < b.size() && !is_digit(b[i + 1])) {
      const size_t n = length_at(b, i + 1);
      c += {' ', b[i], ' '};
      c.append(b, i + 1, n);
      i += 1 + n;
    } else {
      c += b[i++];
    }
  }
  // A dash after a digit.
  std::string d;
  for (size_t i = 0; i < c.size(); ++i) {
    d += c[i];
    if (is_digit(c[i]) && i + 1 < c.size() && c[i + 1] == '-') {
      d += " - ";
      ++i;
    }
  }
  return d;
}

std::string unescape_sgml(std::string_view text) {
  std::string line(text);
  replace_all("<skipped>", "", &line);
  replace_all("-\n", "", &line);
  replace_all("\n", " ", &line);
  replace_all("&quot;", "\"", &line);
  replace_all("&amp;", "&", &line);
  replace_all("&lt;", "<", &line);
  replace_all("&gt;", ">", &line);
  return line;
}

// sacreBLEU's ranges of characters that "zh" separates. Its two ranges above U+FFFF are written so that
// Python takes them as U+2001..U+2A6D and U+2F81..U+2FA1; the same here, or the scores would differ.
bool is_zh_char(char32_t c) {
  constexpr std::pair<char32_t, char32_t> kRanges[] = {
      {0x3400, 0x4DB5}, {0x4E00, 0x9FA5}, {0x9FA6, 0x9FBB}, {0xF900, 0xFA2D}, {0xFA30, 0xFA6A},
      {0xFA70, 0xFAD9}, {0x2001, 0x2A6D}, {0x2F81, 0x2FA1}, {0xFF00, 0xFFEF}, {0x2E80, 0x2EFF},
      {0x3000, 0x303F}, {0x31C0, 0x31EF}, {0x2F00, 0x2FDF}, {0x2FF0, 0x2FFF}, {0x3100, 0x312F},
      {0x31A0, 0x31BF}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE4F}, {0x2600, 0x26FF}, {0x2700, 0x27BF},
      {0x3200, 0x32FF}, {0x3300, 0x33FF}};
  return std::any_of(std::begin(kRanges), std::end(kRanges),
                     [c](const auto& range) { return c >= range.first && c <= range.second; });
}

std::vector<std::string> words_of(std::string_view text) {
  const std::vector<std::string_view> views = split_words(text);
  return {views.begin(), views.end()};
}

std::vector<std::string> chars_of(std::string_view text) {
  std::vector<std::string> chars;
  for (size_t i = 0; i < text.size();) {
    const size_t n = length_at(text, i);
    chars.emplace_back(text.substr(i, n));
    i += n;
  }
  return chars;
}

Counts ngrams(const std::vector<std::string>& tokens, int n) {
  Counts counts;
  for (size_t i = 0; i + n <= tokens.size(); ++i) {
    std::string key = tokens[i];
    for (int k = 1; k < n; ++k) (key += kJoin) += tokens[i + k];
    ++counts[key];
  }
  return counts;
}

int64_t total(const Counts& counts) {
  int64_t sum = 0;
  for (const auto& [key, count] : counts) sum += count;
  return sum;
}

int64_t common(const Counts& a, const Counts& b) {
  int64_t sum = 0;
  for (const auto& [key, count] : a) {
    if (const auto at = b.find(key); at != b.end()) sum += std::min(count, at->second);
  }
  return sum;
}

void check_sizes(const char* op, size_t hypotheses, absl::Span<const std::vector<std::string>> references) {
  ROUX_CHECK(hypotheses == references.size())
      << op << ": " << hypotheses << " hypotheses, " << references.size() << " lists of references";
  for (size_t i = 0; i < references.size(); ++i) {
    ROUX_CHECK(!references[i].empty()) << op << ": hypothesis " << i << " has no reference";
  }
}

RougeScore rouge_of(double matches, double reference, double hypothesis) {
  RougeScore s;
  s.precision = hypothesis > 0 ? matches / hypothesis : 0;
  s.recall = reference > 0 ? matches / reference : 0;
  s.f1 = s.precision + s.recall > 0 ? 2 * s.precision * s.recall / (s.precision + s.recall) : 0;
  return s;
}

std::vector<std::string> rouge_tokens(std::string_view text) {
  std::vector<std::string> tokens(1);
  for (const char c : lowercase(text)) {
    if ((c >= 'a' && c <= 'z') || is_digit(c)) {
      tokens.back() += c;
    } else if (!tokens.back().empty()) {
      tokens.emplace_back();
    }
  }
  if (tokens.back().empty()) tokens.pop_back();
  return tokens;
}

// Words of chrF++: one ASCII punctuation mark is taken off the end, or else the start.
std::vector<std::string> chrf_words(std::string_view text) {
  std::vector<std::string> words;
  for (const std::string_view w : split_words(text)) {
    if (count_chars(w) == 1) {
      words.emplace_back(w);
    } else if (std::ispunct(static_cast<unsigned char>(w.back()))) {
      words.emplace_back(w.substr(0, w.size() - 1));
      words.emplace_back(w.substr(w.size() - 1));
    } else if (std::ispunct(static_cast<unsigned char>(w.front()))) {
      words.emplace_back(w.substr(0, 1));
      words.emplace_back(w.substr(1));
    } else {
      words.emplace_back(w);
    }
  }
  return words;
}

struct ChrfOrder {
  double hypothesis = 0, reference = 0, match = 0;
};

std::vector<Counts> chrf_counts(std::string_view text, const ChrfOptions& options) {
  std::string solid;
  for (const std::string_view word : split_words(text)) solid += word;
  const std::vector<std::string> chars = chars_of(solid), words = chrf_words(text);
  std::vector<Counts> orders;
  for (int n = 1; n <= options.char_order; ++n) orders.push_back(ngrams(chars, n));
  for (int n = 1; n <= options.word_order; ++n) orders.push_back(ngrams(words, n));
  return orders;
}

std::vector<ChrfOrder> chrf_orders(const std::vector<Counts>& hypothesis,
                                   const std::vector<Counts>& reference) {
  std::vector<ChrfOrder> orders;
  for (size_t i = 0; i < hypothesis.size(); ++i) {
    // An order that the reference is too short for doesn't count.
    const double in_hypothesis = reference[i].empty() ? 0 : static_cast<double>(total(hypothesis[i]));
    orders.push_back({in_hypothesis, static_cast<double>(total(reference[i])),
                      static_cast<double>(common(hypothesis[i], reference[i]))});
  }
  return orders;
}

double chrf_score(const std::vector<ChrfOrder>& orders, double beta) {
  double precision = 0, recall = 0;
  int used = 0;
  for (const ChrfOrder& order : orders) {
    if (order.hypothesis <= 0 || order.reference <= 0) continue;
    precision += order.match / order.hypothesis;
    recall += order.match / order.reference;
    ++used;
  }
  if (used == 0 || precision + recall == 0) return 0;
  precision /= used;
  recall /= used;
  return 100 * (1 + beta * beta) * precision * recall / (beta * beta * precision + recall);
}

}  // namespace

std::vector<std::string> bleu_tokens(std::string_view text, BleuTokens tokens) {
  switch (tokens) {
    case BleuTokens::kNone:
      return words_of(text);
    case BleuTokens::kChar: {
      std::vector<std::string> chars;
      for (std::string& c : chars_of(text)) {
        if (!is_python_space(decode_utf8(c, 0).code_point)) chars.push_back(std::move(c));
      }
      return chars;
    }
    case BleuTokens::k13a:
      return words_of(mteval_split(unescape_sgml(text)));
    case BleuTokens::kZh:
      break;
  }
  std::string spaced;
  for (const std::string& c : chars_of(strip(text))) {
    spaced += is_zh_char(decode_utf8(c, 0).code_point) ? " " + c + " " : c;
  }
  return words_of(mteval_split(spaced));
}

BleuScore corpus_bleu(absl::Span<const std::string> hypotheses,
                      absl::Span<const std::vector<std::string>> references, const BleuOptions& options) {
  check_sizes("bleu", hypotheses.size(), references);
  BleuScore out;
  std::array<int64_t, 4> correct = {}, all = {};
  const auto tokens_of = [&](std::string_view text) {
    text = right_strip(text);
    return bleu_tokens(options.lowercase ? lowercase(text) : std::string(text), options.tokens);
  };
  for (size_t i = 0; i < hypotheses.size(); ++i) {
    const std::vector<std::string> hypothesis = tokens_of(hypotheses[i]);
    const auto length = static_cast<int64_t>(hypothesis.size());
    std::array<Counts, 4> limit;  // the most of each n-gram in any reference
    int64_t closest = -1;
    for (const std::string& text : references[i]) {
      const std::vector<std::string> reference = tokens_of(text);
      const auto size = static_cast<int64_t>(reference.size());
      const int64_t gap = std::abs(size - length), best = std::abs(closest - length);
      if (closest < 0 || gap < best || (gap == best && size < closest)) closest = size;
      for (int n = 0; n < 4; ++n) {
        for (const auto& [key, count] : ngrams(reference, n + 1)) {
          int64_t& slot = limit[n][key];
          slot = std::max(slot, count);
        }
      }
    }
    out.hypothesis_length += length;
    out.reference_length += closest;
    for (int n = 0; n < 4; ++n) {
      const Counts counts = ngrams(hypothesis, n + 1);
      all[n] += total(counts);
      correct[n] += common(counts, limit[n]);
    }
  }
  if (out.hypothesis_length < out.reference_length) {
    out.brevity_penalty = out.hypothesis_length == 0
                              ? 0
                              : std::exp(1 - static_cast<double>(out.reference_length) /
                                                 static_cast<double>(out.hypothesis_length));
  }
  if (std::all_of(correct.begin(), correct.end(), [](int64_t c) { return c == 0; })) return out;
  double smooth = 1, log_sum = 0;
  int orders = 4;
  for (int n = 0; n < 4; ++n) {
    if (all[n] == 0) break;
    if (options.effective_order) orders = n + 1;
    if (correct[n] == 0) smooth *= 2;
    const double hits = correct[n] == 0 ? 1 / smooth : static_cast<double>(correct[n]);
    out.precisions[n] = 100 * hits / static_cast<double>(all[n]);
  }
  for (int n = 0; n < orders; ++n) {
    if (out.precisions[n] == 0) return out;  // too short for this order: the score is zero
    log_sum += std::log(out.precisions[n]);
  }
  out.score = out.brevity_penalty * std::exp(log_sum / orders);
  return out;
}

double corpus_chrf(absl::Span<const std::string> hypotheses,
                   absl::Span<const std::vector<std::string>> references, const ChrfOptions& options) {
  check_sizes("chrf", hypotheses.size(), references);
  std::vector<ChrfOrder> sums(static_cast<size_t>(options.char_order + options.word_order));
  for (size_t i = 0; i < hypotheses.size(); ++i) {
    const std::vector<Counts> hypothesis = chrf_counts(hypotheses[i], options);
    std::vector<ChrfOrder> best;
    double best_score = -1;
    for (const std::string& reference : references[i]) {
      std::vector<ChrfOrder> orders = chrf_orders(hypothesis, chrf_counts(reference, options));
      const double score = chrf_score(orders, options.beta);
      if (score > best_score) best_score = score, best = std::move(orders);
    }
    for (size_t k = 0; k < sums.size(); ++k) {
      sums[k].hypothesis += best[k].hypothesis;
      sums[k].reference += best[k].reference;
      sums[k].match += best[k].match;
    }
  }
  return chrf_score(sums, options.beta);
}

RougeScore rouge_n(std::string_view reference, std::string_view hypothesis, int n) {
  ROUX_CHECK(n >= 1) << "rouge_n: n is " << n << ", expected 1 or more";
  const Counts r = ngrams(rouge_tokens(reference), n), h = ngrams(rouge_tokens(hypothesis), n);
  return rouge_of(static_cast<double>(common(h, r)), static_cast<double>(total(r)),
                  static_cast<double>(total(h)));
}

RougeScore rouge_l(std::string_view reference, std::string_view hypothesis) {
  const std::vector<std::string> r = rouge_tokens(reference), h = rouge_tokens(hypothesis);
  return rouge_of(static_cast<double>(longest_common_subsequence(r, h)), static_cast<double>(r.size()),
                  static_cast<double>(h.size()));
}

double distinct_n(absl::Span<const std::string> texts, int n) {
  ROUX_CHECK(n >= 1) << "distinct_n: n is " << n << ", expected 1 or more";
  Counts counts;
  for (const std::string& text : texts) {
    for (const auto& [key, count] : ngrams(words_of(text), n)) counts[key] += count;
  }
  return counts.empty() ? 0 : static_cast<double>(counts.size()) / static_cast<double>(total(counts));
}

}  // namespace roux::kit
