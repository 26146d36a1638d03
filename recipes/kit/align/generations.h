// From what generate() gave to what is learned from: rollouts, preferences, documents.
//
//   const std::vector<Generation> answers = generate(decode_model(model), prompts, {.samples = 8, ...});
//   const std::vector<double> rewards = checker(answers);
//   grpo_step(..., rollouts_of(prompts, answers, rewards), {.group = 8});              // on-policy
//   preference_step(..., best_and_worst(prompts, answers, rewards), ...);              // after cache_reference()
//   distill_step(..., {to_batch(documents_of(prompts, answers), device)}, ...);        // of the student's own
//   documents_of(prompts, filter(answers, {{"wrong", is_wrong}}, funnel))              // to train on again
//
// answers: each names its prompt. rewards: one for each answer. All throw Error for lists that do not fit.
#ifndef ROUX_RECIPES_KIT_ALIGN_GENERATIONS_H_
#define ROUX_RECIPES_KIT_ALIGN_GENERATIONS_H_

#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/align/preference.h"
#include "recipes/kit/align/rollouts.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/decode/generate.h"

namespace roux::kit {

// In the order of the answers: generate() gives the samples of a prompt behind each other, so they are a
// group.
std::vector<Rollout> rollouts_of(absl::Span<const Tokens> prompts, absl::Span<const Generation> answers,
                                 absl::Span<const double> rewards);

// Of each prompt, in the order of prompts, the first answer of the highest reward as chosen and the first of
// the lowest as rejected; no pair where they have the same reward.
std::vector<Preference> best_and_worst(absl::Span<const Tokens> prompts, absl::Span<const Generation> answers,
                                       absl::Span<const double> rewards);

// Prompts and answers, of which the latter are targets.
std::vector<MaskedDocument> documents_of(absl::Span<const Tokens> prompts,
                                         absl::Span<const Generation> answers);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_ALIGN_GENERATIONS_H_
