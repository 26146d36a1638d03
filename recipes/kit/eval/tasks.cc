#include "recipes/kit/eval/tasks.h"

#include <cmath>
#include <utility>

#include "tensor/error.h"

namespace roux::kit {
namespace {

// The scores, asked for and looked at.
std::vector<std::vector<ContinuationScore>> checked_scores(
    const char* function, absl::Span<const std::string> prompts,
    absl::Span<const std::vector<std::string>> continuations, const ScoreContinuations& score) {
  auto scores = score(prompts, continuations);
  ROUX_CHECK(scores.size() == prompts.size())
      << function << ": the model scored " << scores.size() << " of " << prompts.size() << " prompts";
  for (size_t i = 0; i < scores.size(); ++i) {
    ROUX_CHECK(scores[i].size() == continuations[i].size())
        << function << ": the model scored " << scores[i].size() << " of " << continuations[i].size()
        << " continuations of item " << i;
    for (const ContinuationScore& one : scores[i]) {
      ROUX_CHECK(one.log_probability <= 0 && one.tokens >= 1)
          << function << ": a continuation of item " << i << " has log-probability " << one.log_probability
          << " and " << one.tokens << " tokens, needed <= 0 and 1 or more";
    }
  }
  return scores;
}

// The index of the largest score divided by its length.
int64_t best(const std::vector<double>& scores, const std::vector<double>& lengths) {
  size_t most = 0;
  for (size_t i = 1; i < scores.size(); ++i)
    if (scores[i] / lengths[i] > scores[most] / lengths[most]) most = i;
  return static_cast<int64_t>(most);
}

template <class Outcome>
double share(const char* function, absl::Span<const Outcome> outcomes, auto holds) {
  ROUX_CHECK(!outcomes.empty()) << function << ": there are no items";
  int64_t right = 0;
  for (const Outcome& outcome : outcomes) right += holds(outcome) ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(outcomes.size());
}

}  // namespace

std::vector<ChoiceOutcome> score_choices(const PromptFormat& format, absl::Span<const ChoiceItem> exemplars,
                                         absl::Span<const ChoiceItem> items,
                                         const ScoreContinuations& score) {
  std::vector<std::string> prompts;
  std::vector<std::vector<std::string>> texts;
  for (const ChoiceItem& item : items) {
    ROUX_CHECK(item.choices.size() >= 2) << "score_choices: item " << item.id << " has "
                                         << item.choices.size() << " choices, needed 2 or more";
    prompts.push_back(prompt(format, exemplars, item));
    texts.push_back(continuations(format, item));
  }
  const auto scores = checked_scores("score_choices", prompts, texts, score);
  std::vector<ChoiceOutcome> outcomes;
  for (size_t i = 0; i < items.size(); ++i) {
    ChoiceOutcome outcome;
    outcome.answer = items[i].answer;
    std::vector<double> bytes, tokens;
    for (size_t c = 0; c < scores[i].size(); ++c) {
      outcome.log_probabilities.push_back(scores[i][c].log_probability);
      bytes.push_back(static_cast<double>(texts[i][c].size() - format.delimiter.size()));
      tokens.push_back(static_cast<double>(scores[i][c].tokens));
      ROUX_CHECK(bytes.back() > 0) << "score_choices: choice " << c << " of item " << items[i].id
                                   << " is empty";
    }
    outcome.by_sum = best(outcome.log_probabilities, std::vector<double>(bytes.size(), 1.0));
    outcome.by_byte = best(outcome.log_probabilities, bytes);
    outcome.by_token = best(outcome.log_probabilities, tokens);
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

Prediction prediction_of(const ChoiceItem& item, const ChoiceOutcome& outcome) {
  return {item.id, item.choices.at(static_cast<size_t>(item.answer)),
          item.choices.at(static_cast<size_t>(outcome.by_sum)), outcome.log_probabilities};
}

ChoiceAccuracy choice_accuracy(absl::Span<const ChoiceOutcome> outcomes) {
  const auto accuracy = [&](int64_t ChoiceOutcome::*chosen) {
    return share("choice_accuracy", outcomes,
                 [&](const ChoiceOutcome& outcome) { return outcome.*chosen == outcome.answer; });
  };
  return {accuracy(&ChoiceOutcome::by_sum), accuracy(&ChoiceOutcome::by_byte),
          accuracy(&ChoiceOutcome::by_token)};
}

std::vector<LikelihoodOutcome> score_likelihoods(absl::Span<const LikelihoodItem> items,
                                                 const ScoreContinuations& score) {
  std::vector<std::string> prompts;
  std::vector<std::vector<std::string>> texts;
  for (const LikelihoodItem& item : items) {
    prompts.push_back(item.context);
    texts.push_back({item.continuation});
  }
  std::vector<LikelihoodOutcome> outcomes;
  for (const auto& scores : checked_scores("score_likelihoods", prompts, texts, score))
    outcomes.push_back({scores[0].log_probability, scores[0].tokens, scores[0].greedy});
  return outcomes;
}

Prediction prediction_of(const LikelihoodItem& item, const LikelihoodOutcome& outcome) {
  return {item.id, item.continuation, outcome.greedy ? item.continuation : "", {outcome.log_probability}};
}

LikelihoodSummary likelihood_summary(absl::Span<const LikelihoodOutcome> outcomes) {
  LikelihoodSummary summary;
  summary.accuracy =
      share("likelihood_summary", outcomes, [](const LikelihoodOutcome& outcome) { return outcome.greedy; });
  double sum = 0;
  int64_t tokens = 0;
  for (const LikelihoodOutcome& outcome : outcomes) {
    sum -= outcome.log_probability;
    tokens += outcome.tokens;
  }
  summary.item_perplexity = perplexity(sum, static_cast<int64_t>(outcomes.size()));
  summary.token_perplexity = perplexity(sum, tokens);
  return summary;
}

std::vector<GenerationOutcome> score_generations(const PromptFormat& format,
                                                 absl::Span<const GenerationItem> exemplars,
                                                 absl::Span<const GenerationItem> items,
                                                 const Generate& generate, const OutputScore& score) {
  std::vector<std::string> prompts;
  for (const GenerationItem& item : items) prompts.push_back(prompt(format, exemplars, item));
  std::vector<std::string> outputs = generate(prompts);
  ROUX_CHECK(outputs.size() == items.size()) << "score_generations: the model wrote " << outputs.size()
                                             << " texts for " << items.size() << " prompts";
  std::vector<GenerationOutcome> outcomes;
  for (size_t i = 0; i < items.size(); ++i) {
    const double value = score(outputs[i], items[i].references);
    ROUX_CHECK(std::isfinite(value)) << "score_generations: the score of item " << items[i].id << " is "
                                     << value;
    outcomes.push_back({std::move(outputs[i]), value});
  }
  return outcomes;
}

Prediction prediction_of(const GenerationItem& item, const GenerationOutcome& outcome) {
  return {item.id, item.references.at(0), outcome.output, {outcome.score}};
}

double mean_score(absl::Span<const GenerationOutcome> outcomes) {
  ROUX_CHECK(!outcomes.empty()) << "mean_score: there are no items";
  double sum = 0;
  for (const GenerationOutcome& outcome : outcomes) sum += outcome.score;
  return sum / static_cast<double>(outcomes.size());
}

std::vector<TextOutcome> score_texts(absl::Span<const TextItem> items, const ScoreTexts& score) {
  std::vector<std::string> texts;
  for (const TextItem& item : items) texts.push_back(item.text);
  const std::vector<TokenLikelihood> likelihoods = score(texts);
  ROUX_CHECK(likelihoods.size() == items.size())
      << "score_texts: the model scored " << likelihoods.size() << " of " << items.size() << " texts";
  std::vector<TextOutcome> outcomes;
  for (size_t i = 0; i < items.size(); ++i) {
    ROUX_CHECK(likelihoods[i].negative_log_likelihood >= 0 && likelihoods[i].tokens >= 0)
        << "score_texts: item " << items[i].id << " has negative log likelihood "
        << likelihoods[i].negative_log_likelihood << " and " << likelihoods[i].tokens
        << " tokens, needed >= 0";
    outcomes.push_back({likelihoods[i].negative_log_likelihood, likelihoods[i].tokens,
                        static_cast<int64_t>(texts[i].size())});
  }
  return outcomes;
}

Prediction prediction_of(const TextItem& item, const TextOutcome& outcome) {
  return {item.id,
          "",
          "",
          {outcome.negative_log_likelihood, static_cast<double>(outcome.tokens),
           static_cast<double>(outcome.bytes)}};
}

TextSummary text_summary(absl::Span<const TextOutcome> outcomes) {
  double sum = 0;
  int64_t tokens = 0, bytes = 0;
  for (const TextOutcome& outcome : outcomes) {
    sum += outcome.negative_log_likelihood;
    tokens += outcome.tokens;
    bytes += outcome.bytes;
  }
  return {perplexity(sum, tokens), bits_per_byte(sum, bytes)};
}

}  // namespace roux::kit
