// Log-probabilities of given texts behind prompts: choices of a question, continuations, labels; and what is
// made of them.
//
//   const std::vector<Question> questions = {{.id = "1", .prompt = ..., .choices = {a, b, c}, .gold = 1}, ...};
//   const auto log_probs = choice_log_probs(decode_model(model), questions);
//   const size_t answer = best_choice(log_probs[0]);
//
// Prompts share their common beginning as in session.h; choices of a question share their prompt and, as a
// trie, their own beginnings: each token is computed once, and each choice's last token not at all.
#ifndef ROUX_RECIPES_KIT_DECODE_SCORE_H_
#define ROUX_RECIPES_KIT_DECODE_SCORE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/decode/session.h"

namespace roux::kit {

struct Question {
  std::string id = {};
  Tokens prompt = {};
  std::vector<Tokens> choices = {};  // one token or more each
  std::vector<int> answer =
      {};         // answer[i]: what choice i stands for (several tokenisations, paraphrases); empty: itself
  int gold = -1;  // the right answer, where known
};

struct ScoreOptions {
  int64_t rows = 64;  // at once
};

// A token behind the prompt and the tokens before it.
struct TokenScore {
  double log_prob = 0;     // from f32 logits
  bool likeliest = false;  // greedy decoding takes it: of the most probable ones it has the lowest id
};
// [question][choice][token]. Throws Error naming the question for a prompt or a choice without tokens, no
// room in the context, and logits that are not finite.
std::vector<std::vector<std::vector<TokenScore>>> choice_token_scores(const DecodeModel& model,
                                                                      absl::Span<const Question> questions,
                                                                      const ScoreOptions& options = {});
// [question][choice][token]: the log-probabilities alone.
std::vector<std::vector<std::vector<double>>> choice_token_log_probs(const DecodeModel& model,
                                                                     absl::Span<const Question> questions,
                                                                     const ScoreOptions& options = {});
// [question][choice]: their sums.
std::vector<std::vector<double>> choice_log_probs(const DecodeModel& model,
                                                  absl::Span<const Question> questions,
                                                  const ScoreOptions& options = {});
// [prompt][token]: of one continuation behind each prompt.
std::vector<std::vector<double>> continuation_log_probs(const DecodeModel& model,
                                                        absl::Span<const Tokens> prompts,
                                                        absl::Span<const Tokens> continuations,
                                                        const ScoreOptions& options = {});

// What follows takes the log-probabilities of one question's choices, finite or -inf, and throws Error for
// lists of different length.
size_t best_choice(absl::Span<const double> scores);  // the first among equals
// Divided by each choice's number of tokens, or of bytes of its text.
std::vector<double> per_token(absl::Span<const double> log_probs, absl::Span<const Tokens> choices);
std::vector<double> per_byte(absl::Span<const double> log_probs, absl::Span<const std::string> texts);
// log p(choice | prompt) - log p(choice | neutral): pointwise mutual information. `neutral`:
// log-probabilities of the same choices behind a prompt without the question ("Answer:")           [Holtzman
// et al. 2021, DC-PMI]
std::vector<double> pointwise_mutual_information(absl::Span<const double> log_probs,
                                                 absl::Span<const double> neutral);
// Probabilities of the choices, divided by their mean behind prompts without content ("N/A") and normalised;
// `content_free` has a list for each of these prompts.              [Zhao et al. 2021, W = diag(p_cf)^-1, b =
// 0]
std::vector<double> contextual_calibration(absl::Span<const double> log_probs,
                                           absl::Span<const std::vector<double>> content_free);
// [answer]: probabilities of its choices added up, normalised over the answers.
std::vector<double> answer_probabilities(const Question& question, absl::Span<const double> log_probs);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DECODE_SCORE_H_
