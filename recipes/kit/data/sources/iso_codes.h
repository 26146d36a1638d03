// Names of countries, languages and currencies by their ISO codes, and their translations.
#ifndef ROUX_RECIPES_KIT_DATA_SOURCES_ISO_CODES_H_
#define ROUX_RECIPES_KIT_DATA_SOURCES_ISO_CODES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/sources/source.h"

namespace roux::kit {

struct CodedName {
  std::string code;         // of three letters: "DEU", "deu", "EUR"
  std::string name;         // English
  std::string translation;  // empty where there is none, and without a language
};

// `standard`: "iso_3166-1" (249 countries), "iso_639-3" (7,910 languages), "iso_639-2", "iso_4217"
// (currencies). `language`: of the translations, as a folder of gettext ("de", "pt_BR"); empty: none. By
// code.
absl::StatusOr<Sourced<std::vector<CodedName>>> iso_names(const std::string& standard,
                                                          const std::string& language,
                                                          const SourceOptions& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SOURCES_ISO_CODES_H_
