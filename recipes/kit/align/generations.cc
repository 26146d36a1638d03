#include "recipes/kit/align/generations.h"

#include <cmath>
#include <optional>

#include "tensor/error.h"

namespace roux::kit {
namespace {

const Tokens& prompt_of(const char* name, absl::Span<const Tokens> prompts, const Generation& answer) {
  ROUX_CHECK(answer.prompt >= 0 && answer.prompt < static_cast<int64_t>(prompts.size()))
      << name << ": an answer is to prompt " << answer.prompt << " of " << prompts.size();
  return prompts[static_cast<size_t>(answer.prompt)];
}

void check_rewards(const char* name, absl::Span<const Generation> answers, absl::Span<const double> rewards) {
  ROUX_CHECK(answers.size() == rewards.size())
      << name << ": " << answers.size() << " answers have " << rewards.size() << " rewards, needed as many";
}

}  // namespace

std::vector<Rollout> rollouts_of(absl::Span<const Tokens> prompts, absl::Span<const Generation> answers,
                                 absl::Span<const double> rewards) {
  check_rewards("rollouts_of", answers, rewards);
  std::vector<Rollout> out;
  for (size_t i = 0; i < answers.size(); ++i) {
    out.push_back({.prompt = prompt_of("rollouts_of", prompts, answers[i]),
                   .answer = answers[i].tokens,
                   .reward = rewards[i],
                   .log_probs = answers[i].log_probs});
  }
  return out;
}

std::vector<Preference> best_and_worst(absl::Span<const Tokens> prompts, absl::Span<const Generation> answers,
                                       absl::Span<const double> rewards) {
  check_rewards("best_and_worst", answers, rewards);
  struct Ends {
    size_t best, worst;
  };
  std::vector<std::optional<Ends>> ends(prompts.size());
  for (size_t i = 0; i < answers.size(); ++i) {
    prompt_of("best_and_worst", prompts, answers[i]);
    ROUX_CHECK(std::isfinite(rewards[i]))
        << "best_and_worst: rewards[" << i << "] is " << rewards[i] << ", needed a finite number";
    std::optional<Ends>& of = ends[static_cast<size_t>(answers[i].prompt)];
    if (!of) of = Ends{i, i};
    if (rewards[i] > rewards[of->best]) of->best = i;
    if (rewards[i] < rewards[of->worst]) of->worst = i;
  }
  std::vector<Preference> pairs;
  for (size_t p = 0; p < prompts.size(); ++p) {
    if (!ends[p] || rewards[ends[p]->best] == rewards[ends[p]->worst]) continue;
    pairs.push_back({.prompt = prompts[p],
                     .chosen = answers[ends[p]->best].tokens,
                     .rejected = answers[ends[p]->worst].tokens});
  }
  return pairs;
}

std::vector<MaskedDocument> documents_of(absl::Span<const Tokens> prompts,
                                         absl::Span<const Generation> answers) {
  std::vector<MaskedDocument> out;
  for (const Generation& answer : answers)
    out.push_back(answer_to(prompt_of("documents_of", prompts, answer), answer.tokens));
  return out;
}

}  // namespace roux::kit
