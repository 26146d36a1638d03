// Names in many languages from Unicode's Common Locale Data Repository.
#ifndef ROUX_RECIPES_KIT_DATA_SOURCES_CLDR_H_
#define ROUX_RECIPES_KIT_DATA_SOURCES_CLDR_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "recipes/kit/data/sources/source.h"

namespace roux::kit {

// The name of each symbol (emoji, punctuation, flags) in `language` ("de", "pt_PT"), by the symbol: the same
// symbol's names in several languages are parallel. Symbols whose name is inherited are left out.
absl::StatusOr<Sourced<std::map<std::string, std::string>>> symbol_names(const std::string& language,
                                                                         const SourceOptions& options);

// `what`: "language" (by code: "de" -> "German") or "territory" ("DE" -> "Germany"), in `language`. Of
// several names of one code the one without variant.
absl::StatusOr<Sourced<std::map<std::string, std::string>>> display_names(const std::string& what,
                                                                          const std::string& language,
                                                                          const SourceOptions& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SOURCES_CLDR_H_
