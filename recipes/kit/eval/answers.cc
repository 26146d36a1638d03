#include "recipes/kit/eval/answers.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <vector>

#include "recipes/kit/text/unicode.h"
#include "recipes/kit/text/utf8.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::kit {

namespace {

bool in_word(char32_t c) { return c == '_' || is_letter(c) || is_number(c); }

// Removes "a", "an" and "the" between word boundaries.
std::string drop_articles(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && in_word(decode_utf8(text, end).code_point))
      end += decode_utf8(text, end).length;
    const std::string_view word = text.substr(i, end - i);
    if (word == "a" || word == "an" || word == "the") {
      out += ' ';
    } else {
      out += word;
    }
    i = end;
    if (i < text.size()) {
      const int length = decode_utf8(text, i).length;
      out.append(text.substr(i, length));
      i += length;
    }
  }
  return out;
}

}  // namespace

std::string normalize_answer(std::string_view text) {
  std::string plain;
  for (const char c : lowercase(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || !std::ispunct(byte)) plain += c;
  }
  const std::string kept = drop_articles(plain);
  std::string out;
  for (const std::string_view word : split_words(kept)) {
    if (!out.empty()) out += ' ';
    out += word;
  }
  return out;
}

double exact_match(std::string_view answer, absl::Span<const std::string> gold) {
  ROUX_CHECK(!gold.empty()) << "exact_match: there is no gold answer";
  const std::string normal = normalize_answer(answer);
  return std::any_of(gold.begin(), gold.end(),
                     [&](const std::string& g) { return normalize_answer(g) == normal; })
             ? 1
             : 0;
}

double answer_f1(std::string_view answer, absl::Span<const std::string> gold) {
  ROUX_CHECK(!gold.empty()) << "answer_f1: there is no gold answer";
  const std::string normal = normalize_answer(answer);
  const std::vector<std::string_view> words = split_words(normal);
  double best = 0;
  for (const std::string& text : gold) {
    const std::string gold_normal = normalize_answer(text);
    const std::vector<std::string_view> gold_words = split_words(gold_normal);
    std::map<std::string_view, int64_t> left;
    for (const std::string_view word : gold_words) ++left[word];
    double common = 0;
    for (const std::string_view word : words) {
      const auto at = left.find(word);
      if (at == left.end() || at->second == 0) continue;
      --at->second;
      common += 1;
    }
    if (words.empty() || gold_words.empty()) {
      best = std::max(best, words.empty() && gold_words.empty() ? 1.0 : 0.0);
    } else {
      best = std::max(best, 2 * common / static_cast<double>(words.size() + gold_words.size()));
    }
  }
  return best;
}

}  // namespace roux::kit
