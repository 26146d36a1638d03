// What a stream may be sent: a terminal that moves its cursor, or colours.
#ifndef ROUX_RECIPES_KIT_RUN_TERMINAL_H_
#define ROUX_RECIPES_KIT_RUN_TERMINAL_H_

namespace roux::kit {

// A terminal that understands escape sequences: not a file or pipe, and TERM is not "dumb".
bool is_terminal(int fd);

// A terminal as above, unless NO_COLOR is set to anything (no-color.org).
bool use_colour(int fd);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_TERMINAL_H_
