// Paths in commands that a message proposes.
#ifndef ROUX_RECIPES_KIT_RUN_SHELL_QUOTE_H_
#define ROUX_RECIPES_KIT_RUN_SHELL_QUOTE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace roux::kit {

// `argument` as one word of a POSIX shell.
std::string shell_quote(absl::string_view argument);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_SHELL_QUOTE_H_
