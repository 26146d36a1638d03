// Named characters of HTML 4.01 and XML.
#ifndef ROUX_RECIPES_KIT_TEXT_READERS_ENTITIES_H_
#define ROUX_RECIPES_KIT_TEXT_READERS_ENTITIES_H_

#include <string_view>

namespace roux::kit {

// The code point of `name` ("amp", "uuml", without & and ;), or 0. Thread-safe.
char32_t entity_code_point(std::string_view name);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_READERS_ENTITIES_H_
