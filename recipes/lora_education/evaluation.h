// What a model answers and what it knows.
#ifndef ROUX_RECIPES_LORA_EDUCATION_EVALUATION_H_
#define ROUX_RECIPES_LORA_EDUCATION_EVALUATION_H_

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "nn/models/language_model.h"
#include "recipes/kit/stats/intervals.h"
#include "recipes/kit/text/tokenizer.h"
#include "recipes/lora_education/conversations.h"
#include "recipes/lora_education/world.h"

namespace roux::lora_education {

// Greedy answers [section 3], up to EOS or max_tokens.
std::vector<std::string> greedy_answers(const LanguageModel& model, const kit::Tokenizer& tokenizer,
                                        absl::Span<const Prompt> prompts, int64_t max_tokens);

// Signals 1, 4 and 5 of the paper's evaluation, 0 .. 1 but for BLEU (0 .. 100, of the corpus).
struct AnswerScores {
  double heading = 0, list = 0, bold = 0, action_steps = 0, markdown = 0;  // shares; markdown: all four
  double caveat = 0, rouge_l = 0, bleu = 0;                                // ROUGE-L: mean F1
  template <class Visit>
  void visit(Visit&& visit) {
    visit("heading", heading), visit("list", list), visit("bold", bold), visit("action_steps", action_steps);
    visit("markdown", markdown), visit("caveat", caveat), visit("rouge_l", rouge_l), visit("bleu", bleu);
  }
};
AnswerScores score_answers(absl::Span<const std::string> answers, absl::Span<const std::string> references);

// Signal 1's comparison: of two systems on the same items the difference of mean ROUGE-L and of corpus BLEU,
// b minus a, with bootstrap intervals over items.
struct SimilarityGain {
  stats::Interval rouge_l, bleu;
};
SimilarityGain similarity_gain(absl::Span<const std::string> a, absl::Span<const std::string> b,
                               absl::Span<const std::string> references, uint64_t seed,
                               int64_t resamples = 1000);

// What the model knows of each fact, by the world's cloze questions.
struct Knowledge {
  std::vector<bool> known;      // the truth is the likeliest of the four ends
  std::vector<double> margins;  // log p(truth) - log p(wrong value), nats
};
Knowledge facts_known(const LanguageModel& model, const kit::Tokenizer& tokenizer, const World& world);

// The mean of all, or of those whose fact is `marked` in `wrong`; NaN where there is none.
template <class T>
double mean_of(const std::vector<T>& values, const std::vector<bool>& wrong = {}, bool marked = true) {
  double sum = 0;
  int64_t count = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (wrong.empty() || wrong[i] == marked) ++count, sum += static_cast<double>(values[i]);
  }
  return sum / static_cast<double>(count);
}

}  // namespace roux::lora_education

#endif  // ROUX_RECIPES_LORA_EDUCATION_EVALUATION_H_
