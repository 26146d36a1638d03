// Which language a text is in, by character n-grams: a naive Bayes classifier over n-grams of one to three
// characters.
//
//   LanguageIdentifier identifier;
//   identifier.add("en", english_text);
//   identifier.add("de", german_text);
//   LanguageGuess guess = identifier.identify("Guten Morgen");       // {"de", 0.99...}
//
// Adding is not thread-safe; identifying is.
#ifndef ROUX_RECIPES_KIT_TEXT_LANGUAGE_ID_H_
#define ROUX_RECIPES_KIT_TEXT_LANGUAGE_ID_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"

namespace roux::kit {

struct LanguageGuess {
  std::string language;    // empty: no letters, or none that any language has
  double probability = 0;  // posterior under equal priors
};

class LanguageIdentifier {
 public:
  // Counts a sample of a language; may be called often.
  void add(const std::string& language, std::string_view sample);
  // A profile of the package langdetect ({"name", "freq": {n-gram: count}, "n_words": [...]}), as in Debian's
  // python3-langdetect; `file` stands in messages. Damage is InvalidArgument.
  absl::Status add_profile(std::string_view json, const std::string& file);

  std::vector<std::string> languages() const;
  // All languages, the most probable first; empty as for LanguageGuess.
  std::vector<LanguageGuess> rank(std::string_view text) const;
  LanguageGuess identify(std::string_view text) const;

 private:
  struct Profile {
    absl::flat_hash_map<std::string, double> counts;
    std::array<double, 3> totals = {};  // by length of the n-gram
  };
  std::map<std::string, Profile> profiles_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_LANGUAGE_ID_H_
