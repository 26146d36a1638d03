#include "recipes/kit/eval/error_rate.h"

#include <string_view>
#include <vector>

#include "recipes/kit/eval/edit_distance.h"
#include "recipes/kit/text/utf8.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

std::vector<std::string_view> jiwer_words(std::string_view text) {
  text = strip(text);
  std::vector<std::string_view> words;
  size_t begin = 0;
  const auto add = [&](size_t end) {
    if (end > begin) words.push_back(text.substr(begin, end - begin));
  };
  for (size_t i = 0; i < text.size();) {
    size_t end = i, spaces = 0;
    while (end < text.size()) {
      const DecodedChar c = decode_utf8(text, end);
      if (!is_python_space(c.code_point)) break;
      end += c.length;
      ++spaces;
    }
    if (spaces > 1 || (spaces == 1 && text[i] == ' ')) {
      add(i);
      begin = end;
    }
    i = spaces > 0 ? end : end + decode_utf8(text, end).length;
  }
  add(text.size());
  return words;
}

template <class SymbolsOf>
double error_rate(const char* op, absl::Span<const std::string> references,
                  absl::Span<const std::string> hypotheses, SymbolsOf symbols_of) {
  ROUX_CHECK(references.size() == hypotheses.size())
      << op << ": " << references.size() << " references, " << hypotheses.size() << " hypotheses";
  int64_t edits = 0, length = 0;
  for (size_t i = 0; i < references.size(); ++i) {
    const Symbols reference = symbols_of(references[i]), hypothesis = symbols_of(hypotheses[i]);
    edits += edit_distance(reference, hypothesis);
    length += static_cast<int64_t>(reference.size());
  }
  ROUX_CHECK(length > 0) << op << ": the references are empty";
  return static_cast<double>(edits) / static_cast<double>(length);
}

}  // namespace

double word_error_rate(absl::Span<const std::string> references, absl::Span<const std::string> hypotheses) {
  TokenNumbers numbers;
  return error_rate("word_error_rate", references, hypotheses,
                    [&](const std::string& text) { return numbers.of(jiwer_words(text)); });
}

double char_error_rate(absl::Span<const std::string> references, absl::Span<const std::string> hypotheses) {
  return error_rate("char_error_rate", references, hypotheses,
                    [](const std::string& text) { return char_symbols(strip(text)); });
}

}  // namespace roux::kit
