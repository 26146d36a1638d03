// Files in the form of the authors' repository: prompts, and trials that others have run.
#ifndef ROUX_RECIPES_ALICE_IN_WONDERLAND_RECORDS_H_
#define ROUX_RECIPES_ALICE_IN_WONDERLAND_RECORDS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/alice_in_wonderland/exam.h"
#include "recipes/alice_in_wonderland/method.h"

namespace roux::alice {

// STANDARD, THINKING or RESTRICTED by the words of a prompt or of its description, else OTHER.
std::string prompt_type_in(const std::string& text);
// The problem of a prompt: up to its first question mark. It names a variation.
std::string problem_in(const std::string& prompt);
// N and M of a problem that states brothers and sisters in digits, with this right answer; else nothing.
std::optional<Counts> counts_in(const std::string& problem, const std::string& right_answer);
// M of a problem of AIW Param, "Alice has M sisters and ...": the letter that stands for those who are asked
// for; 0 in a problem without.
char symbol_in(const std::string& problem);

// A list of {id, prompt, right_answer, description}, as a JSON array or as JSON lines; a description may be
// missing. `ids` chooses some of them, in their order, and of the others only the id is looked at; empty:
// all. Errors name the file and the entry: not such a list, a member that is missing, empty or of another
// type, an id that there is not.
absl::StatusOr<std::vector<SampledItem>> read_prompts(const std::string& path,
                                                      const std::vector<int64_t>& ids);

// The trials of one model.
struct ModelTrials {
  std::string model;
  std::vector<SampledItem> items;    // in the order in which they first appear
  std::vector<Responses> responses;  // of each item
};
// Trials as the authors' runner writes them: a list of {model, prompt, model_response, right_answer}, or
// without the texts {model, variation, prompt_type, answer, right_answer}; as a JSON array or as JSON lines.
// Answers are parsed again from model_response; an answer that is given stands for the response "Answer:
// <answer>". Models in the order in which they first appear. Errors as of read_prompts.
absl::StatusOr<std::vector<ModelTrials>> read_trials(const std::string& path);

// Benchmark scores by model, from a CSV with the column "model" and one for each benchmark.
struct Benchmarks {
  std::vector<std::string> names;
  std::map<std::string, std::vector<double>> scores;  // by model; NaN where the field is empty
};
absl::StatusOr<Benchmarks> read_benchmarks(const std::string& path);

}  // namespace roux::alice

#endif  // ROUX_RECIPES_ALICE_IN_WONDERLAND_RECORDS_H_
