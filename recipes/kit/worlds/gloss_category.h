// Definition -> semantic category: a classification task of real definitions (WordNet's) and real classes.
//
//   ROUX_ASSIGN_OR_RETURN(const auto nouns, wordnet_synsets("n", run.source_options()));
//   const GlossTask task = make_gloss_task(nouns.value, {.categories = {"noun.animal", "noun.food"}}, seed);
#ifndef ROUX_RECIPES_KIT_WORLDS_GLOSS_CATEGORY_H_
#define ROUX_RECIPES_KIT_WORLDS_GLOSS_CATEGORY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "recipes/kit/data/example.h"
#include "recipes/kit/data/sources/wordnet.h"

namespace roux::kit {

struct GlossTaskOptions {
  std::vector<std::string> categories;  // as wordnet_category names them; the label is what follows the point
  int64_t test = 200, validation = 100;      // numbers of items; training gets the rest
  int64_t most_per_category = 0;             // of all three together; 0: no limit, the natural frequencies
  int64_t least_words = 3, most_words = 20;  // of a definition
};

struct GlossTask {
  std::vector<std::string> labels;  // "animal", in the order of the categories
  std::vector<Example> train, validation, test;
};

// prompt: the definition; response and label: the category. Shuffled by the seed. Definitions that several
// synsets share are left out, so that no test item was trained on. Pure. Throws Error for an unknown or
// repeated category, or if there are not more items than test and validation need.
GlossTask make_gloss_task(const std::vector<Synset>& synsets, const GlossTaskOptions& options, uint64_t seed);

// The checker: whether `text` (white space, case and a final period aside) is the item's label.
bool is_category(const Example& item, std::string_view text);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_WORLDS_GLOSS_CATEGORY_H_
