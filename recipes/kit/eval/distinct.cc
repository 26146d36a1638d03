#include "recipes/kit/eval/distinct.h"

#include "recipes/kit/eval/ngram_matches.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::kit {

double distinct_n(absl::Span<const std::string> texts, int n) {
  ROUX_CHECK(n >= 1) << "distinct_n: n is " << n << ", expected 1 or more";
  TokenNumbers numbers;
  std::vector<Symbols> sequences;
  int64_t all = 0;
  for (const std::string& text : texts) {
    sequences.push_back(numbers.of(split_words(text)));
    all += ngram_total(static_cast<int64_t>(sequences.back().size()), n);
  }
  return all == 0 ? 0 : static_cast<double>(distinct_ngrams(sequences, n)) / static_cast<double>(all);
}

}  // namespace roux::kit
