// Common n-grams of token sequences: the counting below BLEU, chrF and ROUGE-N. Exact (no hashes are
// compared) and linear in the length. All functions are pure.
#ifndef ROUX_RECIPES_KIT_EVAL_NGRAM_MATCHES_H_
#define ROUX_RECIPES_KIT_EVAL_NGRAM_MATCHES_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/eval/symbols.h"

namespace roux::kit {

// Number of n-grams in a sequence.
inline int64_t ngram_total(int64_t length, int n) { return std::max<int64_t>(0, length - n + 1); }

// result[n - 1]: sum over the different n-grams of min(count in the hypothesis, the most in any reference),
// for n from 1 to max_order.
std::vector<int64_t> clipped_ngram_matches(absl::Span<const int32_t> hypothesis,
                                           absl::Span<const Symbols> references, int max_order);

// Number of different n-grams in all sequences together.
int64_t distinct_ngrams(absl::Span<const Symbols> sequences, int n);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_NGRAM_MATCHES_H_
