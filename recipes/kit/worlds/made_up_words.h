// Names of made-up people.
#ifndef ROUX_RECIPES_KIT_WORLDS_MADE_UP_WORDS_H_
#define ROUX_RECIPES_KIT_WORLDS_MADE_UP_WORDS_H_

#include <cstdint>
#include <string>

#include "recipes/kit/stats/random.h"

namespace roux::kit {

// Syllables of consonant and vowel, then `end`: "Bareka". One of 70 to the power of `syllables`.
std::string made_up_word(int64_t syllables, const char* end, stats::RandomStream& random);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_WORLDS_MADE_UP_WORDS_H_
