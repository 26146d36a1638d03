// ROUGE [Lin 2004] as the package rouge-score computes it: lower case, tokens of a-z and 0-9. Pure. Scores
// are 0 .. 1, and 0 where a text has no token. Averages over texts are the caller's.
#ifndef ROUX_RECIPES_KIT_EVAL_ROUGE_H_
#define ROUX_RECIPES_KIT_EVAL_ROUGE_H_

#include <string>
#include <string_view>
#include <vector>

namespace roux::kit {

struct RougeScore {
  double precision = 0, recall = 0, f1 = 0;
};

struct RougeOptions {
  bool stem = false;  // Porter stems of tokens of more than three characters
};

// Texts without a letter of a-z or a digit (Chinese, Russian, ...) have no token; score those by chrF.
std::vector<std::string> rouge_tokens(std::string_view text, const RougeOptions& options = {});

// Common n-grams of tokens.
RougeScore rouge_n(std::string_view reference, std::string_view hypothesis, int n,
                   const RougeOptions& options = {});
// Longest common subsequence of the texts.
RougeScore rouge_l(std::string_view reference, std::string_view hypothesis, const RougeOptions& options = {});
// Of summaries with one sentence a line: for each sentence of the reference the union of its longest common
// subsequences with all sentences of the hypothesis.
RougeScore rouge_lsum(std::string_view reference, std::string_view hypothesis,
                      const RougeOptions& options = {});

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_ROUGE_H_
