// VADER: words and short texts with the sentiment that ten (or more) people gave them, from -4 to 4.
#ifndef ROUX_RECIPES_KIT_DATA_SOURCES_VADER_H_
#define ROUX_RECIPES_KIT_DATA_SOURCES_VADER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/sources/source.h"

namespace roux::kit {

struct RatedText {
  std::string id;  // of a snippet; of a word: the word
  std::string text;
  double mean = 0;
  std::vector<int> ratings;  // of a word: ten; of a snippet: empty, its file has the means alone
};

// The lexicon, in the order of the file.
absl::StatusOr<Sourced<std::vector<RatedText>>> vader_lexicon(const SourceOptions& options);

// `kind`: "movie_reviews" (10,605), "newspaper_editorials" (5,190), "tweets" (4,200), "product_reviews"
// (3,708).
absl::StatusOr<Sourced<std::vector<RatedText>>> vader_snippets(const std::string& kind,
                                                               const SourceOptions& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SOURCES_VADER_H_
