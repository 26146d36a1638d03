// Tasks scored: what a model makes of the items of task_items.h. The model is a function, so that any can
// stand behind it: one of a decoder with its cache, an n-gram model, planted answers in a test. Work is over
// slices of items, as for_items (run/items.h) hands them out; outcomes are Values of run/record.h.
//
//   ROUX_ASSIGN_OR_RETURN(const auto items, read_choice_items("arc_easy.jsonl"));
//   ROUX_ASSIGN_OR_RETURN(const auto outcomes, for_items(part, items.size(), 64,
//       [&](int64_t begin, int64_t end, const std::vector<ChoiceOutcome>&) {
//         return score_choices(format, exemplars, absl::MakeSpan(items).subspan(begin, end - begin), score);
//       }));
//   for (size_t i = 0; i < items.size(); ++i) part.prediction(prediction_of(items[i], outcomes[i]));
//   choice_accuracy(outcomes).per_byte;
//
// Misuse is an Error: nothing to summarise; a model that answers with another number of things than it was
// asked for, with log-probabilities above 0 or that are not numbers.
#ifndef ROUX_RECIPES_KIT_EVAL_TASKS_H_
#define ROUX_RECIPES_KIT_EVAL_TASKS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/eval/likelihood.h"
#include "recipes/kit/eval/task_items.h"
#include "recipes/kit/run/prediction.h"

namespace roux::kit {

// A continuation behind its prompt.
struct ContinuationScore {
  double log_probability = 0;  // the sum over its tokens, in nats; -infinity where it is impossible
  int64_t tokens = 0;          // 1 or more
  bool greedy = false;         // each token was the most probable one: greedy decoding writes it
};

// [prompt][continuation]: the scores of each prompt's continuations.
using ScoreContinuations = std::function<std::vector<std::vector<ContinuationScore>>(
    absl::Span<const std::string> prompts, absl::Span<const std::vector<std::string>> continuations)>;
// A text for each prompt.
using Generate = std::function<std::vector<std::string>(absl::Span<const std::string> prompts)>;
// How good an output is: exact_match, answer_f1 over the best reference, sentence_chrf, ...
using OutputScore =
    std::function<double(const std::string& output, const std::vector<std::string>& references)>;
using ScoreTexts = std::function<std::vector<TokenLikelihood>(absl::Span<const std::string> texts)>;

// Multiple choice: the most probable choice by three scores, the first among equals [the accuracy and
// normalised accuracies of the Language Model Evaluation Harness].
struct ChoiceOutcome {
  int64_t answer = 0;
  std::vector<double> log_probabilities;  // of each choice
  int64_t by_sum = 0, by_byte = 0,
          by_token = 0;  // the sum; divided by the bytes of the choice; by its tokens
  template <class V>
  void visit(V&& v) {
    v("answer", answer), v("log_probabilities", log_probabilities);
    v("by_sum", by_sum), v("by_byte", by_byte), v("by_token", by_token);
  }
};
// Zero-shot without exemplars, else few-shot. Bytes are those of the choice's text, without the delimiter.
std::vector<ChoiceOutcome> score_choices(const PromptFormat& format, absl::Span<const ChoiceItem> exemplars,
                                         absl::Span<const ChoiceItem> items, const ScoreContinuations& score);
// gold and output are texts of choices, output that of by_sum; the scores are the log-probabilities.
Prediction prediction_of(const ChoiceItem& item, const ChoiceOutcome& outcome);
struct ChoiceAccuracy {
  double sum = 0, per_byte = 0, per_token = 0;  // shares of right answers
};
ChoiceAccuracy choice_accuracy(absl::Span<const ChoiceOutcome> outcomes);

// Likelihood of a given continuation [LAMBADA's form: Paperno et al. 2016].
struct LikelihoodOutcome {
  double log_probability = 0;
  int64_t tokens = 0;
  bool greedy = false;
  template <class V>
  void visit(V&& v) {
    v("log_probability", log_probability), v("tokens", tokens), v("greedy", greedy);
  }
};
std::vector<LikelihoodOutcome> score_likelihoods(absl::Span<const LikelihoodItem> items,
                                                 const ScoreContinuations& score);
// gold is the continuation; output the same where greedy decoding writes it, else empty.
Prediction prediction_of(const LikelihoodItem& item, const LikelihoodOutcome& outcome);
struct LikelihoodSummary {
  double accuracy = 0;          // the share of greedy ones
  double item_perplexity = 0;   // exp(-mean over items of log p)
  double token_perplexity = 0;  // exp(-sum of log p / all tokens)
};
LikelihoodSummary likelihood_summary(absl::Span<const LikelihoodOutcome> outcomes);

struct GenerationOutcome {
  std::string output;
  double score = 0;
  template <class V>
  void visit(V&& v) {
    v("output", output), v("score", score);
  }
};
std::vector<GenerationOutcome> score_generations(const PromptFormat& format,
                                                 absl::Span<const GenerationItem> exemplars,
                                                 absl::Span<const GenerationItem> items,
                                                 const Generate& generate, const OutputScore& score);
// gold is the first reference.
Prediction prediction_of(const GenerationItem& item, const GenerationOutcome& outcome);
double mean_score(absl::Span<const GenerationOutcome> outcomes);

struct TextOutcome {
  double negative_log_likelihood = 0;  // nats
  int64_t tokens = 0, bytes = 0;
  template <class V>
  void visit(V&& v) {
    v("negative_log_likelihood", negative_log_likelihood), v("tokens", tokens), v("bytes", bytes);
  }
};
std::vector<TextOutcome> score_texts(absl::Span<const TextItem> items, const ScoreTexts& score);
// gold and output are empty; the scores are negative log likelihood, tokens and bytes.
Prediction prediction_of(const TextItem& item, const TextOutcome& outcome);
struct TextSummary {
  double perplexity = 0;     // a token, over all texts
  double bits_per_byte = 0;  // over all texts
};
TextSummary text_summary(absl::Span<const TextOutcome> outcomes);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_TASKS_H_
