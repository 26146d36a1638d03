// Manual pages as text.
#ifndef ROUX_RECIPES_KIT_DATA_SOURCES_MANUAL_PAGES_H_
#define ROUX_RECIPES_KIT_DATA_SOURCES_MANUAL_PAGES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/sources/source.h"

namespace roux::kit {

struct ManualPage {
  std::string name;     // "open"
  std::string section;  // "2"
  std::string text;
};

// `language`: "en" (of Linux and the C library) or "de". By path; pages that only refer to another one are
// left out.
absl::StatusOr<Sourced<std::vector<ManualPage>>> manual_pages(const std::string& language,
                                                              const SourceOptions& options);

// The words of a page in roff: headings on lines of their own, the arguments of font macros in their
// sentence, other requests and comments dropped, paragraphs apart by an empty line. Macros of the mdoc set
// are not known: of their lines nothing is left.
std::string plain_roff(std::string_view roff);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SOURCES_MANUAL_PAGES_H_
