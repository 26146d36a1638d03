// Scores of generated answers and of language models: exact match and token F1, pass@k, perplexity, bits per
// byte, information parity. All functions are pure.
#ifndef ROUX_RECIPES_KIT_EVAL_ANSWERS_H_
#define ROUX_RECIPES_KIT_EVAL_ANSWERS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace roux::kit {

// SQuAD's normal form [Rajpurkar et al. 2016]: lower case, no ASCII punctuation, no a/an/the, single spaces.
std::string normalize_answer(std::string_view text);
// 1 if the normal forms agree with that of any gold answer, otherwise 0.
double exact_match(std::string_view answer, absl::Span<const std::string> gold);
// F1 of the common words of the normal forms, the best over the gold answers.
double answer_f1(std::string_view answer, absl::Span<const std::string> gold);

// Unbiased estimate of P(one of k samples is right) from n samples of which c were right [Chen et al. 2021,
// eq. 1]: 1 - C(n-c, k) / C(n, k). Needs 0 <= c <= n and 1 <= k <= n.
double pass_at_k(int64_t n, int64_t c, int64_t k);

// From the sum of negative natural log probabilities over `tokens` tokens, or over a text of `bytes` bytes.
double perplexity(double negative_log_likelihood, int64_t tokens);
double bits_per_byte(double negative_log_likelihood, int64_t bytes);

// Information parity of a text and its English parallel [Tsvetkov & Kipnis 2024]: the ratio of what the model
// needs to write the English text to what it needs for the other, both as negative log likelihoods. 1: alike;
// below 1: the language costs more.
double information_parity(double english_nll, double other_nll);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_ANSWERS_H_
