#include "recipes/kit/worlds/made_up_words.h"

#include <iterator>

namespace roux::kit {

std::string made_up_word(int64_t syllables, const char* end, stats::RandomStream& random) {
  constexpr char kConsonants[] = "bdfgklmnprstvz", kVowels[] = "aeiou";
  std::string word;
  for (int64_t i = 0; i < syllables; ++i) {
    word += kConsonants[random.below(std::size(kConsonants) - 1)];
    word += kVowels[random.below(std::size(kVowels) - 1)];
  }
  word[0] = static_cast<char>(word[0] - 'a' + 'A');
  return word + end;
}

}  // namespace roux::kit
