#include "recipes/kit/run/terminal.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace roux::kit {

bool is_terminal(int fd) {
  const char* term = std::getenv("TERM");
  return ::isatty(fd) != 0 && (term == nullptr || std::strcmp(term, "dumb") != 0);
}

bool use_colour(int fd) {
  const char* no_colour = std::getenv("NO_COLOR");
  return is_terminal(fd) && (no_colour == nullptr || *no_colour == '\0');
}

}  // namespace roux::kit
