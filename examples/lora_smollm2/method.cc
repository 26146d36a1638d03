#include "examples/lora_smollm2/method.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "recipes/kit/stats/random.h"

namespace roux::lora_smollm2 {

std::vector<kit::Example> questions(const std::vector<kit::Synset>& nouns) {
  std::vector<kit::Example> out;
  for (const kit::Synset& synset : nouns) {
    for (const Kind& kind : kKinds) {
      if (synset.category != kind.category) continue;
      out.push_back({.id = absl::StrCat(synset.offset),
                     .prompt = absl::StrCat("Act, animal, object, communication, person or plant?\n",
                                            synset.definition, ":"),
                     .response = absl::StrCat(" ", kind.word),
                     .label = kind.word,
                     .source = "wordnet"});
    }
  }
  return out;
}

absl::StatusOr<Split> split(const std::vector<kit::Example>& all, int64_t train, int64_t dev, int64_t test,
                            uint64_t seed) {
  stats::RandomStream random(seed);
  Split out;
  for (const Kind& kind : kKinds) {
    std::vector<const kit::Example*> of_kind;
    for (const kit::Example& example : all) {
      if (example.label == kind.word) of_kind.push_back(&example);
    }
    const int64_t needed = train + dev + test, size = static_cast<int64_t>(of_kind.size());
    if (size < needed) {
      return absl::InvalidArgumentError(
          absl::StrCat("there are ", size, " definitions of kind ", kind.word, ", needed ", needed));
    }
    const std::vector<int64_t> order = stats::random_permutation(size, random);
    for (int64_t i = 0; i < needed; ++i) {
      std::vector<kit::Example>& part = i < train ? out.train : i < train + dev ? out.dev : out.test;
      part.push_back(*of_kind[static_cast<size_t>(order[static_cast<size_t>(i)])]);
    }
  }
  const std::vector<kit::Example> by_kind = std::move(out.train);
  out.train.clear();
  for (const int64_t i : stats::random_permutation(static_cast<int64_t>(by_kind.size()), random))
    out.train.push_back(by_kind[static_cast<size_t>(i)]);
  return out;
}

std::vector<kit::ChoiceItem> choice_items(const std::vector<kit::Example>& examples) {
  std::vector<kit::ChoiceItem> items;
  for (const kit::Example& example : examples) {
    kit::ChoiceItem item{.id = example.id, .question = example.prompt};
    for (const Kind& kind : kKinds) {
      if (example.label == kind.word) item.answer = static_cast<int64_t>(item.choices.size());
      item.choices.emplace_back(kind.word);
    }
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace roux::lora_smollm2
