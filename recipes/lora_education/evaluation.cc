#include "recipes/lora_education/evaluation.h"

#include <algorithm>

#include "recipes/kit/decode/generate.h"
#include "recipes/kit/decode/score.h"
#include "recipes/kit/eval/bleu.h"
#include "recipes/kit/eval/rouge.h"
#include "recipes/kit/stats/resampling.h"
#include "recipes/lora_education/method.h"
#include "tensor/error.h"

namespace roux::lora_education {
namespace {

// BLEU of some segments from their counts, split once.
class CorpusBleu {
 public:
  CorpusBleu(absl::Span<const std::string> answers, absl::Span<const std::string> references) {
    for (size_t i = 0; i < answers.size(); ++i) {
      segments_.push_back(kit::bleu_statistics(answers[i], absl::MakeConstSpan(&references[i], 1)));
    }
  }
  double operator()(std::span<const int64_t> items) const {
    kit::BleuStatistics sum = segments_[static_cast<size_t>(items[0])];
    for (const int64_t item : items.subspan(1)) sum += segments_[static_cast<size_t>(item)];
    return kit::bleu_score(sum).score;
  }
  double all() const {
    kit::BleuStatistics sum = segments_[0];
    for (size_t i = 1; i < segments_.size(); ++i) sum += segments_[i];
    return kit::bleu_score(sum).score;
  }

 private:
  std::vector<kit::BleuStatistics> segments_;
};

std::vector<double> rouge_l(absl::Span<const std::string> answers, absl::Span<const std::string> references) {
  std::vector<double> out;
  for (size_t i = 0; i < answers.size(); ++i) out.push_back(kit::rouge_l(references[i], answers[i]).f1);
  return out;
}

}  // namespace

std::vector<std::string> greedy_answers(const LanguageModel& model, const kit::Tokenizer& tokenizer,
                                        absl::Span<const Prompt> prompts, int64_t max_tokens) {
  std::vector<kit::Tokens> tokens;
  for (const Prompt& prompt : prompts) tokens.push_back(prompt.tokens);
  kit::GenerateOptions options{.max_tokens = max_tokens, .sampling = {.temperature = 0}};
  if (tokenizer.special().eos) options.stop_tokens = {*tokenizer.special().eos};
  options.text = kit::text_of(tokenizer);
  std::vector<std::string> out;
  for (kit::Generation& generation : kit::generate(kit::decode_model(model), tokens, options)) {
    out.push_back(std::move(generation.text));
  }
  return out;
}

AnswerScores score_answers(absl::Span<const std::string> answers, absl::Span<const std::string> references) {
  ROUX_CHECK(!answers.empty() && answers.size() == references.size())
      << "score_answers: there are " << answers.size() << " answers and " << references.size()
      << " references, needed as many, at least one";
  AnswerScores scores;
  for (const std::string& answer : answers) {
    const Markdown has = markdown_of(answer);
    scores.heading += has.heading, scores.list += has.list, scores.bold += has.bold;
    scores.action_steps += has.action_steps, scores.markdown += has.all();
    scores.caveat += has_caveat(answer);
  }
  for (const double f1 : rouge_l(answers, references)) scores.rouge_l += f1;
  // Sums before shares, so that all of them is 1 exactly.
  scores.visit([&](const char*, double& value) { value /= static_cast<double>(answers.size()); });
  scores.bleu = CorpusBleu(answers, references).all();
  return scores;
}

SimilarityGain similarity_gain(absl::Span<const std::string> a, absl::Span<const std::string> b,
                               absl::Span<const std::string> references, uint64_t seed, int64_t resamples) {
  stats::RandomStream random(seed, /*stream=*/7);
  const stats::BootstrapOptions options{.resamples = resamples};
  const auto items = static_cast<int64_t>(references.size());
  return {
      stats::paired_bootstrap_mean(rouge_l(b, references), rouge_l(a, references), random, options)
          .difference,
      stats::paired_bootstrap(items, CorpusBleu(b, references), CorpusBleu(a, references), random, options)
          .difference};
}

Knowledge facts_known(const LanguageModel& model, const kit::Tokenizer& tokenizer, const World& world) {
  std::vector<kit::Question> questions;
  std::vector<size_t> wrong;
  const auto encode = [&](const std::string& text) {
    return tokenizer.encode(text, {.parse_special = false}).ids;
  };
  for (int64_t fact = 0; fact < world.facts(); ++fact) {
    const ClozeQuestion cloze = cloze_question(world, fact);
    kit::Question question{.id = cloze.prompt, .prompt = encode(cloze.prompt), .gold = cloze.gold};
    if (tokenizer.special().bos) question.prompt.insert(question.prompt.begin(), *tokenizer.special().bos);
    for (const std::string& choice : cloze.choices) question.choices.push_back(encode(choice));
    questions.push_back(std::move(question));
    wrong.push_back(static_cast<size_t>(cloze.wrong));
  }
  const auto log_probs = kit::choice_log_probs(kit::decode_model(model), questions);
  Knowledge out;
  for (size_t i = 0; i < questions.size(); ++i) {
    const auto gold = static_cast<size_t>(questions[i].gold);
    out.known.push_back(kit::best_choice(log_probs[i]) == gold);
    out.margins.push_back(log_probs[i][gold] - log_probs[i][wrong[i]]);
  }
  return out;
}

}  // namespace roux::lora_education
