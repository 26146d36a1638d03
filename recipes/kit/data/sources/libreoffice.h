// LibreOffice in many languages: interface strings, parallel on the English text, and help paragraphs, with
// ids that all languages share.
#ifndef ROUX_RECIPES_KIT_DATA_SOURCES_LIBREOFFICE_H_
#define ROUX_RECIPES_KIT_DATA_SOURCES_LIBREOFFICE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/sources/source.h"

namespace roux::kit {

struct TranslatedString {
  std::string catalogue;  // "sw", "sc", ...: the part of the program
  std::string context;
  std::string english;
  std::string translation;
};

// `language` as the package names it, with _ for -: "de", "pa_in". By catalogue, then by the English text;
// the first of several plural forms; entries without translation are left out, those equal to the English
// are not. Accelerator marks (~ and _) stay.
absl::StatusOr<Sourced<std::vector<TranslatedString>>> libreoffice_strings(const std::string& language,
                                                                           const SourceOptions& options);

struct HelpParagraph {
  std::string page;  // "swriter/guide/anchor_object.html"
  std::string id;    // "par_id3150085": the same in every language, unique in its page
  std::string text;
};

// `language`: "en_us", "de", ... By page, in the order of the page.
absl::StatusOr<Sourced<std::vector<HelpParagraph>>> libreoffice_help(const std::string& language,
                                                                     const SourceOptions& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SOURCES_LIBREOFFICE_H_
