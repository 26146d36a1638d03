#include "recipes/kit/decode/task_model.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tensor/error.h"

namespace roux::kit {
namespace {

Tokens encoded(const TaskModel& model, const std::string& text) {
  Tokens tokens = model.beginning;
  const Tokens ids = model.tokenizer->encode(text, {.add_special = model.sources}).ids;
  tokens.insert(tokens.end(), ids.begin(), ids.end());
  if (tokens.empty()) tokens.push_back(model.empty);
  return tokens;
}

std::string without_space_at_end(const std::string& text) {
  return text.substr(0, text.find_last_not_of(" \t\n\r\f\v") + 1);
}

// The prompt and its continuations as tokens.
Question question_of(const TaskModel& model, const std::string& prompt,
                     const std::vector<std::string>& continuations) {
  const std::string shown = model.sources ? prompt : without_space_at_end(prompt);
  Question question{.id = prompt, .prompt = encoded(model, shown)};
  for (const std::string& continuation : continuations) {
    Tokens tokens;
    if (model.sources || shown.empty()) {
      tokens = model.tokenizer->encode(prompt.substr(shown.size()) + continuation).ids;
    } else {
      const Tokens both = encoded(model, prompt + continuation);
      const size_t taken = std::min(question.prompt.size(), both.size());
      tokens.assign(both.begin() + static_cast<int64_t>(taken), both.end());
    }
    ROUX_CHECK(!tokens.empty()) << "continuation_scorer: \"" << continuation
                                << "\" has no token of its own behind \"" << prompt << "\"";
    question.choices.push_back(std::move(tokens));
  }
  return question;
}

// Windows in which each token of `ids` is asked for once.
std::vector<Question> windows_of(const TaskModel& model, const Tokens& ids, size_t window,
                                 const std::string& name) {
  std::vector<Question> windows;
  for (size_t begin = 0; begin < ids.size(); begin += window) {
    const size_t end = std::min(begin + window, ids.size());
    Question question{
        .id = name,
        .prompt = {model.empty},
        .choices = {{ids.begin() + static_cast<int64_t>(begin), ids.begin() + static_cast<int64_t>(end)}}};
    // The prompt and all but the last of these are what the model reads: `window` tokens behind a first one.
    if (begin > 0) {
      const size_t first = end - window;
      question.prompt.assign(ids.begin() + static_cast<int64_t>(first) - 1,
                             ids.begin() + static_cast<int64_t>(begin));
    }
    windows.push_back(std::move(question));
  }
  return windows;
}

}  // namespace

TaskModel task_model(DecodeModel model, const Tokenizer& tokenizer) {
  const SpecialIds& special = tokenizer.special();
  ROUX_CHECK(special.bos || special.eos) << "task_model: " << tokenizer.name()
                                         << " has no token of the beginning or of the end, for empty prompts";
  const Tokens added = tokenizer.encode("", {.add_special = true}).ids;
  const bool begins = special.bos && !added.empty() && added.front() == *special.bos;
  return {.model = std::move(model),
          .tokenizer = &tokenizer,
          .beginning = begins ? Tokens{*special.bos} : Tokens(),
          .empty = special.bos ? *special.bos : *special.eos};
}

TaskModel source_task_model(DecodeModel model, const Tokenizer& tokenizer) {
  return {.model = std::move(model), .tokenizer = &tokenizer, .sources = true};
}

ScoreContinuations continuation_scorer(const TaskModel& model, const ScoreOptions& options) {
  return [model, options](absl::Span<const std::string> prompts,
                          absl::Span<const std::vector<std::string>> continuations) {
    ROUX_CHECK(prompts.size() == continuations.size())
        << "continuation_scorer: " << prompts.size() << " prompts, continuations of " << continuations.size();
    std::vector<Question> questions;
    for (size_t i = 0; i < prompts.size(); ++i) {
      questions.push_back(question_of(model, prompts[i], continuations[i]));
    }
    std::vector<std::vector<ContinuationScore>> all;
    for (const auto& of_prompt : choice_token_scores(model.model, questions, options)) {
      std::vector<ContinuationScore>& scores = all.emplace_back();
      for (const std::vector<TokenScore>& tokens : of_prompt) {
        ContinuationScore score{.tokens = static_cast<int64_t>(tokens.size()), .greedy = true};
        for (const TokenScore& token : tokens) {
          score.log_probability += token.log_prob;
          score.greedy = score.greedy && token.likeliest;
        }
        scores.push_back(score);
      }
    }
    return all;
  };
}

Generate text_writer(const TaskModel& model, const GenerateOptions& options) {
  ROUX_CHECK(options.samples == 1) << "text_writer: samples is " << options.samples << ", needed 1";
  GenerateOptions with_text = options;
  with_text.text = text_of(*model.tokenizer);
  return [model, with_text](absl::Span<const std::string> prompts) {
    std::vector<Tokens> ids;
    for (const std::string& prompt : prompts) ids.push_back(encoded(model, prompt));
    std::vector<std::string> texts;
    for (Generation& generation : generate(model.model, ids, with_text)) {
      texts.push_back(std::move(generation.text));
    }
    return texts;
  };
}

ScoreTexts text_scorer(const TaskModel& model, int64_t window, const ScoreOptions& options) {
  ROUX_CHECK(window >= 1 && !model.sources)
      << "text_scorer: window is " << window << ", needed 1 or more"
      << (model.sources ? "; the likelihood of a text behind nothing is a decoder's" : "");
  const auto most = static_cast<size_t>(std::min(window, model.model.context.value_or(window)));
  return [model, most, options](absl::Span<const std::string> texts) {
    std::vector<Question> questions;
    std::vector<size_t> of_text;
    for (size_t i = 0; i < texts.size(); ++i) {
      const Tokens ids = model.tokenizer->encode(texts[i]).ids;
      for (Question& question : windows_of(model, ids, most, texts[i].substr(0, 40))) {
        questions.push_back(std::move(question));
        of_text.push_back(i);
      }
    }
    const auto scores = choice_token_log_probs(model.model, questions, options);
    std::vector<TokenLikelihood> likelihoods(texts.size());
    for (size_t i = 0; i < scores.size(); ++i) {
      TokenLikelihood& likelihood = likelihoods[of_text[i]];
      for (const double log_prob : scores[i][0]) likelihood.negative_log_likelihood -= log_prob;
      likelihood.tokens += static_cast<int64_t>(scores[i][0].size());
    }
    return likelihoods;
  };
}

}  // namespace roux::kit
