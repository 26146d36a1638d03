// WordNet 3.0: synsets with their words, category, relations, definition and examples.
//
//   ROUX_ASSIGN_OR_RETURN(const auto nouns, wordnet_synsets("n", run.source_options()));
//   for (const Synset& synset : nouns.value) use(synset.definition, wordnet_category(synset.category));
#ifndef ROUX_RECIPES_KIT_DATA_SOURCES_WORDNET_H_
#define ROUX_RECIPES_KIT_DATA_SOURCES_WORDNET_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/sources/source.h"

namespace roux::kit {

struct Synset {
  struct Relation {
    std::string symbol;  // "@" hypernym, "~" hyponym, "#p" part of, "!" antonym ...: wninput(5WN)
    int64_t offset = 0;
    char part = 'n';
  };
  int64_t offset = 0;              // names the synset within its part of speech
  char part = 'n';                 // n noun, v verb, a adjective, s satellite adjective, r adverb
  int category = 0;                // number of the lexicographer file, 0 .. 44
  std::vector<std::string> words;  // blanks instead of underscores, no marker of an adjective's place
  std::vector<Relation> relations;
  std::string definition;  // the gloss before its first example
  std::vector<std::string> examples;
};

// Of the parts of speech in `parts`, a selection of "nvar", in this order and within each by offset. An
// excerpt holds a sample: relations may then lead to synsets that are not there.
absl::StatusOr<Sourced<std::vector<Synset>>> wordnet_synsets(const std::string& parts,
                                                             const SourceOptions& options);

// One line of a data file (wndb(5WN)); InvalidArgument says what is wrong.
absl::StatusOr<Synset> parse_synset(std::string_view line);

// "noun.artifact" of 6; throws Error outside of 0 .. 44.
const char* wordnet_category(int category);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SOURCES_WORDNET_H_
