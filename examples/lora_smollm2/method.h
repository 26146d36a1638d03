// What the example teaches: which of six kinds a WordNet definition is of.
#ifndef EXAMPLES_LORA_SMOLLM2_METHOD_H_
#define EXAMPLES_LORA_SMOLLM2_METHOD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/example.h"
#include "recipes/kit/data/sources/wordnet.h"
#include "recipes/kit/eval/task_items.h"

namespace roux::lora_smollm2 {

// A category of WordNet's nouns (its lexicographer file) and the word that names it in prompts and answers.
struct Kind {
  int category;
  const char* word;
};
inline constexpr Kind kKinds[] = {{4, "act"},     {5, "animal"}, {6, "object"}, {10, "communication"},
                                  {18, "person"}, {20, "plant"}};

// The synsets of these categories: the definition as a question, its kind as the response, " animal".
std::vector<kit::Example> questions(const std::vector<kit::Synset>& nouns);

struct Split {
  std::vector<kit::Example> train, dev, test;
};
// So many of each kind, drawn by the seed, those of `train` in random order: neighbours share packed rows.
// InvalidArgument when a kind has fewer than all together.
absl::StatusOr<Split> split(const std::vector<kit::Example>& all, int64_t train, int64_t dev, int64_t test,
                            uint64_t seed);

// Multiple choice among the six kinds, in the order of kKinds: the prompt is the question, and the choices
// are the words without the space before them, which is PromptFormat's delimiter.
std::vector<kit::ChoiceItem> choice_items(const std::vector<kit::Example>& examples);
inline const kit::PromptFormat kFormat = {.item = "{question}"};

}  // namespace roux::lora_smollm2

#endif  // EXAMPLES_LORA_SMOLLM2_METHOD_H_
