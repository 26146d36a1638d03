// The exact probability of an answer: the integer that a model writes next, summed over everything that
// spells it.
//
//   const TokenTexts texts(tokenizer);
//   const IntegerChoices integers(texts, 15);
//   const auto log_probs = kit::choice_log_probs(model, {{.prompt = ids, .choices = integers.choices()}});
//   integers.distribution(log_probs[0]).probabilities[7];
#ifndef ROUX_RECIPES_ALICE_IN_WONDERLAND_INTEGERS_H_
#define ROUX_RECIPES_ALICE_IN_WONDERLAND_INTEGERS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/decode/session.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::alice {

// The tokens of a vocabulary by the text that each adds in the middle of a text.
class TokenTexts {
 public:
  explicit TokenTexts(const kit::Tokenizer& tokenizer);
  // Of given texts: token i adds texts[i].
  explicit TokenTexts(absl::Span<const std::string> texts);

  // All rows of tokens whose texts, joined, are `text`, in the order of their tokens' lengths.
  std::vector<kit::Tokens> spellings(const std::string& text) const;
  // All tokens whose text begins with a digit.
  const kit::Tokens& digit_tokens() const { return digits_; }

 private:
  void add(int32_t token, const std::string& text);
  std::map<std::string, kit::Tokens> by_text_;
  size_t longest_ = 0;
  kit::Tokens digits_;
};

// Probabilities of the integers 0 .. largest.
struct IntegerDistribution {
  std::vector<double> probabilities;  // normalised over these integers
  double mass = 0;                    // what they had of all texts before
  template <class Visit>
  void visit(Visit&& visit) {
    visit("probabilities", probabilities), visit("mass", mass);
  }
};

class IntegerChoices {
 public:
  // Integers are written " n". Throws Error when an integer has no spelling.
  IntegerChoices(const TokenTexts& texts, int64_t largest);

  // The choices of a question: each spelling; and of an integer with which others of the range begin (1 of 10
  // to 15) each spelling with a token behind it that begins with a digit, whose probability is taken away
  // again: "12" is not 1. What stands behind other integers is not looked at: " 2" counts as 2, also in "20".
  const std::vector<kit::Tokens>& choices() const { return choices_; }
  // From the choices' log-probabilities: p(n) = sum of P(spelling) - sum of P(spelling and digit), where
  // there are such. Throws Error for another number of them, and when no integer has a probability.
  IntegerDistribution distribution(absl::Span<const double> log_probs) const;
  int64_t largest() const { return largest_; }

 private:
  int64_t largest_;
  std::vector<kit::Tokens> choices_;
  std::vector<int64_t> number_;  // of each choice
  std::vector<double> sign_;
};

}  // namespace roux::alice

#endif  // ROUX_RECIPES_ALICE_IN_WONDERLAND_INTEGERS_H_
