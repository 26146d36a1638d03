// What the example teaches: which of six kinds a WordNet definition is of.
#ifndef EXAMPLES_LORA_SMOLLM2_METHOD_H_
#define EXAMPLES_LORA_SMOLLM2_METHOD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "nn/models/language_model.h"
#include "recipes/kit/data/example.h"
#include "recipes/kit/data/sources/wordnet.h"
#include "recipes/kit/text/tokenizer.h"

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

// The first token of each kind's response, in the order of kKinds: what tells them apart. InvalidArgument
// when two kinds begin alike.
absl::StatusOr<std::vector<int32_t>> first_tokens(const kit::Tokenizer& tokenizer);

// Index into kKinds of the kind whose first token is the most likely one behind each prompt.
std::vector<int64_t> choose(const LanguageModel& model, const kit::Tokenizer& tokenizer,
                            absl::Span<const kit::Example> examples, const std::vector<int32_t>& first,
                            int64_t rows_at_once, Device device);

// Share of `chosen` that is the response of its example.
double accuracy(const std::vector<int64_t>& chosen, absl::Span<const kit::Example> examples);

}  // namespace roux::lora_smollm2

#endif  // EXAMPLES_LORA_SMOLLM2_METHOD_H_
