// The paper's evaluation [section 3] of answers that are given: --table=RECORDS.jsonl, an object a line:
//
//   {"reference": "...", "base": "...", "tuned": "...",                       answers to one prompt
//    "base_accuracy": 3, "tuned_accuracy": 2,                                 a blind judge's 0 .. 3, and
//    "base_helpfulness": 3, "tuned_helpfulness": 3, "preference": "base",     "base", "tie" or "tuned",
//    "base_errors": 0, "tuned_errors": 1}                                     factual errors by a source
//
// The first three are needed; each other pair or field, where a judge was asked, in all lines or in none.
#ifndef ROUX_RECIPES_LORA_EDUCATION_JUDGED_ANSWERS_H_
#define ROUX_RECIPES_LORA_EDUCATION_JUDGED_ANSWERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/run/run.h"
#include "recipes/lora_education/evaluation.h"
#include "recipes/lora_education/method.h"

namespace roux::lora_education {

struct JudgedAnswers {
  std::vector<std::string> reference, base, tuned;
  // Empty where the file has none.
  std::vector<int64_t> base_accuracy, tuned_accuracy, base_helpfulness, tuned_helpfulness, base_errors,
      tuned_errors;
  std::vector<std::string> preference;
};
// Errors of JsonlReader; InvalidArgument with path and line for a value out of range and for a field that
// some lines lack; for a file without records.
absl::StatusOr<JudgedAnswers> read_judged_answers(const std::string& path);

// A judge's scores 0 .. 3 of base (rows) and tuned (columns), for bowker_test.
stats::Matrix score_table(const std::vector<int64_t>& base, const std::vector<int64_t>& tuned);

// Prints the tables and writes table.json.
absl::Status evaluate_table(const std::string& path, kit::Run& run);

}  // namespace roux::lora_education

#endif  // ROUX_RECIPES_LORA_EDUCATION_JUDGED_ANSWERS_H_
