// Dictionaries in dictd's format: headwords with their definitions.
#ifndef ROUX_RECIPES_KIT_DATA_SOURCES_DICTIONARY_H_
#define ROUX_RECIPES_KIT_DATA_SOURCES_DICTIONARY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/sources/source.h"

namespace roux::kit {

struct DictionaryEntry {
  std::string headword;
  std::string definition;  // as it stands in the file, several lines
};

// `dictionary`: "gcide" (Webster 1913), "foldoc" (computing), "vera" (acronyms), or FreeDict's
// "freedict_eng_fra", "freedict_eng_deu", "freedict_eng_rus", "freedict_eng_hin", "freedict_kha_eng". In the
// order of the index; a definition that several headwords share appears with each of them.
absl::StatusOr<Sourced<std::vector<DictionaryEntry>>> dictionary(const std::string& dictionary,
                                                                 const SourceOptions& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SOURCES_DICTIONARY_H_
