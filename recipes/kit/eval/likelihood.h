// What a language model's probabilities of a text are reported as. All functions are pure; logarithms are
// natural unless bits are named. Values that are not numbers are misuse (Error); an impossible text has an
// infinite negative log likelihood and perplexity.
#ifndef ROUX_RECIPES_KIT_EVAL_LIKELIHOOD_H_
#define ROUX_RECIPES_KIT_EVAL_LIKELIHOOD_H_

#include <cstdint>

#include "absl/types/span.h"

namespace roux::kit {

struct TokenLikelihood {
  double negative_log_likelihood = 0;  // the sum over the tokens, in nats
  int64_t tokens = 0;
};

// From logits [tokens, vocabulary] in row-major order: the sum of log sum exp(row) - row[target] in double.
// Rows whose target is `ignored` don't count. Other targets lie in 0 .. vocabulary - 1, otherwise Error.
TokenLikelihood token_likelihood(absl::Span<const float> logits, absl::Span<const int64_t> targets,
                                 int64_t ignored = -100);

// exp of the mean over tokens. Needs a token.
double perplexity(double negative_log_likelihood, int64_t tokens);

// Bits for each byte of UTF-8 text, which no tokenizer changes. Needs a byte. Compares models on one text,
// not languages: scripts differ in bytes for the same content.
double bits_per_byte(double negative_log_likelihood, int64_t bytes);

// Information parity of a language [Tsvetkov & Kipnis 2024]: the sum of negative log likelihoods of English
// phrases divided by that of the same phrases in the language. 1: alike; below 1: the language costs more.
// Lists of different length, or a sum in the language that is not above 0, are misuse (Error).
double information_parity(absl::Span<const double> english, absl::Span<const double> other);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_LIKELIHOOD_H_
