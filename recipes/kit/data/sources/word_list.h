// American English words, one of SCOWL's lists.
#ifndef ROUX_RECIPES_KIT_DATA_SOURCES_WORD_LIST_H_
#define ROUX_RECIPES_KIT_DATA_SOURCES_WORD_LIST_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/sources/source.h"

namespace roux::kit {

// In the order of the file; names and forms with 's are among them.
absl::StatusOr<Sourced<std::vector<std::string>>> english_words(const SourceOptions& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SOURCES_WORD_LIST_H_
