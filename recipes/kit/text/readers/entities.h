// Named characters of HTML, with those of XML among them.
#ifndef ROUX_RECIPES_KIT_TEXT_READERS_ENTITIES_H_
#define ROUX_RECIPES_KIT_TEXT_READERS_ENTITIES_H_

#include <string>
#include <string_view>

namespace roux::kit {

struct Entity {
  std::string text;     // in UTF-8; one or two characters
  bool legacy = false;  // known to browsers without its semicolon: "&copy 2026"
};

// What `name` ("amp", "uuml", without & and ;) stands for, or null. Lives for ever; thread-safe.
const Entity* find_entity(std::string_view name);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_READERS_ENTITIES_H_
