#include "recipes/kit/eval/ter.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_join.h"
#include "recipes/kit/eval/mteval.h"
#include "recipes/kit/eval/ter_shifts.h"
#include "recipes/kit/text/unicode.h"
#include "recipes/kit/text/utf8.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using Range = std::pair<char32_t, char32_t>;

// Tercom's punctuation of Chinese and Japanese, and of full width.
constexpr Range kAsianPunctuation[] = {{0x3001, 0x3002}, {0x3008, 0x3011}, {0x3014, 0x301F}, {0xFF61, 0xFF65},
                                       {0x30FB, 0x30FB}, {0xFF0E, 0xFF0E}, {0xFF0C, 0xFF0C}, {0xFF1F, 0xFF1F},
                                       {0xFF1A, 0xFF1B}, {0xFF01, 0xFF02}, {0xFF08, 0xFF09}};
// Characters that stand alone. sacreBLEU writes the end of the last range as U+3F22 (for U+32FF).
constexpr Range kAsianCharacters[] = {{0x4E00, 0x9FFF}, {0x3400, 0x4DBF}, {0x31C0, 0x31EF}, {0x2E80, 0x2EFF},
                                      {0x3300, 0x33FF}, {0xF900, 0xFAFF}, {0xFE30, 0xFE4F}, {0x3200, 0x3F22}};

template <size_t kCount>
bool in_ranges(char32_t c, const Range (&ranges)[kCount]) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [c](const Range& range) { return c >= range.first && c <= range.second; });
}

// Calls visit(bytes, code point) for each character; invalid bytes come as U+FFFD.
template <class Visit>
void for_each_char(std::string_view text, Visit visit) {
  for (size_t i = 0; i < text.size();) {
    const DecodedChar c = decode_utf8(text, i);
    visit(text.substr(i, c.length), c.code_point);
    i += c.length;
  }
}

std::string normalized_western(std::string text) {
  replace_all("\n-", "", &text);
  replace_all("\n", " ", &text);
  text = space_symbols(" " + unescape_entities(std::move(text)) + " ");
  replace_all("'s ", " 's ", &text);
  return space_periods_and_dashes(text);
}

std::string normalized_asian(std::string_view text) {
  std::string out;
  for_each_char(text, [&](std::string_view bytes, char32_t c) {
    const bool alone = in_ranges(c, kAsianCharacters) || in_ranges(c, kAsianPunctuation);
    if (alone) out += ' ';
    out += bytes;
    if (alone) out += ' ';
  });
  return out;
}

std::string without_punctuation(std::string_view text, bool asian) {
  std::string out;
  for_each_char(text, [&](std::string_view bytes, char32_t c) {
    const bool western =
        c < 0x80 && std::string_view(".,?:;!\"()").find(static_cast<char>(c)) != std::string_view::npos;
    if (!western && !(asian && in_ranges(c, kAsianPunctuation))) out += bytes;
  });
  return out;
}

}  // namespace

std::vector<std::string> ter_tokens(std::string_view text, const TerOptions& options) {
  text = right_strip(text);
  std::string line = options.case_sensitive ? std::string(text) : lowercase(text);
  if (options.normalized) {
    line = normalized_western(std::move(line));
    if (options.asian_support) line = normalized_asian(line);
  }
  if (options.no_punct) line = without_punctuation(line, options.asian_support);
  const std::vector<std::string_view> words = split_words(line);
  return {words.begin(), words.end()};
}

TerStatistics& TerStatistics::operator+=(const TerStatistics& other) {
  edits += other.edits;
  reference_length += other.reference_length;
  return *this;
}

TerStatistics ter_statistics(std::string_view hypothesis, absl::Span<const std::string> references,
                             const TerOptions& options) {
  ROUX_CHECK(!references.empty()) << "ter: a hypothesis has no reference";
  TokenNumbers numbers;
  const Symbols words = numbers.of(ter_tokens(hypothesis, options));
  TerStatistics s;
  int64_t length = 0;
  for (size_t r = 0; r < references.size(); ++r) {
    // sacreBLEU splits references a second time, which tells where the first time left a tab after "it's".
    const std::string once = absl::StrJoin(ter_tokens(references[r], options), " ");
    const Symbols reference = numbers.of(ter_tokens(once, options));
    const int64_t edits = translation_edits(words, reference);
    s.edits = r == 0 ? edits : std::min(s.edits, edits);
    length += static_cast<int64_t>(reference.size());
  }
  s.reference_length = static_cast<double>(length) / static_cast<double>(references.size());
  return s;
}

double ter_score(const TerStatistics& s) {
  if (s.reference_length > 0) return 100 * (static_cast<double>(s.edits) / s.reference_length);
  return s.edits > 0 ? 100 : 0;
}

double corpus_ter(absl::Span<const std::string> hypotheses,
                  absl::Span<const std::vector<std::string>> references, const TerOptions& options) {
  ROUX_CHECK(hypotheses.size() == references.size() && !hypotheses.empty())
      << "ter: " << hypotheses.size() << " hypotheses, " << references.size() << " lists of references";
  TerStatistics sum;
  for (size_t i = 0; i < hypotheses.size(); ++i) sum += ter_statistics(hypotheses[i], references[i], options);
  return ter_score(sum);
}

}  // namespace roux::kit
