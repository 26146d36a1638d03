// White space as markup means it.
#ifndef ROUX_RECIPES_KIT_DATA_SOURCES_SINGLE_BLANKS_H_
#define ROUX_RECIPES_KIT_DATA_SOURCES_SINGLE_BLANKS_H_

#include <string>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace roux::kit {

// Runs of white space of any kind become one blank, those at the ends nothing.
inline std::string single_blanks(const std::string& text) {
  return absl::StrJoin(absl::StrSplit(text, absl::ByAnyChar(" \t\r\n\f\v"), absl::SkipEmpty()), " ");
}

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SOURCES_SINGLE_BLANKS_H_
