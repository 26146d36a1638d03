// Requests to a smart home in 65 languages: patterns of sentences by intent, and one sentence of a pattern.
#ifndef ROUX_RECIPES_KIT_DATA_SOURCES_INTENTS_H_
#define ROUX_RECIPES_KIT_DATA_SOURCES_INTENTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/sources/source.h"
#include "recipes/kit/stats/random.h"

namespace roux::kit {

struct Intents {
  struct Pattern {
    std::string intent;    // "HassTurnOn"
    std::string sentence;  // "[please] (turn|switch) on <the> {name}"
  };
  std::vector<Pattern> patterns;             // by intent
  std::map<std::string, std::string> rules;  // what <the> stands for
};

// `language`: "en", "de", "pt-BR", ...
absl::StatusOr<Sourced<Intents>> home_intents(const std::string& language, const SourceOptions& options);

// One sentence: [an optional part] is there half of the time, of (several|parts) each is equally likely,
// <rules> are replaced. {slots} stay as they are, "{name}" or "{list:slot}"; white space is single blanks.
// InvalidArgument for an open bracket, an unknown rule, or rules that go round in a circle.
absl::StatusOr<std::string> draw_sentence(const std::string& pattern,
                                          const std::map<std::string, std::string>& rules,
                                          stats::RandomStream& random);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SOURCES_INTENTS_H_
