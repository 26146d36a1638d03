#include "recipes/kit/eval/edit_distance.h"

#include <algorithm>
#include <numeric>

#include "recipes/kit/text/utf8.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

template <class T>
int64_t distance(absl::Span<const T> a, absl::Span<const T> b) {
  std::vector<int64_t> row(b.size() + 1);  // distances of a[0, i) to each b[0, j)
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    int64_t diagonal = row[0];
    row[0] = static_cast<int64_t>(i) + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const int64_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::vector<char32_t> chars_of(std::string_view text) {
  std::vector<char32_t> chars;
  for (size_t i = 0; i < text.size();) {
    const DecodedChar c = decode_utf8(text, i);
    chars.push_back(c.code_point);
    i += c.length;
  }
  return chars;
}

std::vector<std::string> words_of(std::string_view text) {
  const std::vector<std::string_view> views = split_words(text);
  return {views.begin(), views.end()};
}

template <class T, class Split>
double error_rate(const char* op, absl::Span<const std::string> references,
                  absl::Span<const std::string> hypotheses, Split split) {
  ROUX_CHECK(references.size() == hypotheses.size())
      << op << ": " << references.size() << " references, " << hypotheses.size() << " hypotheses";
  int64_t edits = 0, length = 0;
  for (size_t i = 0; i < references.size(); ++i) {
    const std::vector<T> reference = split(references[i]), hypothesis = split(hypotheses[i]);
    edits += distance<T>(reference, hypothesis);
    length += static_cast<int64_t>(reference.size());
  }
  ROUX_CHECK(length > 0) << op << ": the references are empty";
  return static_cast<double>(edits) / static_cast<double>(length);
}

}  // namespace

int64_t edit_distance(absl::Span<const std::string> a, absl::Span<const std::string> b) {
  return distance<std::string>(a, b);
}

int64_t char_edit_distance(std::string_view a, std::string_view b) {
  return distance<char32_t>(chars_of(a), chars_of(b));
}

int64_t longest_common_subsequence(absl::Span<const std::string> a, absl::Span<const std::string> b) {
  std::vector<int64_t> row(b.size() + 1, 0);
  for (const std::string& word : a) {
    int64_t diagonal = 0;
    for (size_t j = 0; j < b.size(); ++j) {
      const int64_t above = row[j + 1];
      row[j + 1] = word == b[j] ? diagonal + 1 : std::max(above, row[j]);
      diagonal = above;
    }
  }
  return row.back();
}

double word_error_rate(absl::Span<const std::string> references, absl::Span<const std::string> hypotheses) {
  return error_rate<std::string>("word_error_rate", references, hypotheses, words_of);
}

double char_error_rate(absl::Span<const std::string> references, absl::Span<const std::string> hypotheses) {
  return error_rate<char32_t>("char_error_rate", references, hypotheses,
                              [](const std::string& text) { return chars_of(strip(text)); });
}

}  // namespace roux::kit
