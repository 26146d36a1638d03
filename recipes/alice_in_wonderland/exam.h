// Part A: problems put to a real model. Exact mode: the probability of every integer behind "### Answer:".
// Sampled mode: the authors' protocol, trials at temperature 1 that are parsed.
//
//   const std::vector<ExactItem> items = exact_items({.largest_count = 7, .every = 2});
//   ROUX_ASSIGN_OR_RETURN(const auto results, run.part("exact", [&](kit::Part& part) {
//     return score_items(subject, items, part);
//   }));
#ifndef ROUX_RECIPES_ALICE_IN_WONDERLAND_EXAM_H_
#define ROUX_RECIPES_ALICE_IN_WONDERLAND_EXAM_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/alice_in_wonderland/integers.h"
#include "recipes/alice_in_wonderland/method.h"
#include "recipes/alice_in_wonderland/problems.h"
#include "recipes/kit/models/language_model.h"
#include "recipes/kit/run/part.h"

namespace roux::alice {

// Who is examined. `chat` is null for a base model.
struct Subject {
  const LanguageModel& model;
  const kit::Tokenizer& tokenizer;
  const kit::ChatTemplate* chat;
  kit::Tokens stop_tokens;
};

// The integers that exact mode tells apart, 0 .. 15.
inline constexpr int64_t kLargestAnswer = 15;

// One cell of exact mode.
struct ExactItem {
  std::string arm, id;                     // "thinking", "3 brothers, 6 sisters"
  std::vector<kit::ChatMessage> messages;  // of a chat model; the answer begins with "### Answer:"
  std::string base_prompt;                 // not empty: this text alone is the prompt
  bool attribute = false;                  // male or female, not a number: probabilities[1] is female
  Counts counts;
};

struct ExactOptions {
  int64_t largest_count = 7;  // brothers and sisters: 1 .. largest_count
  int64_t every = 2;          // cells whose counts have a sum that this divides; 1: all
  bool all_arms = false;      // more arms, see below
};

// Arms over the same cells, brothers first and sisters first in each: AIW as "standard" and the controls
// "siblings", "sister's brothers" and "girls"; in one of the two orders also the control "attribute" and AIW
// as "thinking", "restricted", "few_shot" (three solved problems with numbers beyond the grid) and "recheck"
// (the answer M is given and the user asks to check it). With all_arms these in both orders, and "bob",
// "words", "lines", "friends", "colleagues", "alice_and_bob" and "base". Further the cells of
// aiw_variations() under each prompt type ("variations STANDARD", ids V1 to V4) and AIW+ ("plus"). Sorted by
// arm.
std::vector<ExactItem> exact_items(const ExactOptions& options);

// What stands before the answer: messages and head of the template, and "### Answer:". Errors: the
// template's; FailedPrecondition for messages without a template.
absl::StatusOr<kit::Tokens> exact_prompt(const Subject& subject, const ExactItem& item);

// Distributions of all items in their order, in slices, with a prediction each (scores: the probabilities).
absl::StatusOr<std::vector<IntegerDistribution>> score_items(const Subject& subject,
                                                             const std::vector<ExactItem>& items,
                                                             kit::Part& part);

// p(right answer).
double right_probability(const ExactItem& item, const IntegerDistribution& result);
// Those of one arm, by the id of the cell, which is the same in all arms.
using ByCell = std::map<std::string, double>;
ByCell right_probabilities(const std::vector<ExactItem>& items,
                           const std::vector<IntegerDistribution>& results, const std::string& arm);

// One prompt of sampled mode.
struct SampledItem {
  std::string variation, type;  // "V1", "STANDARD"
  std::string prompt;
  std::string right_answer;
  std::optional<Counts> counts = {};  // where the problem is known: kinds of wrong answers
  char symbol = 0;                    // not 0: AIW Param, right is a response that names M + 1 of this M
};
std::vector<SampledItem> sampled_items();  // V1 to V4 as STANDARD and RESTRICTED

struct SampledOptions {
  int64_t trials = 30, new_tokens = 16;
  double temperature = 1;
  uint64_t seed = 1;
};
// The responses to one prompt.
struct Responses {
  std::vector<std::string> texts;
  template <class Visit>
  void visit(Visit&& visit) {
    visit("texts", texts);
  }
};
// Trials of each prompt, from one prefill, with a prediction each. A response depends on (seed, prompt,
// trial) alone. Errors: InvalidArgument names a prompt that fills the model's context.
absl::StatusOr<std::vector<Responses>> sample_items(const Subject& subject,
                                                    const std::vector<SampledItem>& items,
                                                    const SampledOptions& options, kit::Part& part);

// Whether a response is right: by the authors' parser, in AIW Param by names_one_more().
bool is_right(const SampledItem& item, const std::string& response);
// The responses judged.
Cell cell_of(const SampledItem& item, const Responses& responses);
std::vector<Cell> cells_of(const std::vector<SampledItem>& items, const std::vector<Responses>& responses);
// How many responses are of each kind; of an item without counts only right, unparsed and else.
std::array<int64_t, kKinds> kinds_of(const SampledItem& item, const Responses& responses);

}  // namespace roux::alice

#endif  // ROUX_RECIPES_ALICE_IN_WONDERLAND_EXAM_H_
