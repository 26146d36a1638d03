#include "recipes/kit/eval/rouge.h"

#include <algorithm>

#include "recipes/kit/eval/edit_distance.h"
#include "recipes/kit/eval/ngram_matches.h"
#include "recipes/kit/eval/porter_stemmer.h"
#include "recipes/kit/text/unicode.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

RougeScore score_of(int64_t matches, int64_t reference, int64_t hypothesis) {
  const auto hits = static_cast<double>(matches);
  RougeScore s;
  s.precision = hypothesis > 0 ? hits / static_cast<double>(hypothesis) : 0;
  s.recall = reference > 0 ? hits / static_cast<double>(reference) : 0;
  s.f1 = s.precision + s.recall > 0 ? 2 * s.precision * s.recall / (s.precision + s.recall) : 0;
  return s;
}

std::vector<Symbols> sentences_of(std::string_view text, const RougeOptions& options, TokenNumbers* numbers) {
  std::vector<Symbols> sentences;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (end > begin) sentences.push_back(numbers->of(rouge_tokens(text.substr(begin, end - begin), options)));
    begin = end + 1;
  }
  return sentences;
}

// Marks the positions of `a` that belong to a longest common subsequence with b; of several the one that
// rouge-score finds, which goes back from the ends and leaves out of `a` where both ways are equally long.
void mark_common(const Symbols& a, const Symbols& b, std::vector<bool>* marked) {
  const size_t width = b.size() + 1;
  std::vector<int32_t> table((a.size() + 1) * width);
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      table[i * width + j] = a[i - 1] == b[j - 1]
                                 ? table[(i - 1) * width + j - 1] + 1
                                 : std::max(table[(i - 1) * width + j], table[i * width + j - 1]);
    }
  }
  size_t i = a.size(), j = b.size();
  while (i > 0 && j > 0) {
    if (a[i - 1] == b[j - 1]) {
      (*marked)[i - 1] = true;
      --i, --j;
    } else if (table[i * width + j - 1] > table[(i - 1) * width + j]) {
      --j;
    } else {
      --i;
    }
  }
}

// How often each token is in the sentences; `all` is the number of tokens.
std::vector<int64_t> token_counts(const std::vector<Symbols>& sentences, int64_t* all) {
  std::vector<int64_t> counts;
  for (const Symbols& sentence : sentences) {
    for (const int32_t token : sentence) {
      if (static_cast<size_t>(token) >= counts.size()) counts.resize(static_cast<size_t>(token) + 1);
      ++counts[token];
      ++*all;
    }
  }
  return counts;
}

}  // namespace

std::vector<std::string> rouge_tokens(std::string_view text, const RougeOptions& options) {
  std::vector<std::string> tokens(1);
  for (const char c : lowercase(text)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      tokens.back() += c;
    } else if (!tokens.back().empty()) {
      tokens.emplace_back();
    }
  }
  if (tokens.back().empty()) tokens.pop_back();
  if (options.stem) {
    for (std::string& token : tokens) {
      if (token.size() > 3) token = porter_stem(token);
    }
  }
  return tokens;
}

RougeScore rouge_n(std::string_view reference, std::string_view hypothesis, int n,
                   const RougeOptions& options) {
  ROUX_CHECK(n >= 1) << "rouge_n: n is " << n << ", expected 1 or more";
  TokenNumbers numbers;
  const Symbols r = numbers.of(rouge_tokens(reference, options));
  const Symbols h = numbers.of(rouge_tokens(hypothesis, options));
  return score_of(clipped_ngram_matches(h, {r}, n)[n - 1], ngram_total(static_cast<int64_t>(r.size()), n),
                  ngram_total(static_cast<int64_t>(h.size()), n));
}

RougeScore rouge_l(std::string_view reference, std::string_view hypothesis, const RougeOptions& options) {
  TokenNumbers numbers;
  const Symbols r = numbers.of(rouge_tokens(reference, options));
  const Symbols h = numbers.of(rouge_tokens(hypothesis, options));
  return score_of(longest_common_subsequence(r, h), static_cast<int64_t>(r.size()),
                  static_cast<int64_t>(h.size()));
}

RougeScore rouge_lsum(std::string_view reference, std::string_view hypothesis, const RougeOptions& options) {
  TokenNumbers numbers;
  const std::vector<Symbols> r = sentences_of(reference, options, &numbers);
  const std::vector<Symbols> h = sentences_of(hypothesis, options, &numbers);
  int64_t in_reference = 0, in_hypothesis = 0, hits = 0;
  // A token counts at most as often as it is in either text.
  std::vector<int64_t> left_r = token_counts(r, &in_reference), left_h = token_counts(h, &in_hypothesis);
  left_h.resize(std::max(left_h.size(), left_r.size()));
  for (const Symbols& sentence : r) {
    std::vector<bool> marked(sentence.size());
    for (const Symbols& other : h) mark_common(sentence, other, &marked);
    for (size_t i = 0; i < sentence.size(); ++i) {
      const int32_t token = sentence[i];
      if (!marked[i] || left_r[token] == 0 || left_h[token] == 0) continue;
      ++hits;
      --left_r[token];
      --left_h[token];
    }
  }
  return score_of(hits, in_reference, in_hypothesis);
}

}  // namespace roux::kit
