// How a token is chosen from the logits of one row: rules that change them, cuts of the distribution, a draw.
// All functions are pure.
#ifndef ROUX_RECIPES_KIT_DECODE_SAMPLING_H_
#define ROUX_RECIPES_KIT_DECODE_SAMPLING_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/decode/session.h"
#include "recipes/kit/decode/trie.h"

namespace roux::kit {

struct Sampling {
  double temperature = 1;  // logits are divided by it; 0: greedy, the lowest id among equals
  int64_t top_k = 0;       // > 0: the k most probable tokens, and those as probable as the last of them
  double top_p =
      1;  // the fewest most probable tokens that have this share of what top_k left  [Holtzman et al. 2020]
  double min_p =
      0;  // tokens of at least this share of the largest probability               [Nguyen et al. 2024]
};
// Throws Error when a value is out of its range.
void check(const Sampling& sampling);

// Probabilities of tokens that top_k, top_p and min_p cut, in this order, become 0; the rest is not
// normalised.
void cut(const Sampling& sampling, absl::Span<float> probabilities);
// The inverse CDF in order of ids: the first token at which the sum exceeds u of the whole; u in [0, 1). -1
// where the probabilities have no finite sum above 0.
int32_t draw(absl::Span<const float> probabilities, double u);
// The token of the largest value, the lowest of equals; -1 where all are -inf or NaN.
int32_t most_probable(absl::Span<const float> logits);

// A seed for each step, epoch or purpose.
uint64_t mix(uint64_t seed, uint64_t number);
// In [0, 1), a multiple of 2^-53, from these four alone.
double keyed_uniform(uint64_t seed, uint64_t key, uint64_t sample, uint64_t position);

// A row as rules see it.
struct RowSoFar {
  size_t prompt_index;
  const Tokens& beginning;  // DecodeModel::beginning of the prompt
  const Tokens& generated;
};
// Changes logits [V] of what comes next; -inf: never.
using TokenRule = std::function<void(const RowSoFar& row, absl::Span<float> logits)>;

// Of tokens of beginning and text so far: positive logits are divided by it, negative ones multiplied
// [Keskar et al. 2019].
TokenRule repetition_penalty(double penalty);
// No n tokens come twice in beginning and text.
TokenRule no_repeat_ngram(int64_t n);
TokenRule ban(Tokens tokens);
// None of these before the text has so many tokens: stop tokens.
TokenRule not_before(int64_t length, Tokens tokens);
// The text is one of the labels in the trie, and then `end`.
TokenRule only(std::shared_ptr<const TokenTrie> labels, int32_t end);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DECODE_SAMPLING_H_
